// SPDX-License-Identifier: GPL-2.0-or-later
// What a run does in each situation, to the last line: tests/golden/plan.
// With MWAN_UPDATE_GOLDEN=1 the files are written instead of compared.

#include "scene.h"
#include "suite.h"

#include <string.h>

static void expect(const char *name, char *plan)
{
	expect_golden("plan", name, plan);
}

/* Two scenes that are alike; the test changes one. */
static struct scene before, now;

static void two_wans(void)
{
	scene_make(&before, "contract");
	scene_make(&now, "contract");
}

static void tear_down(void)
{
	scene_done(&before);
	scene_done(&now);
}

START_TEST(empty_kernel_gets_everything)
{
	expect("from-empty", scene_plan(NULL, &now));
}
END_TEST

START_TEST(nothing_changed_means_no_step)
{
	_cleanup_(freep) char *plan = scene_plan(&before, &now);

	ck_assert_str_eq(plan, "");
}
END_TEST

START_TEST(cut_wan_leaves_the_selection_and_keeps_its_rules)
{
	scene_cut(&now, ATT);
	expect("att-cut", scene_plan(&before, &now));
}
END_TEST

START_TEST(probed_down_wan_leaves_one_family_only)
{
	now.site.verdicts.v[ATT][IPV6] = VERDICT_DOWN;
	expect("att-ipv6-probed-down", scene_plan(&before, &now));
}
END_TEST

START_TEST(late_prefix_makes_the_wan_eligible)
{
	before.site.npt.delegated[ATT].len = 0;
	expect("att-prefix-late", scene_plan(&before, &now));
}
END_TEST

START_TEST(changed_prefix_is_followed_everywhere)
{
	now.site.npt.delegated[ATT] = a_prefix("2600:1700:dead:be0::/60");
	expect("att-prefix-changed", scene_plan(&before, &now));
}
END_TEST

START_TEST(changed_gateways_are_replaced_without_a_gap)
{
	now.site.facts.wans[WEBPASS].gateway[IPV4].via = an_addr("136.25.91.243");
	now.site.facts.wans[WEBPASS].gateway[IPV6].via = an_addr("fe80::99");
	expect("webpass-gateways-changed", scene_plan(&before, &now));
}
END_TEST

START_TEST(all_probed_down_keeps_all_as_last_resort)
{
	for (size_t i = 0; i < 2; i++)
		now.site.verdicts.v[i][IPV4] = now.site.verdicts.v[i][IPV6] = VERDICT_DOWN;
	_cleanup_(freep) char *plan = scene_plan(&before, &now);

	ck_assert_str_eq(plan, "");
}
END_TEST

START_TEST(all_probed_down_selects_none_when_told_so)
{
	now.config.all_down_unreachable = true;
	for (size_t i = 0; i < 2; i++)
		now.site.verdicts.v[i][IPV4] = now.site.verdicts.v[i][IPV6] = VERDICT_DOWN;
	expect("all-down-unreachable", scene_plan(&before, &now));
}
END_TEST

START_TEST(replaced_opnsense_is_followed_in_all_tables)
{
	now.site.facts.router6_linklocal = an_addr("fe80::be24:11ff:fe00:7");
	expect("opnsense-replaced", scene_plan(&before, &now));
}
END_TEST

START_TEST(a_mapped_address_that_is_the_gateways_is_left_out)
{
	struct wan_facts *webpass = &now.site.facts.wans[WEBPASS];

	webpass->gateway[IPV4].via = an_addr("136.25.91.243");
	ck_assert_int_eq(router_list_add(&webpass->routers[IPV4], webpass->gateway[IPV4]), 0);
	expect("webpass-gateway-mapped", scene_plan(&before, &now));
}
END_TEST

START_TEST(a_site_without_hairpin_has_nothing_of_it)
{
	now.config.lan.hairpin = false;
	_cleanup_(freep) char *plan = scene_plan(NULL, &now);

	ck_assert_ptr_null(strstr(plan, "hairpin"));
}
END_TEST

START_TEST(a_direct_network_ends_in_main_while_its_interface_is_missing)
{
	struct scene there, missing;

	scene_make(&there, "direct");
	scene_make(&missing, "direct");
	missing.site.facts.directs[0] = (struct direct_fact){
		.routes = missing.site.facts.directs[0].routes,
	};
	expect("direct-interface-missing", scene_plan(&there, &missing));
	/* Somebody's larger network is reached through a gateway, one as large is left alone. */
	missing.site.facts.directs[0].link = there.site.facts.directs[0].link;
	missing.site.facts.directs[0].takes[IPV4] = missing.site.facts.directs[0].takes[IPV6] =
		true;
	missing.site.facts.directs[0].routes[0] =
		(struct direct_route){ true, 8, an_addr("10.89.0.2") };
	missing.site.facts.directs[0].routes[1] =
		(struct direct_route){ true, 48, an_addr("fe80::2") };
	expect("direct-owner-has-routes", scene_plan(&there, &missing));
	scene_done(&there);
	scene_done(&missing);
}
END_TEST

START_TEST(a_new_lease_is_followed_where_map4_names_it)
{
	static const char *const leases[] = { "136.25.91.245/29", "10.64.0.7/24" };
	struct scene old, new;

	scene_make(&old, "shared-publics");
	scene_make(&new, "shared-publics");
	for (size_t i = 0; i < ARRAY_SIZE(leases); i++) {
		struct link_fact *link = &new.site.facts.wans[WEBPASS + i].link;

		link->addresses[0] = a_prefix(leases[i]);
		link->source[IPV4] = link->addresses[0].addr;
	}
	expect("new-leases", scene_plan(&old, &new));
	scene_done(&new);
	scene_done(&old);
}
END_TEST

START_TEST(each_site_gets_its_plan)
{
	static const char *const sites[][2] = {
		{ "tiers", "tiered-from-empty" },
		{ "masquerade", "masquerade-from-empty" },
		{ "no-ipv6", "no-ipv6-from-empty" },
		{ "three-wans", "three-wans-from-empty" },
		{ "on-link", "on-link-from-empty" },
		{ "inside4", "inside4-from-empty" },
		{ "direct", "direct-from-empty" },
		{ "shared-publics", "shared-publics-from-empty" },
		{ "rules", "rules-from-empty" },
	};
	struct scene site;

	scene_make(&site, sites[_i][0]);
	expect(sites[_i][1], scene_plan(NULL, &site));
	scene_done(&site);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("plans");

	tcase_add_checked_fixture(tcase, two_wans, tear_down);
	tcase_add_test(tcase, empty_kernel_gets_everything);
	tcase_add_test(tcase, nothing_changed_means_no_step);
	tcase_add_test(tcase, cut_wan_leaves_the_selection_and_keeps_its_rules);
	tcase_add_test(tcase, probed_down_wan_leaves_one_family_only);
	tcase_add_test(tcase, late_prefix_makes_the_wan_eligible);
	tcase_add_test(tcase, changed_prefix_is_followed_everywhere);
	tcase_add_test(tcase, changed_gateways_are_replaced_without_a_gap);
	tcase_add_test(tcase, all_probed_down_keeps_all_as_last_resort);
	tcase_add_test(tcase, all_probed_down_selects_none_when_told_so);
	tcase_add_test(tcase, replaced_opnsense_is_followed_in_all_tables);
	tcase_add_test(tcase, a_mapped_address_that_is_the_gateways_is_left_out);
	tcase_add_test(tcase, a_site_without_hairpin_has_nothing_of_it);
	tcase_add_loop_test(tcase, each_site_gets_its_plan, 0, 9);
	tcase_add_test(tcase, a_direct_network_ends_in_main_while_its_interface_is_missing);
	tcase_add_test(tcase, a_new_lease_is_followed_where_map4_names_it);
	return run_case(tcase, "golden");
}
