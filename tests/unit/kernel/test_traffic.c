// SPDX-License-Identifier: GPL-2.0-or-later
// Flows and counters as the kernel reports them.
// In a network namespace of its own; takes root, nft and conntrack.

#include "kernel/traffic.h"
#include "suite.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define FLOWS 2000 /* of each mark: more than one datagram of the dump holds */

static struct report report;
static struct traffic traffic;

static void set_up(void)
{
	static const uint32_t marks[] = { 1, 2, 254 };

	ck_assert_msg(unshare(CLONE_NEWNET) == 0, "a network namespace takes root: %s",
		      strerror(errno));
	report.n_wans = ARRAY_SIZE(marks);
	report.wans = calloc(report.n_wans, sizeof(*report.wans));
	for (size_t i = 0; i < report.n_wans; i++)
		report.wans[i].mark = marks[i];
}

static void tear_down(void)
{
	traffic_done(&traffic);
	report_done(&report);
}

/* Gives the text to a command. */
static void feed(const char *command, const char *text)
{
	FILE *f = popen(command, "we"); /* NOLINT(cert-env33-c) */

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_msg(pclose(f) == 0, "%s: %s", command, text);
}

static void look(void)
{
	struct fault fault = {};

	traffic_done(&traffic);
	ck_assert_msg(observe_traffic(&report, &traffic, &fault) == 0, "%s", fault.text);
}

START_TEST(an_empty_kernel_counts_nothing)
{
	static const struct traffic_family nothing;

	look();
	for (size_t i = 0; i < report.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			ck_assert_int_eq(
				memcmp(&traffic.wans[i][family], &nothing, sizeof(nothing)), 0);
	report.n_wans = 0;
	look();
}
END_TEST

START_TEST(counters_are_found_by_their_names)
{
	feed("nft -f -", "table inet filter {\n"
			 "	counter m1_ipv4_out { packets 1 bytes 18446744073709551615\n}\n"
			 "	counter m1_ipv4_in { packets 3 bytes 4\n}\n"
			 "	counter m1_ipv6_out { packets 5 bytes 6\n}\n"
			 "	counter m1_ipv6_in { packets 7 bytes 8\n}\n"
			 "	counter m254_ipv6_in { packets 9 bytes 10\n}\n"
			 /* Nobody's. */
			 "	counter m3_ipv4_out { packets 11 bytes 12\n}\n"
			 "	counter m2_ipv4_outside { packets 11 bytes 12\n}\n"
			 "	counter m2_ipv5_out { packets 11 bytes 12\n}\n"
			 "	counter m2 { packets 11 bytes 12\n}\n"
			 "	counter m_ipv4_out { packets 11 bytes 12\n}\n"
			 "	counter m4294967298_ipv4_out { packets 11 bytes 12\n}\n"
			 "	counter x2_ipv4_out { packets 11 bytes 12\n}\n"
			 "	quota m2_ipv4_out { 25 mbytes\n}\n"
			 "}\n"
			 "table inet other {\n"
			 "	counter m2_ipv4_out { packets 11 bytes 12\n}\n"
			 "}\n"
			 "table ip filter {\n"
			 "	counter m2_ipv4_out { packets 11 bytes 12\n}\n"
			 "}\n");
	look();

	struct traffic_family *att4 = &traffic.wans[0][IPV4], *att6 = &traffic.wans[0][IPV6];

	ck_assert_uint_eq(att4->count[OUTBOUND].packets, 1);
	ck_assert_uint_eq(att4->count[OUTBOUND].bytes, UINT64_MAX);
	ck_assert_uint_eq(att4->count[INBOUND].packets, 3);
	ck_assert_uint_eq(att4->count[INBOUND].bytes, 4);
	ck_assert_uint_eq(att6->count[OUTBOUND].packets, 5);
	ck_assert_uint_eq(att6->count[OUTBOUND].bytes, 6);
	ck_assert_uint_eq(att6->count[INBOUND].packets, 7);
	ck_assert_uint_eq(att6->count[INBOUND].bytes, 8);
	ck_assert_uint_eq(traffic.wans[2][IPV6].count[INBOUND].packets, 9);
	ck_assert_uint_eq(traffic.wans[2][IPV6].count[INBOUND].bytes, 10);
	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct traffic_count *other = traffic.wans[1][family].count;

		ck_assert_uint_eq(other[OUTBOUND].packets + other[INBOUND].packets +
					  other[OUTBOUND].bytes + other[INBOUND].bytes,
				  0);
	}
}
END_TEST

/* Lines for `conntrack --load-file`. */
static void add_flows(FILE *f, const char *addresses, unsigned mark, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "-A %s -p udp --sport %u --dport 53 -t 600 -m %u\n", addresses, 1024 + i,
			mark);
}

START_TEST(flows_are_counted_by_mark_and_family)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	add_flows(f, "-s 10.250.250.2 -d 192.0.2.1", 1, FLOWS);
	add_flows(f, "-s 10.250.250.3 -d 192.0.2.1", 2, FLOWS + 1);
	add_flows(f, "-s 2001:db8::1 -d 2001:db8::2", 254, FLOWS + 2);
	add_flows(f, "-s 2001:db8::1 -d 2001:db8::3", 1, 3);
	add_flows(f, "-s 10.250.250.4 -d 192.0.2.1", 0, 4);  /* the router's own */
	add_flows(f, "-s 10.250.250.5 -d 192.0.2.1", 77, 5); /* of a WAN that is no more */
	fclose(f);
	feed("conntrack --load-file - >/dev/null", text);

	look();
	ck_assert_uint_eq(traffic.wans[0][IPV4].flows, FLOWS);
	ck_assert_uint_eq(traffic.wans[1][IPV4].flows, FLOWS + 1);
	ck_assert_uint_eq(traffic.wans[2][IPV4].flows, 0);
	ck_assert_uint_eq(traffic.wans[0][IPV6].flows, 3);
	ck_assert_uint_eq(traffic.wans[1][IPV6].flows, 0);
	ck_assert_uint_eq(traffic.wans[2][IPV6].flows, FLOWS + 2);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("traffic");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, an_empty_kernel_counts_nothing);
	tcase_add_test(tcase, counters_are_found_by_their_names);
	tcase_add_test(tcase, flows_are_counted_by_mark_and_family);
	return run_case(tcase, "traffic");
}
