// SPDX-License-Identifier: GPL-2.0-or-later
// What keeps a WAN out of a family, and since when.
// Takes parts of a good site away, and steps from one moment to the next.

#include "model/condition.h"
#include "scene.h"
#include "suite.h"

static struct scene scene;

static void begin(void)
{
	scene_make(&scene, "contract");
}

static void end(void)
{
	scene_done(&scene);
}

static void expect(enum family family, const char *name)
{
	ck_assert_str_eq(obstacle_name(obstacle_find(&scene.site, ATT, family)), name);
}

START_TEST(nothing_is_in_the_way_of_a_good_wan)
{
	expect(IPV4, "none");
	expect(IPV6, "none");
}
END_TEST

/* Each hides those that were found before. */
START_TEST(the_obstacle_that_explains_the_others_is_named)
{
	struct wan_facts *facts = &scene.site.facts.wans[ATT];

	scene.site.verdicts.aside[ATT][IPV6].held = true;
	expect(IPV6, "held");
	scene.site.verdicts.aside[ATT][IPV6].drained = true;
	expect(IPV6, "drained");
	scene.site.verdicts.v[ATT][IPV6] = VERDICT_DOWN;
	expect(IPV6, "down");
	scene.site.npt.delegated[ATT].len = 0;
	expect(IPV6, "no prefix");
	facts->gateway[IPV6].present = false;
	expect(IPV6, "no gateway");
	expect(IPV4, "none");
	facts->link.carrier = false;
	expect(IPV6, "no carrier");
	expect(IPV4, "no carrier");
	facts->link.up = false;
	expect(IPV6, "switched off");
	facts->link.link.index = 0;
	expect(IPV6, "no interface");
}
END_TEST

START_TEST(masquerade_needs_an_address)
{
	scene_bare(&scene, ATT);
	expect(IPV4, "none");
	scene.config.wans[ATT].masquerade4 = true;
	expect(IPV4, "no address");
	scene.config.wans[ATT].masquerade6 = true;
	expect(IPV6, "no address");
	/* What a fallback stands in for is what is missing. */
	scene.config.wans[ATT].masquerade6 = false;
	scene.config.wans[ATT].fallback6 = true;
	scene.site.npt.delegated[ATT].len = 0;
	expect(IPV6, "no prefix");
}
END_TEST

START_TEST(a_verdict_that_is_not_known_is_no_obstacle)
{
	scene.site.verdicts.v[ATT][IPV4] = VERDICT_UNKNOWN;
	expect(IPV4, "none");
}
END_TEST

START_TEST(every_name_is_read_back)
{
	for (enum obstacle obstacle = 0; obstacle < N_OBSTACLES; obstacle++)
		ck_assert_int_eq(obstacle_parse(obstacle_name(obstacle)), obstacle);
	ck_assert_int_eq(obstacle_parse("on strike"), OBSTACLE_OTHER);
	ck_assert_int_eq(obstacle_parse(NULL), OBSTACLE_OTHER);
}
END_TEST

static struct condition condition;
static struct health_state health;

static void step(enum obstacle obstacle, uint64_t now)
{
	condition = condition_step(&condition, obstacle, &health, now);
}

static void expect_ages(uint64_t since, uint64_t out)
{
	ck_assert_uint_eq(condition.since, since);
	ck_assert_uint_eq(condition.out, out);
}

static void start_anew(void)
{
	condition = (struct condition){};
	health = (struct health_state){};
}

START_TEST(a_condition_is_as_old_as_its_beginning)
{
	step(OBSTACLE_NONE, 1000);
	expect_ages(1000, 0);
	step(OBSTACLE_NONE, 2000);
	expect_ages(1000, 0);
	step(OBSTACLE_NO_GATEWAY, 3000);
	expect_ages(3000, 3000);
	step(OBSTACLE_NO_GATEWAY, 4000);
	expect_ages(3000, 3000);
}
END_TEST

START_TEST(an_outage_lasts_until_nothing_is_in_the_way)
{
	step(OBSTACLE_NONE, 1000);
	step(OBSTACLE_NO_CARRIER, 2000);
	step(OBSTACLE_NO_GATEWAY, 2060);
	step(OBSTACLE_NO_PREFIX, 2070);
	expect_ages(2070, 2000);
	step(OBSTACLE_NONE, 2080);
	expect_ages(2080, 0);
}
END_TEST

/* A link that flaps does not make the verdict younger; nor does one that is older than both. */
START_TEST(a_verdict_keeps_its_own_age)
{
	health.since = 900;
	step(OBSTACLE_NONE, 1000);
	expect_ages(900, 0);
	step(OBSTACLE_NO_CARRIER, 2000);
	health.since = 2015;
	step(OBSTACLE_NO_CARRIER, 2015);
	expect_ages(2000, 2000);
	step(OBSTACLE_DOWN, 2100);
	expect_ages(2015, 2000);
	step(OBSTACLE_NO_CARRIER, 2200);
	expect_ages(2200, 2000);
	step(OBSTACLE_DOWN, 2300);
	expect_ages(2015, 2000);
	health.since = 2400;
	step(OBSTACLE_NONE, 2400);
	expect_ages(2400, 0);
}
END_TEST

START_TEST(what_was_found_so_at_first_is_as_old_as_the_first_look)
{
	step(OBSTACLE_NO_PREFIX, 1000);
	expect_ages(1000, 1000);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("condition");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_checked_fixture(tcase, start_anew, NULL);
	tcase_add_test(tcase, nothing_is_in_the_way_of_a_good_wan);
	tcase_add_test(tcase, the_obstacle_that_explains_the_others_is_named);
	tcase_add_test(tcase, masquerade_needs_an_address);
	tcase_add_test(tcase, a_verdict_that_is_not_known_is_no_obstacle);
	tcase_add_test(tcase, every_name_is_read_back);
	tcase_add_test(tcase, a_condition_is_as_old_as_its_beginning);
	tcase_add_test(tcase, an_outage_lasts_until_nothing_is_in_the_way);
	tcase_add_test(tcase, a_verdict_keeps_its_own_age);
	tcase_add_test(tcase, what_was_found_so_at_first_is_as_old_as_the_first_look);
	return run_case(tcase, "condition");
}
