// SPDX-License-Identifier: GPL-2.0-or-later
// When the flows of a lost WAN are removed.
// Steps through seconds with what a run would find in each.

#include "daemon/flush.h"
#include "suite.h"

#define SECOND 1000000UL

static const struct flush_view well = { .carrier = true, .usable = true };
static const struct flush_view unplugged = { .replaced = true };
static const struct flush_view without_gateway = { .carrier = true, .replaced = true };
static const struct flush_view condemned = {
	.carrier = true, .usable = true, .condemned = true, .replaced = true
};

static struct flush flows;
static uint64_t again;

static void set_up(void)
{
	flows = (struct flush){};
	again = 0;
}

static bool step(struct flush_view view, unsigned second)
{
	return flush_step(&flows, &view, (uint64_t)(1 + second) * SECOND, &again);
}

static struct flush_view unreplaced(struct flush_view view)
{
	view.replaced = false;
	return view;
}

START_TEST(a_better_tier_that_is_back_takes_flows_of_worse_ones)
{
	ck_assert(flush_is_failback(2, 1, 2) && flush_is_failback(3, 2, 3));
	/* It carried already; it is the tier's own; it is better; it gets worse; nobody carries. */
	ck_assert(!flush_is_failback(1, 1, 2));
	ck_assert(!flush_is_failback(2, 1, 1));
	ck_assert(!flush_is_failback(3, 2, 1));
	ck_assert(!flush_is_failback(1, 2, 2));
	ck_assert(!flush_is_failback(2, 0, 2));
	/* Nothing is known of before. */
	ck_assert(!flush_is_failback(0, 1, 2));
}
END_TEST

START_TEST(healthy_wan_keeps_its_flows)
{
	for (unsigned i = 0; i < 10; i++)
		ck_assert(!step(well, i));
	ck_assert_uint_eq(again, 0);
}
END_TEST

START_TEST(lost_carrier_takes_them_at_once_and_once)
{
	ck_assert(!step(well, 0));
	ck_assert(step(unplugged, 1));
	ck_assert(!step(unplugged, 2));
	ck_assert(!step(well, 3));
	ck_assert(step(unplugged, 4));
}
END_TEST

START_TEST(also_when_it_was_lost_before_we_looked)
{
	ck_assert(step(unplugged, 0));
}
END_TEST

START_TEST(not_before_another_wan_can_have_them)
{
	ck_assert(!step(unreplaced(unplugged), 0));
	ck_assert(!step(unreplaced(unplugged), 100));
	ck_assert(step(unplugged, 101));
	ck_assert(!step(unplugged, 102));
}
END_TEST

START_TEST(lost_gateway_takes_them_when_it_stays_away)
{
	ck_assert(!step(well, 0));
	ck_assert(!step(without_gateway, 1));
	ck_assert_uint_eq(again, (1 + 1 + 3) * SECOND);
	ck_assert(!step(without_gateway, 3));
	ck_assert(step(without_gateway, 4));
	ck_assert(!step(without_gateway, 5));
}
END_TEST

START_TEST(gateway_that_is_back_has_all_its_time_again)
{
	ck_assert(!step(without_gateway, 0));
	ck_assert(!step(well, 2));
	ck_assert(!step(without_gateway, 3));
	ck_assert(!step(without_gateway, 5));
	ck_assert(step(without_gateway, 6));
}
END_TEST

START_TEST(verdict_takes_them_where_mwan_conf_says_so)
{
	ck_assert(step(condemned, 0));
	ck_assert(!step(condemned, 1));
	ck_assert(!step(well, 2));
	ck_assert(step(condemned, 3));
	ck_assert(!step(unreplaced(condemned), 4));
}
END_TEST

START_TEST(what_another_loss_asked_for_is_not_forgotten)
{
	/* The carrier goes while there is no other WAN, then the verdict falls, too. */
	ck_assert(!step(unreplaced(unplugged), 0));
	ck_assert(!step((struct flush_view){ .condemned = true }, 1));
	ck_assert(step(unplugged, 2));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("flush");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, a_better_tier_that_is_back_takes_flows_of_worse_ones);
	tcase_add_test(tcase, healthy_wan_keeps_its_flows);
	tcase_add_test(tcase, lost_carrier_takes_them_at_once_and_once);
	tcase_add_test(tcase, also_when_it_was_lost_before_we_looked);
	tcase_add_test(tcase, not_before_another_wan_can_have_them);
	tcase_add_test(tcase, lost_gateway_takes_them_when_it_stays_away);
	tcase_add_test(tcase, gateway_that_is_back_has_all_its_time_again);
	tcase_add_test(tcase, verdict_takes_them_where_mwan_conf_says_so);
	tcase_add_test(tcase, what_another_loss_asked_for_is_not_forgotten);
	return run_case(tcase, "flush");
}
