// SPDX-License-Identifier: GPL-2.0-or-later
// What is read from the answers of other programs, and numbers as people write them.
// Each answer is small, and has a line that looks like the right one.

#include "base/parse.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

START_TEST(value_is_found_by_its_whole_key)
{
	static const char text[] = "\nxstate=1\nstate=a=b\nstate=2\nstates=3\nempty=\nlast=4";

	ck_assert_ptr_eq(find_value(text, "state"), strstr(text, "a=b"));
	ck_assert_str_eq(find_value(text, "last"), "4");
	ck_assert_ptr_null(find_value(text, "stat"));
	ck_assert_ptr_null(find_value(text, "4"));
	ck_assert_ptr_null(find_value("", "state"));
}
END_TEST

START_TEST(value_is_copied_without_the_rest)
{
	char value[4] = "old";

	copy_value("state=ab\nnext=1", "state", value, sizeof(value));
	ck_assert_str_eq(value, "ab");
	copy_value("state=abcdef", "state", value, sizeof(value));
	ck_assert_str_eq(value, "abc");
	copy_value("state=abcdef", "other", value, sizeof(value));
	ck_assert_str_eq(value, "");
}
END_TEST

START_TEST(value_is_compared_as_a_whole)
{
	ck_assert(has_value("a=yes\nb=no", "a", "yes"));
	ck_assert(has_value("a=", "a", ""));
	ck_assert(!has_value("a=yes!\n", "a", "yes"));
	ck_assert(!has_value("a=ye\n", "a", "yes"));
	ck_assert(!has_value("b=1", "a", ""));
}
END_TEST

START_TEST(durations_and_counts_have_one_spelling)
{
	uint64_t us = 7;
	uint32_t n = 7;
	int percent = 7;

	ck_assert_int_eq(parse_duration("250ms", &us), 0);
	ck_assert_uint_eq(us, 250000);
	ck_assert_int_eq(parse_duration("2m", &us), 0);
	ck_assert_uint_eq(us, 120000000);
	ck_assert_int_eq(parse_duration("3h", &us), 0);
	ck_assert_uint_eq(us, 3UL * 3600 * 1000000);
	ck_assert_int_eq(parse_duration("4294967295m", &us), 0);
	ck_assert_uint_eq(us, 4294967295ULL * 60000000);
	ck_assert_int_eq(parse_duration("4294967296m", &us), -EINVAL);
	ck_assert_int_eq(parse_duration("s", &us), -EINVAL);
	ck_assert_int_eq(parse_duration("1us", &us), -EINVAL);
	ck_assert_int_eq(parse_duration("1S", &us), -EINVAL);

	ck_assert_int_eq(parse_count("0", 0, 3, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(parse_count("4", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("+1", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("1 ", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("4294967297", 0, 3, &n), -EINVAL);
	ck_assert_uint_eq(n, 0);

	ck_assert_int_eq(parse_percent("100%", &percent), 0);
	ck_assert_int_eq(percent, 100);
	ck_assert_int_eq(parse_percent("1%%", &percent), -EINVAL);
	ck_assert_int_eq(percent, 100);
}
END_TEST

START_TEST(quotes_stay_short_and_printable)
{
	char text[200];

	ck_assert_str_eq(quote("a\nb\x7f\xc3").s, "\"a b\\x7f\\xc3\"");
	ck_assert_str_eq(quote("").s, "\"\"");
	memset(text, '\xff', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_uint_lt(strlen(quote(text).s), sizeof(struct quoted));
	ck_assert_ptr_nonnull(strstr(quote(text).s, "...\""));
	memset(text, 'x', sizeof(text) - 1);
	ck_assert_ptr_nonnull(strstr(quote(text).s, "...\""));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("parse");

	tcase_add_test(tcase, value_is_found_by_its_whole_key);
	tcase_add_test(tcase, value_is_copied_without_the_rest);
	tcase_add_test(tcase, value_is_compared_as_a_whole);
	tcase_add_test(tcase, durations_and_counts_have_one_spelling);
	tcase_add_test(tcase, quotes_stay_short_and_printable);
	return run_case(tcase, "parse");
}
