// SPDX-License-Identifier: GPL-2.0-or-later
// Durations in words.
// Each unit begins where the one before has no more to say.

#include "base/duration.h"
#include "suite.h"

START_TEST(a_duration_has_two_units_at_most)
{
	ck_assert_str_eq(duration_str(0).s, "0 s");
	ck_assert_str_eq(duration_str(59).s, "59 s");
	ck_assert_str_eq(duration_str(60).s, "1 min");
	ck_assert_str_eq(duration_str(3599).s, "59 min");
	ck_assert_str_eq(duration_str(3600).s, "1 h 0 min");
	ck_assert_str_eq(duration_str(86399).s, "23 h 59 min");
	ck_assert_str_eq(duration_str(86400).s, "1 d 0 h");
	ck_assert_str_eq(duration_str(UINT64_MAX).s, "213503982334601 d 7 h");
}
END_TEST

START_TEST(what_is_to_come_has_no_age)
{
	ck_assert_str_eq(age_str(100, 145).s, "45 s");
	ck_assert_str_eq(age_str(100, 99).s, "0 s");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("duration");

	tcase_add_test(tcase, a_duration_has_two_units_at_most);
	tcase_add_test(tcase, what_is_to_come_has_no_age);
	return run_case(tcase, "duration");
}
