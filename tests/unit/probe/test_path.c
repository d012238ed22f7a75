// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of how probes leave: what they are bound to, and what if that goes and comes back.
// Each test has a network of its own: lo, and where it asks for one, a link to a far end.

#include "base/parse.h"
#include "probe/probing.h"
#include "suite.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

static int near_net = -1, far_net = -1;

/* A veth w0, 10.9.0.1 and .3, to a far end 10.9.0.2 in a network of its own. */
static void link_up(void)
{
	run("ip link add w0 type veth peer name far0 netns /proc/%d/fd/%d", getpid(), far_net);
	run("ip address add 10.9.0.1/24 dev w0; ip address add 10.9.0.3/24 dev w0; ip link set w0 "
	    "up");
	ck_assert_int_eq(setns(far_net, CLONE_NEWNET), 0);
	run("ip address add 10.9.0.2/24 dev far0 && ip link set far0 up");
	ck_assert_int_eq(setns(near_net, CLONE_NEWNET), 0);
	run("until ip link show w0 | grep -q 'state UP'; do sleep 0.02; done");
}

static struct probe_set *new_far_set(void)
{
	struct probe_set *set = new_set(IPV4, "10.9.0.2");

	near_net = open("/proc/self/ns/net", O_RDONLY); /* NOLINT(android-*): for ip(8) too */
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	far_net = open("/proc/self/ns/net", O_RDONLY);
	ck_assert_int_eq(setns(near_net, CLONE_NEWNET), 0);
	link_up();
	set_path(set, "w0", "10.9.0.1", "10.9.0.3");
	return set;
}

/* The inode of the only raw socket of this network; 0: there is none. */
static unsigned long raw_socket(void)
{
	_cleanup_(fclosep) FILE *f = fopen("/proc/net/raw", "re");
	unsigned long inode = 0;
	char line[512];

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	if (fgets(line, sizeof(line), f)) {
		char *rest = line;

		for (int column = 0; column < 10; column++)
			inode = strtoul(parse_item(&rest, " "), NULL, 10);
	}
	ck_assert_ptr_null(fgets(line, sizeof(line), f));
	return inode;
}

START_TEST(a_probe_that_cannot_be_bound_fails_and_says_why)
{
	struct probe_set *set = new_set(IPV6, "2001:db8::1 http://[::1]:1/");
	struct probe_path path = {};

	/* Never told its path, and one that nothing is known of. */
	probe_set_path(set, &path, true);
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL, "no interface to probe over");

	set_path(set, "lo", "", "127.0.0.1");
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL, "no usable IPv6 address on lo");
	check_failed(set, 1, FAILURE_LOCAL, "no usable IPv6 address on lo");

	set_path(set, "lo", "2001:db8::2", "2001:db8::3");
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL,
		     "cannot bind to 2001:db8::2 on lo: Cannot assign requested address");
	check_failed(set, 1, FAILURE_LOCAL,
		     "cannot bind to 2001:db8::2 on lo: Cannot assign requested address");

	set_path(set, "w7", "2001:db8::1", "");
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL, "there is no interface w7");
	check_failed(set, 1, FAILURE_LOCAL, "there is no interface w7");
	ck_assert_uint_eq(set->n_pending, 0);

	/* The second source will do. */
	set_path(set, "lo", "2001:db8::2", "2001:db8::1");
	probe(set);
	check_answered(set, 0);
	ck_assert_uint_eq(n_done, 1); /* not of those that were over with their beginning */
}
END_TEST

START_TEST(the_socket_is_kept_while_the_path_is_the_same)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1");
	struct probe_path path = { .interface = "lo", .sources = { address("127.0.0.1") } };
	unsigned long first, second;

	probe_set_path(set, &path, false);
	ck_assert_uint_eq(raw_socket(), 0);
	probe(set);
	first = raw_socket();
	probe_set_path(set, &path, false);
	probe(set);
	ck_assert_uint_eq(raw_socket(), first);

	probe_set_path(set, &path, true);
	probe(set);
	second = raw_socket();
	ck_assert_uint_ne(second, first);

	path.mark = 8;
	probe_set_path(set, &path, false);
	probe(set);
	ck_assert_uint_ne(raw_socket(), second);
	check_answered(set, 0);
}
END_TEST

START_TEST(an_address_event_does_not_lose_what_is_under_way)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1");
	struct probe_path path = { .interface = "lo", .sources = { address("127.0.0.1") } };

	probe_set_path(set, &path, false);
	probe_begin(set);
	probe_set_path(set, &path, true);
	wait_for(set, 100);
	check_answered(set, 0);
}
END_TEST

START_TEST(a_link_may_go_and_come_back)
{
	struct probe_set *set = new_far_set();

	probe(set);
	check_answered(set, 0);

	/* Nobody has seen that it is another one now. */
	run("ip link del w0");
	link_up();
	probe(set);
	check_answered(set, 0);

	run("ip link del w0");
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL, "there is no interface w0");
	link_up();
	probe(set);
	check_answered(set, 0);
}
END_TEST

START_TEST(a_source_that_went_is_replaced)
{
	struct probe_set *set = new_far_set();

	probe(set);
	check_answered(set, 0);
	/* Its secondary stays: promoted. */
	run("sysctl -qw net.ipv4.conf.w0.promote_secondaries=1 && ip address del 10.9.0.1/24 dev "
	    "w0");
	probe(set);
	check_answered(set, 0);
	run("ip address del 10.9.0.3/24 dev w0");
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL, "cannot bind to 10.9.0.1 on w0: ");
}
END_TEST

START_TEST(a_link_that_is_down_keeps_nobody_awake)
{
	struct probe_set *set = new_far_set();

	probe(set);
	ck_assert_int_eq(setns(far_net, CLONE_NEWNET), 0);
	write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	ck_assert_int_eq(setns(near_net, CLONE_NEWNET), 0);
	probe_begin(set);
	run("ip link set w0 down");
	ck_assert_uint_le(wait_for(set, 100), 4);
	ck_assert_uint_eq(set->n_pending, 1);
	run("ip link del w0");
	ck_assert_uint_le(wait_for(set, 100), 4);
	probe_begin(set);
	check_failed(set, 0, FAILURE_LOCAL, "there is no interface w0");
}
END_TEST

START_TEST(a_target_that_cannot_be_sent_to_stops_no_other)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1 127.0.0.2 127.0.0.3");

	for (int cycle = 0; cycle < 3; cycle++) {
		probe(set);
		check_answered(set, 0);
		check_answered(set, 2);
		if (cycle == 0)
			run("nft 'table ip t { chain o { type filter hook output priority 0; ip "
			    "daddr 127.0.0.2 drop; }; }'");
		else
			check_failed(set, 1, FAILURE_FILTERED,
				     "cannot send over lo: Operation not permitted (dropped by "
				     "nftables)");
	}
}
END_TEST

/* The kernel has the same error for both. Its table is the whole machine's: a file stands for it.
 */
START_TEST(a_full_table_of_flows_is_not_taken_for_a_filter)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.2");

	run("mount -t tmpfs tmpfs /tmp && cp /proc/sys/net/netfilter/nf_conntrack_max /tmp/count "
	    "&& "
	    "mount --bind /tmp/count /proc/sys/net/netfilter/nf_conntrack_count");
	run("nft 'table ip t { chain o { type filter hook output priority 0; ip daddr 127.0.0.2 "
	    "drop; }; }'");
	probe_begin(set);
	check_failed(set, 0, FAILURE_FULL,
		     "cannot send over lo: Operation not permitted (conntrack table full: ");
}
END_TEST

/* IPv4 has no such error: bound to a link, the kernel takes what has no route for a neighbour. */
START_TEST(no_route_is_told)
{
	struct probe_set *set = new_set(IPV6, "2001:db8:5::1 2001:db8::1");

	probe(set);
	check_failed(set, 0, FAILURE_LOCAL, "cannot send over lo: Network is unreachable");
	check_answered(set, 1);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("probe_path");

	tcase_add_checked_fixture(tcase, probing_begin, probing_end);
	tcase_add_test(tcase, a_probe_that_cannot_be_bound_fails_and_says_why);
	tcase_add_test(tcase, the_socket_is_kept_while_the_path_is_the_same);
	tcase_add_test(tcase, an_address_event_does_not_lose_what_is_under_way);
	tcase_add_test(tcase, a_link_may_go_and_come_back);
	tcase_add_test(tcase, a_source_that_went_is_replaced);
	tcase_add_test(tcase, a_link_that_is_down_keeps_nobody_awake);
	tcase_add_test(tcase, a_target_that_cannot_be_sent_to_stops_no_other);
	tcase_add_test(tcase, a_full_table_of_flows_is_not_taken_for_a_filter);
	tcase_add_test(tcase, no_route_is_told);
	return run_case(tcase, "probe_path");
}
