// SPDX-License-Identifier: GPL-2.0-or-later
// An index of ranges finds what a look at each of them finds.
// Random ranges over few values touch, overlap and contain one another in every way.

#include "suite.h"

#include "base/range_index.h"
#include "base/util.h"

static unsigned seed = 1;

static unsigned draw(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16 & 0x7fff) % n;
}

/* Short ones mostly, and some of the highest 64 bits. */
static struct range random_range(void)
{
	unsigned first = draw(40);
	struct range range = range_of_numbers(first, first + draw(draw(4) ? 3 : 40));

	range.first.high = draw(2);
	range.last.high = range.first.high + draw(2);
	return range;
}

static bool overlap(const struct range *a, const struct range *b)
{
	return point_cmp(a->first, b->last) <= 0 && point_cmp(b->first, a->last) <= 0;
}

static void compare_with_each(void)
{
	_cleanup_(range_numbers_done) struct range_numbers found = {};
	_cleanup_(range_index_done) struct range_index index = {};
	struct range all[60];
	unsigned n = draw(ARRAY_SIZE(all) + 1);

	for (unsigned i = 0; i < n; i++) {
		all[i] = random_range();
		ck_assert_int_eq(range_index_add(&index, all[i], i), 0);
	}
	range_index_sort(&index);
	for (unsigned tries = 0; tries < 50; tries++) {
		struct range with = random_range();
		size_t expected = 0;

		ck_assert_int_eq(range_index_find(&index, with, &found), 0);
		for (unsigned i = 0; i < n; i++) {
			if (!overlap(&all[i], &with))
				continue;
			ck_assert_uint_lt(expected, found.n);
			ck_assert_uint_eq(found.v[expected++], i);
		}
		ck_assert_uint_eq(found.n, expected);
	}
}

START_TEST(an_index_finds_all_ranges_that_overlap)
{
	for (unsigned round = 0; round < 200; round++)
		compare_with_each();
}
END_TEST

START_TEST(the_spread_counts_where_ranges_begin)
{
	_cleanup_(range_index_done) struct range_index index = {};

	range_index_sort(&index);
	ck_assert_uint_eq(range_index_spread(&index), 0);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(range_index_add(&index, range_of_numbers(i % 3, i + 3), i), 0);
	range_index_sort(&index);
	ck_assert_uint_eq(range_index_spread(&index), 3);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("ranges");

	tcase_add_test(tcase, an_index_finds_all_ranges_that_overlap);
	tcase_add_test(tcase, the_spread_counts_where_ranges_begin);
	return run_case(tcase, "ranges");
}
