// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of when a metered WAN is probed less often.
// Fibre is of tier 1, cable of tier 2, the modem of tier 9.

#include "health/metered.h"
#include "scene.h"
#include "suite.h"

enum {
	MODEM,
	FIBRE,
	CABLE,
};

static struct scene scene;
static struct wan_health health[3];

static void set_up(void)
{
	scene_make(&scene, "tiers");
	for (size_t i = 0; i < ARRAY_SIZE(health); i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			health[i] = (struct wan_health){ .eligible = { true, true } };
			health[i].state[IPV4].state = VERDICT_UP;
			health[i].state[IPV6].state = VERDICT_UP;
		}
}

static void tear_down(void)
{
	scene_done(&scene);
}

static bool is_needed(size_t wan, enum family family)
{
	return metered_is_needed(&scene.config, health, wan, family);
}

START_TEST(it_rests_while_one_wan_of_a_better_tier_carries)
{
	ck_assert(!is_needed(MODEM, IPV4) && !is_needed(CABLE, IPV4));
	ck_assert(is_needed(FIBRE, IPV4));
	health[FIBRE].eligible[IPV4] = false;
	ck_assert(!is_needed(MODEM, IPV4) && is_needed(CABLE, IPV4));
	health[CABLE].eligible[IPV4] = false;
	ck_assert(is_needed(MODEM, IPV4));
}
END_TEST

/* The rule's flows have no other WAN, or a worse one only. */
START_TEST(a_rule_whose_best_wan_it_is_needs_it)
{
	bool policies[2][3] = { { true, true, true }, { [MODEM] = true, [CABLE] = true } };
	struct policy all[] = { { .wans = policies[0] }, { .wans = policies[1] } };
	struct rule_conf rule = { .has = { [IPV4] = true }, .policy = 1 };
	struct config config = scene.config;

	config.policies = all;
	config.rules = &rule;
	config.n_rules = 1;
	ck_assert(!metered_is_needed(&config, health, MODEM, IPV4));
	ck_assert(metered_is_needed(&config, health, CABLE, IPV4));
	ck_assert(!metered_is_needed(&config, health, CABLE, IPV6));
	health[CABLE].eligible[IPV4] = false;
	ck_assert(metered_is_needed(&config, health, MODEM, IPV4));
	policies[1][MODEM] = false;
	ck_assert(!metered_is_needed(&config, health, MODEM, IPV4));
}
END_TEST

START_TEST(each_family_is_for_itself)
{
	health[FIBRE].eligible[IPV6] = health[CABLE].eligible[IPV6] = false;
	ck_assert(is_needed(MODEM, IPV6) && !is_needed(MODEM, IPV4));
}
END_TEST

START_TEST(one_failed_cycle_of_all_others_wakes_it)
{
	health[FIBRE].state[IPV4].failures = 1;
	ck_assert(!is_needed(MODEM, IPV4));
	health[CABLE].state[IPV4].failures = 1;
	ck_assert(is_needed(MODEM, IPV4));
	health[FIBRE].state[IPV4].failures = 0;
	ck_assert(!is_needed(MODEM, IPV4));
}
END_TEST

START_TEST(a_last_resort_is_nothing_to_rest_for)
{
	health[FIBRE].state[IPV4].state = health[CABLE].state[IPV4].state = VERDICT_DOWN;
	ck_assert(is_needed(MODEM, IPV4));
	/* Nobody has probed it, and it counts as up. */
	health[CABLE].state[IPV4].state = VERDICT_UNKNOWN;
	ck_assert(!is_needed(MODEM, IPV4));
}
END_TEST

START_TEST(it_does_not_rest_until_its_own_verdict_is_sure)
{
	struct health_state state = { .state = VERDICT_UNKNOWN };

	ck_assert(!metered_is_settled(&state));
	state.state = VERDICT_UP;
	ck_assert(metered_is_settled(&state));
	state.failures = 1;
	ck_assert(!metered_is_settled(&state));
	state.state = VERDICT_DOWN;
	ck_assert(metered_is_settled(&state));
	state.failures = 0;
	state.successes = 1;
	ck_assert(!metered_is_settled(&state));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("metered");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, it_rests_while_one_wan_of_a_better_tier_carries);
	tcase_add_test(tcase, a_rule_whose_best_wan_it_is_needs_it);
	tcase_add_test(tcase, each_family_is_for_itself);
	tcase_add_test(tcase, one_failed_cycle_of_all_others_wakes_it);
	tcase_add_test(tcase, a_last_resort_is_nothing_to_rest_for);
	tcase_add_test(tcase, it_does_not_rest_until_its_own_verdict_is_sure);
	return run_case(tcase, "metered");
}
