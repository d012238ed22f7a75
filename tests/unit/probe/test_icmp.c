// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the probes of addresses: what is an answer, and what wakes whom.
// The kernel answers, or the test does, in ways of its own.

#include "probe/probing.h"
#include "suite.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

START_TEST(addresses_answer)
{
	struct probe_set *four = new_set(IPV4, "127.0.0.1 127.0.0.2"),
			 *six = new_set(IPV6, "2001:db8::1 ::1");

	for (int cycle = 0; cycle < 3; cycle++) {
		n_done = 0;
		probe(four);
		probe(six);
		check_all_answered(four);
		check_all_answered(six);
		ck_assert_uint_eq(n_done, 2);
		ck_assert_uint_lt(four->targets[0].rtt_us, 100000);
	}
}
END_TEST

START_TEST(a_silent_target_fails_at_the_deadline)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1 127.0.0.2 127.0.0.3");

	run("nft 'table ip t { chain i { type filter hook input priority 0; ip daddr 127.0.0.2 "
	    "drop; }; }'");
	probe_begin(set);
	wait_for(set, 200);
	check_answered(set, 0);
	check_answered(set, 2);
	ck_assert_uint_eq(set->n_pending, 1);
	probe_end(set);
	check_failed(set, 1, FAILURE_SILENT, "no answer within 500ms");
	ck_assert_uint_eq(n_done, 0); /* the caller knows */
}
END_TEST

/* The kernel is kept from answering, and the test does, in its own ways. */
static uint8_t request[2048];
static int echo_socket;

static void take_over_echo(enum family family, const char *source)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address(source).in };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = address(source).in6 };

	write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	write_file("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1");
	echo_socket = socket(family_af(family), SOCK_RAW | SOCK_CLOEXEC,
			     family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	ck_assert_int_eq(family == IPV4 ? bind(echo_socket, (void *)&in, sizeof(in))
					: bind(echo_socket, (void *)&in6, sizeof(in6)),
			 0);
}

/* The request that lies in request[] from its ICMP header on. */
static void catch_request(enum family family)
{
	ssize_t n;

	do {
		n = recv(echo_socket, request, sizeof(request), MSG_DONTWAIT);
		ck_assert_msg(n > 0, "no request");
		if (family == IPV4)
			memmove(request, request + 20, sizeof(request) - 20);
	} while (request[0] != (family == IPV4 ? 8 : 128));
	ck_assert_int_eq(n, family == IPV4 ? 84 : 64);
}

static void forge(enum family family, const char *to, int change_at, size_t len)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address(to).in };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = address(to).in6 };
	uint8_t reply[64];
	uint32_t sum = 0;

	memcpy(reply, request, sizeof(reply));
	reply[0] = family == IPV4 ? 0 : 129;
	reply[2] = reply[3] = 0;
	if (change_at >= 0)
		reply[change_at] ^= 1;
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)reply[i] << 8 | reply[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	reply[2] = sum >> 8 & 0xff;
	reply[3] = sum & 0xff;
	ck_assert_int_eq(family == IPV4
				 ? sendto(echo_socket, reply, len, 0, (void *)&in, sizeof(in))
				 : sendto(echo_socket, reply, len, 0, (void *)&in6, sizeof(in6)),
			 len);
}

START_TEST(only_the_answer_to_this_very_request_counts)
{
	/* Somewhere in: id, number, cookie, cycle, target; then too short for them. */
	static const struct {
		int change_at;
		size_t len;
	} forged[] = { { 5, 64 },  { 7, 64 },  { 8, 64 }, { 15, 64 },
		       { 16, 64 }, { 20, 64 }, { -1, 8 }, { -1, 20 } };
	static const char *const to[] = { "127.0.0.1", "2001:db8::1" };
	enum family family = _i;
	struct probe_set *set = new_set(family, family == IPV4 ? "127.0.0.9" : "::1");

	take_over_echo(family, family == IPV4 ? "127.0.0.9" : "::1");
	probe_begin(set);
	catch_request(family);
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++)
		forge(family, to[family], forged[i].change_at, forged[i].len);
	run_dry();
	ck_assert_uint_eq(set->n_pending, 1);

	/* Of the cycle before. */
	probe_begin(set);
	forge(family, to[family], -1, 64);
	run_dry();
	ck_assert_uint_eq(set->n_pending, 1);

	catch_request(family);
	forge(family, to[family], -1, 64);
	forge(family, to[family], -1, 64);
	run_dry();
	check_answered(set, 0);
	ck_assert_uint_eq(n_done, 1);
}
END_TEST

START_TEST(an_answer_from_elsewhere_does_not_count)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.9");
	int target;

	take_over_echo(IPV4, "127.0.0.9");
	target = echo_socket;
	take_over_echo(IPV4, "127.0.0.8");
	probe_begin(set);
	ck_assert_int_gt(recv(target, request, sizeof(request), 0), 0);
	memmove(request, request + 20, 64);
	forge(IPV4, "127.0.0.1", -1, 64);
	run_dry();
	ck_assert_uint_eq(set->n_pending, 1);

	echo_socket = target;
	forge(IPV4, "127.0.0.1", -1, 64);
	run_dry();
	check_answered(set, 0);
}
END_TEST

START_TEST(errors_fail_at_once_and_say_who_said_what)
{
	struct probe_set *four = new_set(IPV4, "127.0.0.1 127.0.0.2 127.0.0.3"),
			 *six = new_set(IPV6, "2001:db8::1 ::1");

	run("nft 'table inet t { chain i { type filter hook input priority 0;"
	    " ip daddr 127.0.0.2 icmp type echo-request reject with icmp type net-unreachable;"
	    " ip daddr 127.0.0.3 icmp type echo-request reject with icmp type admin-prohibited;"
	    " ip6 daddr ::1 icmpv6 type echo-request reject with icmpv6 type addr-unreachable; }; "
	    "}'");
	probe_begin(four);
	wait_for(four, 400);
	check_counts(four);
	check_answered(four, 0);
	check_failed(four, 1, FAILURE_UNREACHABLE, "no route, says 127.0.0.2");
	check_failed(four, 2, FAILURE_UNREACHABLE, "prohibited by a filter, says 127.0.0.3");

	probe_begin(six);
	wait_for(six, 400);
	check_answered(six, 0);
	check_failed(six, 1, FAILURE_UNREACHABLE, "host unreachable, says ::1");
	ck_assert_uint_eq(n_done, 2);
}
END_TEST

START_TEST(a_hundred_targets_take_a_few_wakes)
{
	char targets[4096] = "";
	struct probe_set *set;
	unsigned wakes;

	for (int i = 1; i <= 128; i++)
		snprintf(targets + strlen(targets), 32, "127.0.1.%d ", i);
	set = new_set(IPV4, targets);
	ck_assert_uint_eq(set->n_targets, 128);
	for (int cycle = 0; cycle < 3; cycle++) {
		probe_begin(set);
		wakes = wait_for(set, 200);
		check_all_answered(set);
		ck_assert_uint_le(wakes, 4);
	}
}
END_TEST

START_TEST(an_answer_wakes_only_its_owner)
{
	enum family family = _i;
	const char *target = family == IPV4 ? "127.0.0.9" : "::1";
	struct probe_set *one = new_set(family, target), *other = new_set(family, target);

	probe(one);
	probe(other);
	probe_begin(one);
	ck_assert_uint_eq(run_dry(), 1);
	check_answered(one, 0);
	probe_begin(other);
	ck_assert_uint_eq(run_dry(), 1);
	check_answered(other, 0);
}
END_TEST

/* Replies that others ask for, requests, and errors about others' packets. */
START_TEST(what_others_send_wakes_nobody)
{
	struct probe_set *four = new_set(IPV4, "127.0.0.1"), *six = new_set(IPV6, "::1");

	run("nft 'table inet t { chain i { type filter hook input priority 0;"
	    " udp dport 9 reject; ip daddr 127.0.0.9 reject; }; }'");
	probe(four);
	probe(six);
	run_dry();
	run("python3 -c 'import socket as s\n"
	    "for f, a in (s.AF_INET, \"127.0.0.1\"), (s.AF_INET6, \"::1\"):\n"
	    "    s.socket(f, s.SOCK_DGRAM).sendto(b\"x\", (a, 9))\n"
	    "for f, p, a, t in ((s.AF_INET, 1, \"127.0.0.1\", 8), (s.AF_INET6, 58, \"::1\", "
	    "128)):\n"
	    "    r = s.socket(f, s.SOCK_RAW, p)\n"
	    "    r.sendto(bytes((t, 0, 0xf7 if t == 8 else 0, 0xff if t == 8 else 0)) + bytes(60), "
	    "(a, 0))'");
	ck_assert_uint_eq(run_dry(), 0);
}
END_TEST

/* A busy machine makes some answers slow, but not each of them. */
START_TEST(a_busy_loop_does_not_make_answers_slow)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1");
	uint32_t fastest = UINT32_MAX;

	for (int i = 0; i < 50 && fastest >= 50000; i++) {
		probe_begin(set);
		usleep(100000);
		run_dry();
		check_answered(set, 0);
		if (set->targets[0].rtt_us < fastest)
			fastest = set->targets[0].rtt_us;
		probe_end(set);
	}
	ck_assert_uint_lt(fastest, 50000);
}
END_TEST

static void begin_again(struct probe_set *set, void *arg)
{
	if (++n_done < 5)
		probe_begin(set);
}

START_TEST(the_next_cycle_may_begin_when_one_is_done)
{
	struct probe_set *set;

	set = new_set_with(IPV4, "127.0.0.1", begin_again);
	probe_begin(set);
	while (n_done < 5)
		ck_assert_int_gt(sd_event_run(event, 200000), 0);
	check_answered(set, 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("probe_icmp");

	tcase_add_checked_fixture(tcase, probing_begin, probing_end);
	tcase_add_test(tcase, addresses_answer);
	tcase_add_test(tcase, a_silent_target_fails_at_the_deadline);
	tcase_add_loop_test(tcase, only_the_answer_to_this_very_request_counts, 0, N_FAMILIES);
	tcase_add_test(tcase, an_answer_from_elsewhere_does_not_count);
	tcase_add_test(tcase, errors_fail_at_once_and_say_who_said_what);
	tcase_add_test(tcase, a_hundred_targets_take_a_few_wakes);
	tcase_add_loop_test(tcase, an_answer_wakes_only_its_owner, 0, N_FAMILIES);
	tcase_add_test(tcase, what_others_send_wakes_nobody);
	tcase_add_test(tcase, a_busy_loop_does_not_make_answers_slow);
	tcase_add_test(tcase, the_next_cycle_may_begin_when_one_is_done);
	return run_case(tcase, "probe_icmp");
}
