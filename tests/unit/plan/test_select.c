// SPDX-License-Identifier: GPL-2.0-or-later
// Which WANs new flows may choose, and with what share.
// Bends a site of three WANs and makes its selections anew.

#include "scene.h"
#include "suite.h"

#include <string.h>

static struct scene scene;
static const struct selection *selection; /* of the site */

static void three_wans(void)
{
	scene_make(&scene, "three-wans"); /* 5:3:2 */
}

static void tear_down(void)
{
	scene_done(&scene);
}

static void choose(enum family family)
{
	ck_assert_int_eq(selections_make(&scene.site), 0);
	selection = site_selection(&scene.site, family);
}

/* The ranges ascend, touch, and cover every slot: no new flow is without a WAN. */
static void check_ranges(void)
{
	unsigned next = 0;

	for (size_t i = 0; i < selection->n_ranges; i++) {
		ck_assert_uint_eq(selection->ranges[i].first, next);
		ck_assert_uint_ge(selection->ranges[i].last, selection->ranges[i].first);
		next = selection->ranges[i].last + 1;
	}
	ck_assert_uint_eq(next, selection->n_ranges ? SLOTS : 0);
}

static uint32_t mark_of(const struct selection *s, unsigned slot)
{
	for (size_t i = 0; i < s->n_ranges; i++)
		if (slot >= s->ranges[i].first && slot <= s->ranges[i].last)
			return s->ranges[i].mark;
	return 0;
}

START_TEST(shares_follow_the_weights)
{
	choose(IPV4);
	check_ranges();
	ck_assert_uint_eq(selection->slots[0], 5000);
	ck_assert_uint_eq(selection->slots[1], 3000);
	ck_assert_uint_eq(selection->slots[2], 2000);
	ck_assert_ptr_eq(selection->best, &scene.config.wans[0]);
}
END_TEST

START_TEST(what_one_wan_leaves_is_dealt_by_weight)
{
	scene_cut(&scene, 1);
	choose(IPV4);
	check_ranges();
	ck_assert_uint_eq(selection->slots[0], 5000 + 2143);
	ck_assert_uint_eq(selection->slots[1], 0);
	ck_assert_uint_eq(selection->slots[2], 2000 + 857);
}
END_TEST

START_TEST(sources_on_healthy_wans_keep_their_choice)
{
	for (size_t cut = 0; cut < 3; cut++) {
		struct selections all;

		choose(IPV4);
		all = TAKE(scene.site.selections);
		scene.site.verdicts.v[cut][IPV4] = VERDICT_DOWN;
		choose(IPV4);
		scene.site.verdicts.v[cut][IPV4] = VERDICT_UP;

		for (unsigned slot = 0; slot < SLOTS; slot++)
			if (mark_of(&all.v[IPV4], slot) != scene.config.wans[cut].mark)
				ck_assert_uint_eq(mark_of(&all.v[IPV4], slot),
						  mark_of(selection, slot));
		selections_done(&all);
	}
}
END_TEST

START_TEST(families_are_judged_apart)
{
	scene.site.verdicts.v[0][IPV6] = VERDICT_DOWN;
	choose(IPV6);
	ck_assert(!selection->eligible[0]);
	choose(IPV4);
	ck_assert(selection->eligible[0]);
}
END_TEST

START_TEST(no_prefix_means_no_ipv6_but_ipv4)
{
	scene.site.npt.delegated[0].len = 0;
	choose(IPV6);
	ck_assert(!selection->eligible[0]);
	choose(IPV4);
	ck_assert(selection->eligible[0]);
}
END_TEST

START_TEST(fallback_masquerades_when_there_is_an_address)
{
	scene.site.npt.delegated[0].len = 0;
	scene.config.wans[0].fallback6 = true;
	choose(IPV6);
	ck_assert(selection->eligible[0]);

	scene.site.facts.wans[0].link.source[IPV6] = (struct addr){};
	choose(IPV6);
	ck_assert(!selection->eligible[0]);
}
END_TEST

START_TEST(last_resort_is_what_has_a_gateway)
{
	for (size_t i = 0; i < 3; i++)
		scene.site.verdicts.v[i][IPV4] = VERDICT_DOWN;
	scene_cut(&scene, 0);
	choose(IPV4);
	check_ranges();
	ck_assert(!selection->eligible[0] && selection->eligible[1] && selection->eligible[2]);

	scene.config.all_down_unreachable = true;
	choose(IPV4);
	ck_assert_uint_eq(selection->n_ranges, 0);
	ck_assert_ptr_null(selection->best);
}
END_TEST

/* Which of the three carry, as bits. */
static unsigned carriers(enum family family)
{
	unsigned bits = 0;

	choose(family);
	check_ranges();
	for (size_t i = 0; i < 3; i++) {
		bits |= selection->eligible[i] ? 1U << i : 0;
		ck_assert(selection->eligible[i] || selection->slots[i] == 0);
	}
	return bits;
}

static struct aside *aside(size_t wan)
{
	return &scene.site.verdicts.aside[wan][IPV4];
}

/* Held: 0 and 1; drained: 1 and 2. It is better to be held than to be drained or down. */
START_TEST(those_set_aside_carry_when_nobody_else_can)
{
	aside(0)->held = aside(1)->held = true;
	ck_assert_uint_eq(carriers(IPV4), 1U << 2);
	ck_assert_uint_eq(carriers(IPV6), 1U << 0 | 1U << 1);
	ck_assert(selection->usable[0] && selection->usable[1]);

	aside(1)->drained = aside(2)->drained = true;
	ck_assert_uint_eq(carriers(IPV4), 1U << 0);

	scene_cut(&scene, 0);
	ck_assert_uint_eq(carriers(IPV4), 1U << 1 | 1U << 2);
	/* The probes are believed more than the hand. */
	scene.site.verdicts.v[1][IPV4] = VERDICT_DOWN;
	ck_assert_uint_eq(carriers(IPV4), 1U << 2);

	/* What is up stays so, whatever is to be done when all are down. */
	scene.config.all_down_unreachable = true;
	ck_assert_uint_eq(carriers(IPV4), 1U << 2);
	scene.site.verdicts.v[2][IPV4] = VERDICT_DOWN;
	ck_assert_uint_eq(carriers(IPV4), 0);
	scene.config.all_down_unreachable = false;
	ck_assert_uint_eq(carriers(IPV4), 1U << 1 | 1U << 2);
}
END_TEST

/* Tiers count among those that are held, too. */
START_TEST(the_better_tier_of_those_held_carries)
{
	scene.config.wans[0].tier = 2;
	for (size_t i = 0; i < 3; i++)
		aside(i)->held = true;
	choose(IPV4);
	ck_assert_uint_eq(selection->slots[0], 0);
	ck_assert_uint_gt(selection->slots[1], 0);
	scene_cut(&scene, 1);
	scene_cut(&scene, 2);
	choose(IPV4);
	ck_assert_uint_eq(selection->slots[0], SLOTS);
}
END_TEST

/* Sources without a map can only be masqueraded. */
START_TEST(sources_that_have_one_wan_keep_it_while_it_is_up)
{
	const struct selection *unmapped;

	scene.config.wans[2].masquerade4 = true;
	aside(2)->drained = true;
	ck_assert_uint_eq(carriers(IPV4), 1U << 0 | 1U << 1);
	unmapped = &scene.site.selections.v[N_FAMILIES];
	ck_assert_str_eq(unmapped->group.name, "unmapped");
	ck_assert_uint_eq(unmapped->slots[2], SLOTS);

	scene.site.verdicts.v[2][IPV4] = VERDICT_DOWN;
	choose(IPV4);
	ck_assert_ptr_null(scene.site.selections.v[N_FAMILIES].best);
}
END_TEST

START_TEST(lowest_tier_with_an_eligible_wan_carries)
{
	scene.config.wans[0].tier = 3;
	scene.config.wans[1].tier = 1;
	scene.config.wans[2].tier = 2;
	choose(IPV4);
	ck_assert_uint_eq(selection->slots[1], SLOTS);

	scene.site.verdicts.v[1][IPV4] = VERDICT_DOWN;
	choose(IPV4);
	ck_assert_uint_eq(selection->slots[2], SLOTS);

	scene_cut(&scene, 2);
	choose(IPV4);
	ck_assert_uint_eq(selection->slots[0], SLOTS);
}
END_TEST

START_TEST(a_family_without_gateway_is_never_used)
{
	scene.config.wans[0].gateway_mode[IPV6] = GATEWAY_NONE;
	choose(IPV6);
	ck_assert(!selection->eligible[0]);
}
END_TEST

START_TEST(any_weights_cover_every_slot)
{
	srandom(1);
	for (int round = 0; round < 10000; round++) {
		for (size_t i = 0; i < 3; i++) {
			scene.config.wans[i].weight = 1 + random() % 100;
			scene.config.wans[i].tier = 1 + random() % 2;
			scene.site.verdicts.v[i][IPV4] = random() % 3;
			aside(i)->held = random() % 2;
			aside(i)->drained = random() % 2;
		}
		choose(IPV4);
		check_ranges();
		for (size_t i = 0; i < 3; i++)
			ck_assert(selection->eligible[i] || selection->slots[i] == 0);
	}
}
END_TEST

/* ---- rules ---- */

/* Which WANs flows of the rule's policy may choose: "01" are fibre and cable. */
static const char *of_rule(const char *rule, enum family family)
{
	static char members[4];
	size_t i = 0;

	while (strcmp(scene.config.rules[i].name, rule) != 0)
		i++;
	members[0] = '\0';
	for (size_t s = 0; s < scene.site.selections.n; s++) {
		selection = &scene.site.selections.v[s];
		if (selection->group.policy == scene.config.rules[i].policy &&
		    selection->group.family == family && !*selection->group.name)
			break;
	}
	check_ranges();
	for (size_t w = 0; w < 3; w++)
		if (selection->slots[w] > 0)
			snprintf(members + strlen(members), 2, "%zu", w);
	return members;
}

static void rules_site(void)
{
	scene_done(&scene);
	scene_make(&scene, "rules");
}

START_TEST(a_rule_uses_its_own_wans_by_weight)
{
	rules_site();
	choose(IPV4);
	ck_assert_str_eq(of_rule("voice", IPV4), "0");
	ck_assert_str_eq(of_rule("office", IPV4), "01");
	ck_assert_uint_eq(selection->slots[0], 6250);
	ck_assert_int_eq(selection->group.mode, BALANCE_SOURCE);
	ck_assert_str_eq(of_rule("rest", IPV4), "12");
	ck_assert_str_eq(of_rule("rest", IPV6), "1"); /* the radio has no IPv6 */
	ck_assert_uint_eq(scene.config.rules[3].policy, 0);
}
END_TEST

START_TEST(a_rule_without_a_wan_follows_the_others_or_refuses)
{
	rules_site();
	scene.site.verdicts.v[0][IPV4] = VERDICT_DOWN;
	scene.site.verdicts.v[1][IPV4] = VERDICT_DOWN;
	choose(IPV4);
	ck_assert_str_eq(of_rule("voice", IPV4), "2");
	ck_assert_str_eq(of_rule("office", IPV4), "2");
	ck_assert_str_eq(of_rule("web", IPV4), "");
	ck_assert_str_eq(of_rule("web", IPV6), "1");

	/* As a last resort, each rule uses its own. */
	scene.site.verdicts.v[2][IPV4] = VERDICT_DOWN;
	choose(IPV4);
	ck_assert_str_eq(of_rule("voice", IPV4), "0");
	ck_assert_str_eq(of_rule("office", IPV4), "01");
	ck_assert_str_eq(of_rule("web", IPV4), "1");
	scene_cut(&scene, 1);
	choose(IPV4);
	ck_assert_str_eq(of_rule("web", IPV4), "");
	ck_assert_str_eq(of_rule("office", IPV4), "0");

	scene.config.all_down_unreachable = true;
	choose(IPV4);
	ck_assert_str_eq(of_rule("voice", IPV4), "");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("select");

	tcase_add_checked_fixture(tcase, three_wans, tear_down);
	tcase_add_test(tcase, shares_follow_the_weights);
	tcase_add_test(tcase, what_one_wan_leaves_is_dealt_by_weight);
	tcase_add_test(tcase, sources_on_healthy_wans_keep_their_choice);
	tcase_add_test(tcase, families_are_judged_apart);
	tcase_add_test(tcase, no_prefix_means_no_ipv6_but_ipv4);
	tcase_add_test(tcase, fallback_masquerades_when_there_is_an_address);
	tcase_add_test(tcase, last_resort_is_what_has_a_gateway);
	tcase_add_test(tcase, those_set_aside_carry_when_nobody_else_can);
	tcase_add_test(tcase, the_better_tier_of_those_held_carries);
	tcase_add_test(tcase, sources_that_have_one_wan_keep_it_while_it_is_up);
	tcase_add_test(tcase, lowest_tier_with_an_eligible_wan_carries);
	tcase_add_test(tcase, a_family_without_gateway_is_never_used);
	tcase_add_test(tcase, any_weights_cover_every_slot);
	tcase_add_test(tcase, a_rule_uses_its_own_wans_by_weight);
	tcase_add_test(tcase, a_rule_without_a_wan_follows_the_others_or_refuses);
	return run_case(tcase, "select");
}
