// SPDX-License-Identifier: GPL-2.0-or-later
// The difference between what is desired and what is there.
// Builds both sides by hand and looks at the steps.

#include "plan/plan.h"
#include "scene.h"
#include "suite.h"

#include <linux/rtnetlink.h>
#include <string.h>

static struct object_set desired, observed;
static struct plan plan;

static void tear_down(void)
{
	plan_done(&plan);
	object_set_done(&desired);
	object_set_done(&observed);
}

static struct object a_rule(uint32_t pref, uint32_t mark)
{
	return (struct object){ .kind = OBJECT_RULE,
				.family = AF_INET6,
				.pref = pref,
				.mark = mark,
				.table = mark * 100 };
}

static struct object a_route(int family, const char *to, const char *via)
{
	return (struct object){ .kind = OBJECT_ROUTE,
				.family = family,
				.type = RTN_UNICAST,
				.table = 100,
				.prefix = a_prefix(to),
				.link = { 5, "wan0" },
				.via = an_addr(via),
				.metric = 1 };
}

START_TEST(lost_wan_drops_only_its_rule)
{
	object_set_add(&desired, a_rule(101, 1));
	object_set_add(&observed, a_rule(101, 1));
	object_set_add(&observed, a_rule(102, 2));

	ck_assert_int_eq(plan_net(&desired, &observed, &plan), 0);
	ck_assert_uint_eq(plan.n_steps, 1);
	ck_assert_int_eq(plan.steps[0].kind, STEP_DELETE);
	ck_assert_uint_eq(plan.steps[0].object->mark, 2);
}
END_TEST

START_TEST(rule_that_somebody_bent_is_replaced)
{
	struct object bent = a_rule(101, 1);

	bent.odd = true;
	object_set_add(&desired, a_rule(101, 1));
	object_set_add(&observed, bent);

	ck_assert_int_eq(plan_net(&desired, &observed, &plan), 0);
	ck_assert_uint_eq(plan.n_additions, 1);
	ck_assert_uint_eq(plan.n_steps, 2);
}
END_TEST

START_TEST(routes_come_before_the_rules_that_lead_to_them)
{
	object_set_add(&desired, a_rule(101, 1));
	object_set_add(&desired, a_route(AF_INET, "0.0.0.0/0", "192.0.2.1"));

	ck_assert_int_eq(plan_net(&desired, &observed, &plan), 0);
	ck_assert_int_eq(plan.steps[0].object->kind, OBJECT_ROUTE);
	ck_assert_int_eq(plan.steps[1].object->kind, OBJECT_RULE);
}
END_TEST

START_TEST(rules_go_before_the_routes_they_led_to)
{
	object_set_add(&observed, a_rule(101, 1));
	object_set_add(&observed, a_route(AF_INET, "0.0.0.0/0", "192.0.2.1"));

	ck_assert_int_eq(plan_net(&desired, &observed, &plan), 0);
	ck_assert_int_eq(plan.steps[0].object->kind, OBJECT_RULE);
	ck_assert_int_eq(plan.steps[1].object->kind, OBJECT_ROUTE);
}
END_TEST

START_TEST(changed_gateway_is_added_before_the_old_one_goes)
{
	object_set_add(&observed, a_route(AF_INET, "0.0.0.0/0", "192.0.2.1"));
	object_set_add(&desired, a_route(AF_INET, "0.0.0.0/0", "192.0.2.2"));

	ck_assert_int_eq(plan_net(&desired, &observed, &plan), 0);
	ck_assert_uint_eq(plan.n_steps, 2);
	ck_assert_int_eq(plan.steps[0].kind, STEP_ADD);
	ck_assert_int_eq(plan.steps[1].kind, STEP_DELETE);
}
END_TEST

START_TEST(changed_ipv6_gateway_is_replaced_in_one_step)
{
	object_set_add(&observed, a_route(AF_INET6, "::/0", "fe80::1"));
	object_set_add(&desired, a_route(AF_INET6, "::/0", "fe80::2"));

	ck_assert_int_eq(plan_net(&desired, &observed, &plan), 0);
	ck_assert_uint_eq(plan.n_steps, 1);
	ck_assert_int_eq(plan.steps[0].kind, STEP_REPLACE);
}
END_TEST

START_TEST(what_two_wans_desire_is_there_once)
{
	object_set_add(&desired, a_route(AF_INET6, "2001:db8::/32", "fe80::1"));
	object_set_add(&desired, a_route(AF_INET6, "2001:db8::/32", "fe80::1"));
	ck_assert_uint_eq(desired.n, 1);
}
END_TEST

/* ---- nftables ---- */

#define DEFINE "add chain inet mangle one\nadd chain inet mangle two\n"
#define ONE "# chain inet mangle one\nadd rule inet mangle one accept\n"
#define TWO "# chain inet mangle two\nadd rule inet mangle two accept\n"
#define TWO_CHANGED "# chain inet mangle two\nadd rule inet mangle two drop\n"

/* The plan for the mangle table alone. */
static const char *plan_mangle(const char *left, const char *left_listing, const char *listing,
			       const char *want)
{
	struct nft_texts texts = { .v = { "", "", "", "" } };
	struct nft_observed rules = {};

	for (size_t i = 0; i < N_NFT_PARTS; i++)
		rules.listing[i] = (char *)nft_parts[i].pristine;
	texts.v[NFT_MANGLE] = (char *)want;
	rules.left.v[NFT_MANGLE] = (char *)left;
	rules.left_listing[NFT_MANGLE] = (char *)left_listing;
	rules.listing[NFT_MANGLE] = (char *)listing;

	plan_done(&plan);
	ck_assert_int_eq(plan_nft(&texts, &rules, &plan), 0);
	return plan.nft;
}

START_TEST(untouched_table_gets_changed_chains_only)
{
	ck_assert_str_eq(plan_mangle(DEFINE ONE TWO, "listed", "listed", DEFINE ONE TWO_CHANGED),
			 "flush chain inet mangle two\nadd rule inet mangle two drop\n");
	ck_assert_str_eq(plan_mangle(DEFINE ONE TWO, "listed", "listed", DEFINE ONE TWO), "");
	ck_assert(!plan.takes_over);
}
END_TEST

START_TEST(table_that_somebody_touched_is_replaced_whole)
{
	const char *text = plan_mangle(DEFINE ONE TWO, "listed", "touched", DEFINE ONE TWO);

	ck_assert_ptr_eq(strstr(text, "delete table inet mangle\nadd table inet mangle\n"), text);
	ck_assert_ptr_nonnull(strstr(text, DEFINE ONE TWO));
}
END_TEST

START_TEST(objects_that_come_and_go_leave_others_alone)
{
	static const char listed[] = "table inet mangle {\n\tchain prerouting {\n\t}\n"
				     "\tchain one {\n\t}\n\tmap old {\n\t}\n"
				     "\tchain gone {\n\t}\n}\n";

	/* New ones are filled before anything leads to them; old ones go after nothing does. */
	ck_assert_str_eq(plan_mangle("add chain inet mangle one\nadd map inet mangle old { a; }\n"
				     "add chain inet mangle gone\n" ONE,
				     listed, listed,
				     DEFINE "# chain inet mangle one\n"
					    "add rule inet mangle one goto two\n" TWO),
			 "add chain inet mangle two\nadd rule inet mangle two accept\n" PLAN_THEN
			 "flush chain inet mangle one\n"
			 "add rule inet mangle one goto two\n" PLAN_THEN
			 "flush chain inet mangle gone\n"
			 "delete map inet mangle old\n"
			 "delete chain inet mangle gone\n");
	ck_assert(!plan.takes_over);
	ck_assert_uint_eq(plan.n_transactions, 3);
	/* The text that is kept is not that of the listing. */
	ck_assert_ptr_eq(strstr(plan_mangle("add chain inet mangle one\n" ONE, listed, listed,
					    DEFINE ONE TWO),
				"delete table"),
			 plan.nft);
}
END_TEST

START_TEST(objects_of_another_kind_mean_a_new_table)
{
	const char *text = plan_mangle("add map inet mangle one { type a; }\n", "listed", "listed",
				       "add map inet mangle one { type b; }\n");

	ck_assert_ptr_eq(strstr(text, "delete table"), text);
}
END_TEST

START_TEST(fresh_base_is_only_added_to)
{
	ck_assert_str_eq(plan_mangle(DEFINE ONE TWO, "listed", nft_parts[NFT_MANGLE].pristine,
				     DEFINE ONE TWO),
			 DEFINE ONE TWO);
	ck_assert(plan.takes_over);
}
END_TEST

START_TEST(missing_table_is_made)
{
	const char *text = plan_mangle(DEFINE ONE TWO, "listed", NULL, DEFINE ONE TWO);

	ck_assert_ptr_eq(strstr(text, "add table inet mangle\n"), text);
}
END_TEST

START_TEST(lost_record_means_a_new_table)
{
	const char *text = plan_mangle(NULL, NULL, "listed", DEFINE ONE TWO);

	ck_assert_ptr_eq(strstr(text, "delete table"), text);
}
END_TEST

/* ---- the part of a table that is not ours alone ---- */

#define KEPT "add counter inet filter m1_ipv4_in\n"
#define FILL "# chain inet filter inside\nadd rule inet filter inside accept\n"

START_TEST(counters_of_lost_wans_go_and_the_others_go_on)
{
	const char *listing = "\tchain exits {\n\t\tcounter name \"m3_ipv4_in\"\n\t}\n"
			      "\tcounter m1_ipv4_in {\n\t}\n"
			      "\tcounter m2_ipv4_in {\n\t}\n";
	struct nft_texts texts = { .v = { "", "", "", "" } };
	struct nft_observed rules = {};

	for (size_t i = 0; i < N_NFT_PARTS; i++)
		rules.listing[i] = (char *)nft_parts[i].pristine;
	rules.listing[NFT_FILTER] = (char *)listing;
	texts.v[NFT_FILTER] = KEPT FILL;

	ck_assert_int_eq(plan_nft(&texts, &rules, &plan), 0);
	ck_assert_ptr_eq(strstr(plan.nft, nft_parts[NFT_FILTER].wipe), plan.nft);
	ck_assert_str_eq(plan.nft + strlen(nft_parts[NFT_FILTER].wipe),
			 "delete counter inet filter m2_ipv4_in\n" KEPT FILL);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("plan");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, lost_wan_drops_only_its_rule);
	tcase_add_test(tcase, rule_that_somebody_bent_is_replaced);
	tcase_add_test(tcase, routes_come_before_the_rules_that_lead_to_them);
	tcase_add_test(tcase, rules_go_before_the_routes_they_led_to);
	tcase_add_test(tcase, changed_gateway_is_added_before_the_old_one_goes);
	tcase_add_test(tcase, changed_ipv6_gateway_is_replaced_in_one_step);
	tcase_add_test(tcase, what_two_wans_desire_is_there_once);
	tcase_add_test(tcase, untouched_table_gets_changed_chains_only);
	tcase_add_test(tcase, table_that_somebody_touched_is_replaced_whole);
	tcase_add_test(tcase, objects_that_come_and_go_leave_others_alone);
	tcase_add_test(tcase, objects_of_another_kind_mean_a_new_table);
	tcase_add_test(tcase, fresh_base_is_only_added_to);
	tcase_add_test(tcase, missing_table_is_made);
	tcase_add_test(tcase, lost_record_means_a_new_table);
	tcase_add_test(tcase, counters_of_lost_wans_go_and_the_others_go_on);
	return run_case(tcase, "plan");
}
