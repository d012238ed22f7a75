// SPDX-License-Identifier: GPL-2.0-or-later
// When claims are announced.
// Looks come with some claims at some second; what is due then is counted.

#include "daemon/announcer.h"
#include "scene.h"
#include "suite.h"

#define SECOND 1000000UL

static struct claims known;

static void set_up(void)
{
	claims_done(&known);
}

static void see(struct claims *claims, const char *addr, uint32_t carrier_ups)
{
	struct claim claim = { .ifindex = 3, .addr = an_addr(addr), .carrier_ups = carrier_ups };

	ck_assert_int_eq(APPEND(claims->v, claims->n, claim), 0);
}

/* A look that finds these, in a second; how many are announced. */
static unsigned look(struct claims seen, unsigned second)
{
	uint64_t next_us;
	unsigned n = 0;

	claims_take_over(&seen, &known, second * SECOND);
	claims_done(&known);
	known = seen;
	while (claims_next_due(&known, second * SECOND, &next_us))
		n++;
	return n;
}

static struct claims one(uint32_t carrier_ups)
{
	struct claims claims = {};

	see(&claims, "192.0.2.1", carrier_ups);
	return claims;
}

static struct claims two(uint32_t carrier_ups)
{
	struct claims claims = one(carrier_ups);

	see(&claims, "2001:db8::1", carrier_ups);
	return claims;
}

START_TEST(a_new_address_is_announced_four_times)
{
	ck_assert_uint_eq(look(one(1), 10), 1);
	ck_assert_uint_eq(look(one(1), 11), 0);
	ck_assert_uint_eq(look(one(1), 12), 1);
	ck_assert_uint_eq(look(one(1), 13), 0);
	ck_assert_uint_eq(look(one(1), 14), 1);
	ck_assert_uint_eq(look(one(1), 43), 0);
	ck_assert_uint_eq(look(one(1), 44), 1);
	ck_assert_uint_eq(look(one(1), 1000), 0);
}
END_TEST

START_TEST(another_address_is_announced_alone)
{
	look(one(1), 10);
	ck_assert_uint_eq(look(two(1), 10), 1);
	ck_assert_uint_eq(look(two(1), 12), 2);
}
END_TEST

START_TEST(an_address_that_has_gone_is_not_announced_again)
{
	look(two(1), 10);
	ck_assert_uint_eq(look(one(1), 12), 1);
}
END_TEST

START_TEST(an_address_that_comes_back_is_new)
{
	look(one(1), 10);
	look((struct claims){}, 11);
	ck_assert_uint_eq(look(one(1), 11), 1);
}
END_TEST

START_TEST(a_carrier_that_was_away_between_two_looks_counts)
{
	look(two(1), 10);
	look(two(1), 12);
	look(two(1), 14);
	look(two(1), 44);
	ck_assert_uint_eq(look(two(2), 50), 2);
}
END_TEST

START_TEST(an_address_that_was_away_between_two_looks_counts)
{
	struct claims again = two(1);

	look(two(1), 10);
	again.v[1].created++;
	ck_assert_uint_eq(look(again, 10), 1);
}
END_TEST

START_TEST(whoever_has_waited_for_longest_is_next)
{
	uint64_t next_us;

	look(one(1), 10);
	see(&known, "2001:db8::1", 1);
	known.v[1].due_us = 10 * SECOND;
	ck_assert_ptr_eq(claims_next_due(&known, 20 * SECOND, &next_us), &known.v[1]);
	ck_assert_ptr_eq(claims_next_due(&known, 20 * SECOND, &next_us), &known.v[0]);
}
END_TEST

START_TEST(who_waits_wakes_for_the_next_one)
{
	uint64_t next_us;

	look(one(1), 10);
	ck_assert_ptr_null(claims_next_due(&known, 10 * SECOND, &next_us));
	ck_assert_uint_eq(next_us, 10 * SECOND + SECOND * 12 / 10);
	look(one(1), 12);
	look(one(1), 14);
	look(one(1), 44);
	ck_assert_ptr_null(claims_next_due(&known, 50 * SECOND, &next_us));
	ck_assert_uint_eq(next_us, UINT64_MAX);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("announcer");

	tcase_add_checked_fixture(tcase, set_up, set_up);
	tcase_add_test(tcase, a_new_address_is_announced_four_times);
	tcase_add_test(tcase, another_address_is_announced_alone);
	tcase_add_test(tcase, an_address_that_has_gone_is_not_announced_again);
	tcase_add_test(tcase, an_address_that_comes_back_is_new);
	tcase_add_test(tcase, a_carrier_that_was_away_between_two_looks_counts);
	tcase_add_test(tcase, an_address_that_was_away_between_two_looks_counts);
	tcase_add_test(tcase, whoever_has_waited_for_longest_is_next);
	tcase_add_test(tcase, who_waits_wakes_for_the_next_one);
	return run_case(tcase, "announcer");
}
