// SPDX-License-Identifier: GPL-2.0-or-later
// When a router is left for another one, and when it is tried again.
// A link with two routers; times are made up, in seconds.

#include "daemon/routers.h"
#include "scene.h"
#include "suite.h"

#define S 1000000ULL
#define THRESHOLD 3

static struct scene scene;
static struct routers routers;
static struct router *first, *second;

static void set_up(void)
{
	struct gateway_fact gateway = { .present = true, .preference = 1 };

	scene_make(&scene, "contract");
	gateway.via = an_addr("fe80::1");
	router_list_add(&scene.site.facts.wans[ATT].routers[IPV6], gateway);
	gateway.via = an_addr("fe80::2");
	gateway.preference = -1;
	router_list_add(&scene.site.facts.wans[ATT].routers[IPV6], gateway);
	first = &scene.site.facts.wans[ATT].routers[IPV6].v[0];
	second = &scene.site.facts.wans[ATT].routers[IPV6].v[1];
	routers = (struct routers){};
}

static void tear_down(void)
{
	routers_done(&routers);
	scene_done(&scene);
}

/* The router that a run at that time uses, after what was found out. */
static const struct router *used(uint64_t now_us)
{
	static const struct router_ids none;
	struct router_ids avoided = {};
	const struct router_opinions opinions = { &none, &none, &avoided };
	uint64_t again_us = UINT64_MAX;
	struct addr via;

	ck_assert_int_ge(routers_review(&routers, &scene.site.facts, now_us, &again_us), 0);
	ck_assert_int_eq(routers_avoided(&routers, &avoided), 0);
	facts_choose_gateways(&scene.site.facts, &opinions);
	ck_assert_int_ge(routers_review(&routers, &scene.site.facts, now_us, &again_us), 0);
	router_ids_done(&avoided);
	via = scene.site.facts.wans[ATT].gateway[IPV6].via;
	return addr_cmp(via, first->gateway.via) == 0 ? first : second;
}

static int judge(unsigned failures, uint64_t now_us)
{
	struct routers_turn now = { ATT, IPV6, .failures = failures };

	return routers_judge(&routers, &scene.site.facts, now, THRESHOLD, now_us);
}

START_TEST(one_cycle_before_the_threshold_another_router_has_its_turn)
{
	ck_assert_ptr_eq(used(S), first);
	ck_assert_int_eq(judge(0, S), 0);
	ck_assert_int_eq(judge(1, 2 * S), 0);
	ck_assert_int_eq(judge(2, 3 * S), 1);
	ck_assert_ptr_eq(used(3 * S), second);
	ck_assert_int_eq(judge(0, 4 * S), 0);

	/* It answers for its address all the time: tried again after a minute, then after two. */
	ck_assert_ptr_eq(used(62 * S), second);
	ck_assert_ptr_eq(used(63 * S), first);
	judge(1, 64 * S);
	ck_assert_int_eq(judge(2, 65 * S), 1);
	ck_assert_ptr_eq(used(184 * S), second);
	ck_assert_ptr_eq(used(185 * S), first);
}
END_TEST

START_TEST(failures_from_before_are_not_the_routers)
{
	ck_assert_ptr_eq(used(S), first);
	ck_assert_int_eq(judge(7, S), 0);
	ck_assert_int_eq(judge(8, 2 * S), 0);
	ck_assert_int_eq(judge(9, 3 * S), 1);
}
END_TEST

START_TEST(where_none_helps_they_take_turns_that_get_longer)
{
	const struct router *before = used(S);
	unsigned changes = 0;

	judge(0, S);
	for (unsigned failures = 1; failures <= 60; failures++) {
		judge(failures, failures * S);
		changes += used(failures * S) != before;
		before = used(failures * S);
	}
	ck_assert_uint_ge(changes, 6);
	ck_assert_uint_le(changes, 11);
}
END_TEST

START_TEST(a_router_that_was_gone_is_used_when_it_is_back)
{
	ck_assert_ptr_eq(used(S), first);
	first->silent = true;
	ck_assert_ptr_eq(used(10 * S), second);
	ck_assert_ptr_eq(used(20 * S), second);
	first->silent = false;
	ck_assert_ptr_eq(used(21 * S), first);

	/* One that comes and goes is left alone for longer and longer. */
	first->silent = true;
	ck_assert_ptr_eq(used(22 * S), second);
	first->silent = false;
	ck_assert_ptr_eq(used(23 * S), second);
	ck_assert_ptr_eq(used(33 * S), first);
}
END_TEST

START_TEST(one_that_withdraws_begins_anew)
{
	ck_assert_ptr_eq(used(S), first);
	judge(0, S);
	ck_assert_int_eq(judge(2, 2 * S), 1);
	ck_assert_ptr_eq(used(3 * S), second);
	scene.site.facts.wans[ATT].routers[IPV6].v[0] = *second;
	scene.site.facts.wans[ATT].routers[IPV6].n = 1;
	used(4 * S);
	ck_assert(!routers.v[0].avoided);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("routers");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_cycle_before_the_threshold_another_router_has_its_turn);
	tcase_add_test(tcase, failures_from_before_are_not_the_routers);
	tcase_add_test(tcase, where_none_helps_they_take_turns_that_get_longer);
	tcase_add_test(tcase, a_router_that_was_gone_is_used_when_it_is_back);
	tcase_add_test(tcase, one_that_withdraws_begins_anew);
	return run_case(tcase, "routers");
}
