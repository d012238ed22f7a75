// SPDX-License-Identifier: GPL-2.0-or-later
// How long a WAN that is back from an outage waits for new flows.
// Tells a story of seconds: when it is lost, when it is back, and when it is used.

#include "model/hold.h"
#include "suite.h"

#define SECOND 1000000UL
#define BASE (10 * SECOND)
/* The stories begin some time after 1970. */
#define AT(second) ((1000 + (uint64_t)(second)) * SECOND)

static struct hold hold;

static void begin(void)
{
	hold = (struct hold){};
}

static bool step(bool out, unsigned second)
{
	return hold_step(&hold,
			 &(struct hold_view){
				 .out = out, .well = !out, .base_us = BASE, .now_us = AT(second) });
}

static bool is_on(unsigned second)
{
	return hold_is_on(&hold, BASE, AT(second));
}

/* Lost, and back after a second. How long it is held then. */
static unsigned outage(unsigned second)
{
	ck_assert(!step(true, second));
	ck_assert(is_on(second));
	ck_assert(step(false, second + 1));
	ck_assert(is_on(second + 1));
	for (unsigned length = 1;; length++)
		if (!is_on(second + 1 + length))
			return length;
}

START_TEST(what_comes_after_the_start_is_not_held)
{
	step(true, 0);
	ck_assert(!step(false, 5));
	ck_assert(!is_on(5));
	/* Only what was well can be lost: the probes have not said so yet. */
	begin();
	hold_step(&hold, &(struct hold_view){ .base_us = BASE, .now_us = AT(0) });
	step(true, 1);
	ck_assert(!step(false, 2));
	ck_assert(!is_on(2));
}
END_TEST

START_TEST(what_is_back_is_held_until_it_was_well_for_so_long)
{
	step(false, 0);
	ck_assert(!is_on(0));
	ck_assert_uint_eq(outage(100), 10);
	/* Looks meanwhile change nothing. */
	ck_assert(!step(false, 105));
	ck_assert(is_on(110) && !is_on(111));
}
END_TEST

START_TEST(an_outage_in_the_hold_begins_it_again_and_doubles_it)
{
	step(false, 0);
	ck_assert_uint_eq(outage(100), 10);
	ck_assert_uint_eq(outage(105), 20);
	ck_assert_uint_eq(outage(110), 40);
	ck_assert_uint_eq(outage(115), 80);
	ck_assert_uint_eq(outage(120), 160);
	ck_assert_uint_eq(outage(125), 160);
}
END_TEST

/* Held until 111, then 20 s until 131 + 1: it has to be in use for as long. */
START_TEST(lost_soon_after_it_was_used_doubles_and_quiet_ends_that)
{
	step(false, 0);
	ck_assert_uint_eq(outage(100), 10);
	ck_assert_uint_eq(outage(120), 20);
	step(false, 142);
	ck_assert_uint_eq(outage(160), 40);
	step(false, 201);
	/* In use from 201 on, for 40 s. */
	step(false, 241);
	ck_assert_uint_eq(outage(241), 10);
}
END_TEST

START_TEST(a_long_quiet_counts_also_when_nobody_looked)
{
	step(false, 0);
	outage(100);
	ck_assert_uint_eq(outage(121), 10);
}
END_TEST

/* What a new daemon reads of the old one; the link of a machine that boots comes late. */
START_TEST(a_restart_keeps_the_hold_and_does_not_double_it)
{
	step(false, 0);
	outage(100);
	hold.seen = false;
	step(true, 103);
	ck_assert(!step(false, 105));
	ck_assert(is_on(110) && !is_on(111));

	hold.seen = false;
	hold.lost = true;
	ck_assert(step(false, 200));
	ck_assert(is_on(209) && !is_on(210));
}
END_TEST

START_TEST(without_recovery_hold_nothing_is_held)
{
	step(false, 0);
	step(true, 1);
	ck_assert(!hold_is_on(&hold, 0, AT(1)));
	ck_assert(!hold_step(&hold, &(struct hold_view){ .well = true, .now_us = AT(2) }));
	ck_assert(!hold_is_on(&hold, 0, AT(2)));
}
END_TEST

/* The clock of a machine without battery begins in the past. */
START_TEST(a_clock_that_is_set_back_makes_no_hold_longer)
{
	step(false, 500);
	outage(500);
	ck_assert(is_on(505));
	ck_assert(!is_on(0));
	/* recovery_hold is shorter now. */
	ck_assert(!hold_is_on(&hold, SECOND, AT(505)));
	ck_assert(hold_is_on(&hold, SECOND, AT(510)));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("hold");

	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_test(tcase, what_comes_after_the_start_is_not_held);
	tcase_add_test(tcase, what_is_back_is_held_until_it_was_well_for_so_long);
	tcase_add_test(tcase, an_outage_in_the_hold_begins_it_again_and_doubles_it);
	tcase_add_test(tcase, lost_soon_after_it_was_used_doubles_and_quiet_ends_that);
	tcase_add_test(tcase, a_long_quiet_counts_also_when_nobody_looked);
	tcase_add_test(tcase, a_restart_keeps_the_hold_and_does_not_double_it);
	tcase_add_test(tcase, without_recovery_hold_nothing_is_held);
	tcase_add_test(tcase, a_clock_that_is_set_back_makes_no_hold_longer);
	return run_case(tcase, "hold");
}
