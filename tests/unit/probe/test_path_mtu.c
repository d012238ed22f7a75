// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of how large packets may be on a path: what is lost by its size, by chance, or at all.
// The path is lo in a network of the test's own, where nftables loses what is too large.

#include "probe/path_mtu.h"
#include "probe/probing.h"
#include "suite.h"

static struct path_mtu paths[2];

static void set_up(void)
{
	static const char *const here[] = { "127.0.0.1", "2001:db8::1" };

	probing_begin();
	run("nft 'table inet lossy { chain input { type filter hook input priority 0; }; }'");
	for (enum family family = 0; family < N_FAMILIES; family++) {
		paths[family] = (struct path_mtu){ .family = family, .mtu = 1500 };
		snprintf(paths[family].path.interface, IFNAMSIZ, "lo");
		paths[family].path.sources[0] = paths[family].targets[0] = address(here[family]);
	}
}

static void lose(const char *what)
{
	run("nft 'add rule inet lossy input %s drop'", what);
}

static void expect(unsigned carried, bool black_hole)
{
	path_mtus_find(paths, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(paths[i].carried, carried);
		ck_assert_uint_eq(paths[i].told, 0);
		ck_assert_int_eq(path_mtu_is_black_hole(&paths[i]), black_hole);
	}
}

START_TEST(what_comes_back_in_full_is_no_black_hole)
{
	expect(1500, false);
}
END_TEST

START_TEST(size_from_which_on_packets_are_lost_is_found_to_the_byte)
{
	lose("meta length > 1452");
	expect(1452, true);
	run("nft flush chain inet lossy input");
	lose("meta length > 1280");
	expect(1280, true);
	run("nft flush chain inet lossy input");
	lose("meta length > 1499");
	expect(1499, true);
}
END_TEST

START_TEST(line_with_the_usual_size_behind_a_larger_mtu_is_found)
{
	paths[IPV4].mtu = paths[IPV6].mtu = 9000;
	lose("meta length > 1500");
	expect(1500, true);
}
END_TEST

START_TEST(packet_that_is_lost_by_chance_is_asked_for_again)
{
	/* The first of each size. */
	lose("icmp type echo-request meta length > 1000 numgen inc mod 4 < 2");
	lose("icmpv6 type echo-request meta length > 1000 numgen inc mod 4 < 2");
	expect(1500, false);
}
END_TEST

START_TEST(target_that_answers_small_requests_only_says_nothing_of_the_path)
{
	lose("meta length > 1000");
	path_mtus_find(paths, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_lt(paths[i].carried, 1000);
		ck_assert_uint_gt(paths[i].carried, 0);
		ck_assert_int_eq(path_mtu_is_black_hole(&paths[i]), false);
	}
}
END_TEST

START_TEST(path_that_cannot_be_asked_says_nothing)
{
	lose("meta l4proto { icmp, ipv6-icmp }");
	expect(0, false);
	snprintf(paths[0].path.interface, IFNAMSIZ, "w7");
	paths[1].path.sources[0] = (struct addr){};
	expect(0, false);
}
END_TEST

START_TEST(target_that_filters_does_not_hide_one_that_answers)
{
	paths[IPV4].targets[1] = address("127.0.0.2");
	paths[IPV6].targets[1] = address("2001:db8::1");
	lose("ip saddr 127.0.0.1 ip daddr 127.0.0.1 meta length > 1000");
	expect(1500, false);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("path MTU");

	tcase_add_checked_fixture(tcase, set_up, probing_end);
	tcase_add_test(tcase, what_comes_back_in_full_is_no_black_hole);
	tcase_add_test(tcase, size_from_which_on_packets_are_lost_is_found_to_the_byte);
	tcase_add_test(tcase, line_with_the_usual_size_behind_a_larger_mtu_is_found);
	tcase_add_test(tcase, packet_that_is_lost_by_chance_is_asked_for_again);
	tcase_add_test(tcase, target_that_answers_small_requests_only_says_nothing_of_the_path);
	tcase_add_test(tcase, path_that_cannot_be_asked_says_nothing);
	tcase_add_test(tcase, target_that_filters_does_not_hide_one_that_answers);
	return run_case(tcase, "path MTU");
}
