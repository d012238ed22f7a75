// SPDX-License-Identifier: GPL-2.0-or-later
// The names of the filter's counters.
// Names are written and read back, and those of others are read.

#include "base/util.h"
#include "model/counters.h"
#include "suite.h"

START_TEST(a_counter_is_known_by_its_name)
{
	static const struct counter counters[] = { { 1, IPV4, OUTBOUND },
						   { 1, IPV4, INBOUND },
						   { 254, IPV6, OUTBOUND },
						   { 254, IPV6, INBOUND } };
	struct counter read;

	ck_assert_str_eq(counter_name(counters[0]).s, "m1_ipv4_out");
	ck_assert_str_eq(counter_name(counters[3]).s, "m254_ipv6_in");
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		ck_assert(counter_parse(counter_name(counters[i]).s, &read));
		ck_assert_uint_eq(read.mark, counters[i].mark);
		ck_assert_int_eq(read.family, counters[i].family);
		ck_assert_int_eq(read.direction, counters[i].direction);
	}
	ck_assert(counter_parse("m1_ipv4_out {", &read));
}
END_TEST

START_TEST(counters_of_others_are_told_from_ours)
{
	static const char *const theirs[] = { "",
					      "mine {",
					      "m1 {",
					      "m1_ipv4_ {",
					      "m1_ipv4_i {",
					      "m1_ipv5_in {",
					      "m_ipv4_in {",
					      "m1_ipv4_inner {",
					      "m1_",
					      "m1234_ipv4_in {",
					      "m1",
					      "am1_ipv4_out {",
					      "m",
					      "m1_ipv4_out_ {" };
	struct counter read;

	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		ck_assert_msg(!counter_parse(theirs[i], &read), "%s", theirs[i]);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("counters");

	tcase_add_test(tcase, a_counter_is_known_by_its_name);
	tcase_add_test(tcase, counters_of_others_are_told_from_ours);
	return run_case(tcase, "counters");
}
