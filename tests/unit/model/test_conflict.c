// SPDX-License-Identifier: GPL-2.0-or-later
// Which of several routers is used, and what can't be used because two have it.
// Each bends the facts of a site that is in order.

#include "model/conflict.h"
#include "scene.h"
#include "suite.h"

static struct scene scene;
static struct conflicts found;

static void set_up(void)
{
	scene_make(&scene, "contract");
}

static void tear_down(void)
{
	conflicts_done(&found);
	scene_done(&scene);
}

static void add_router(size_t wan, enum family family, const char *via, uint32_t metric,
		       int preference)
{
	struct gateway_fact gateway = {
		.present = true, .via = an_addr(via), .metric = metric, .preference = preference
	};

	ck_assert_int_eq(router_list_add(&scene.site.facts.wans[wan].routers[family], gateway), 0);
}

static const char *chosen(const struct router_opinions *opinions)
{
	static struct addr_text text;
	const struct gateway_fact *gateway = &scene.site.facts.wans[ATT].gateway[IPV6];

	facts_choose_gateways(&scene.site.facts, opinions);
	text = addr_str(gateway->via);
	return gateway->present ? text.s : "none";
}

START_TEST(the_most_preferred_router_is_used)
{
	struct router *routers;

	ck_assert_str_eq(chosen(NULL), "none");
	add_router(ATT, IPV6, "fe80::3", 100, -1);
	add_router(ATT, IPV6, "fe80::2", 100, 1);
	add_router(ATT, IPV6, "fe80::1", 200, 1);
	add_router(ATT, IPV6, "fe80::4", 100, 1);
	ck_assert_str_eq(chosen(NULL), "fe80::2");

	routers = scene.site.facts.wans[ATT].routers[IPV6].v;
	routers[1].silent = true;
	ck_assert_str_eq(chosen(NULL), "fe80::4");
	routers[3].silent = true;
	ck_assert_str_eq(chosen(NULL), "fe80::3");
	routers[0].silent = routers[2].silent = true;
	ck_assert_str_eq(chosen(NULL), "fe80::2");

	/* Another route of the same router makes it another one's better. */
	add_router(ATT, IPV6, "fe80::3", 50, -1);
	ck_assert_uint_eq(scene.site.facts.wans[ATT].routers[IPV6].n, 4);
	ck_assert_str_eq(chosen(NULL), "fe80::3");
}
END_TEST

START_TEST(a_router_that_is_refused_or_avoided_leaves_it_to_another)
{
	struct router_id first = { ATT, IPV6, an_addr("fe80::1") };
	struct router_id second = { ATT, IPV6, an_addr("fe80::2") };
	struct router_ids none = {}, refused = {}, avoided = { &first, 1 };
	struct router_opinions opinions = { .refused = &refused,
					    .sourceless = &none,
					    .avoided = &avoided };

	add_router(ATT, IPV6, "fe80::1", 100, 1);
	ck_assert_str_eq(chosen(&opinions), "fe80::1");
	add_router(ATT, IPV6, "fe80::2", 100, -1);
	ck_assert_str_eq(chosen(&opinions), "fe80::2");
	scene.site.facts.wans[ATT].routers[IPV6].v[1].silent = true;
	ck_assert_str_eq(chosen(&opinions), "fe80::1");
	refused = (struct router_ids){ &first, 1 };
	ck_assert_str_eq(chosen(&opinions), "fe80::2");
	avoided = (struct router_ids){};
	refused = (struct router_ids){ &second, 1 };
	ck_assert_str_eq(chosen(&opinions), "fe80::1");
}
END_TEST

static void expect_one(enum conflict_kind kind, size_t wan, const char *what)
{
	_cleanup_(freep) char *is = NULL, *fix = NULL;

	conflicts_done(&found);
	ck_assert_int_eq(conflicts_find(&scene.site, &found), 0);
	ck_assert_uint_eq(found.n, 1);
	ck_assert_int_eq(found.v[0].kind, kind);
	ck_assert_uint_eq(found.v[0].wan, wan);
	ck_assert_int_eq(conflict_describe(&scene.config, &found.v[0], &is, &fix), 0);
	ck_assert_msg(strstr(is, what), "%s", is);
	ck_assert_uint_gt(strlen(fix), 0);
}

static void expect_none(void)
{
	conflicts_done(&found);
	ck_assert_int_eq(conflicts_find(&scene.site, &found), 0);
	ck_assert_uint_eq(found.n, 0);
}

START_TEST(a_mapped_address_may_be_a_routers)
{
	add_router(WEBPASS, IPV4, "136.25.91.241", 100, 0);
	expect_none();
	add_router(WEBPASS, IPV4, "136.25.91.243", 200, 0);
	expect_one(CONFLICT_MAP4_GATEWAY, WEBPASS, "136.25.91.243 is the ISP's gateway");
	ck_assert(!map4_is_usable(&scene.config, &scene.site.facts, 1, WEBPASS));
	ck_assert(map4_is_usable(&scene.config, &scene.site.facts, 1, ATT));
	ck_assert(map4_is_left_out(&scene.config, &scene.site.facts, 1));
	ck_assert(!map4_is_left_out(&scene.config, &scene.site.facts, 0));
}
END_TEST

START_TEST(an_end_of_the_network_is_no_hosts_unless_the_block_is_routed)
{
	/* .242 to .245 has the ends .240 and .243. */
	scene.site.facts.wans[WEBPASS].link.addresses[0] = a_prefix("136.25.91.242/30");
	expect_one(CONFLICT_MAP4_END, WEBPASS,
		   "136.25.91.243 is the first or last address of "
		   "136.25.91.240/30");
	scene.config.wans[WEBPASS].onlink4 = false;
	expect_none();
	scene.config.wans[WEBPASS].onlink4 = true;
	scene.site.facts.wans[WEBPASS].link.addresses[0] = a_prefix("136.25.91.242/31");
	expect_none();
}
END_TEST

START_TEST(a_lease_may_be_another_lines_or_still_to_come)
{
	struct link_fact *att = &scene.site.facts.wans[ATT].link;

	scene.config.map4[1].publics[ATT] = (struct map4_public){ .lease = true };
	expect_one(CONFLICT_MAP4_LEASE, ATT,
		   "10.250.250.3: the lease is 104.57.226.193, which is that of 10.250.250.2");
	ck_assert(!map4_is_usable(&scene.config, &scene.site.facts, 1, ATT));
	ck_assert(map4_is_usable(&scene.config, &scene.site.facts, 0, ATT));
	ck_assert(map4_is_left_out(&scene.config, &scene.site.facts, 1));

	att->source[IPV4] = an_addr("104.57.226.195");
	expect_none();
	ck_assert_str_eq(addr_str(map4_public(&scene.config, &scene.site.facts, 1, ATT)).s,
			 "104.57.226.195");
	ck_assert(!map4_is_left_out(&scene.config, &scene.site.facts, 1));

	/* Without an address, the others use the WAN; without a gateway, nobody does. */
	att->source[IPV4] = (struct addr){};
	expect_none();
	ck_assert(!map4_is_usable(&scene.config, &scene.site.facts, 1, ATT));
	ck_assert(map4_is_left_out(&scene.config, &scene.site.facts, 1));
	scene.site.facts.wans[ATT].gateway[IPV4].present = false;
	ck_assert(!map4_is_left_out(&scene.config, &scene.site.facts, 1));
}
END_TEST

START_TEST(what_the_isp_gives_may_be_inside)
{
	struct wan_facts *att = &scene.site.facts.wans[ATT];

	/* A network around the inside leaves that to the more specific routes. */
	att->link.addresses[0] = a_prefix("10.0.0.5/8");
	facts_refuse_inside(&scene.config, &scene.site.facts);
	expect_none();
	att->gateway[IPV4].via = an_addr("10.250.250.5");
	facts_refuse_inside(&scene.config, &scene.site.facts);
	expect_one(CONFLICT_INSIDE, ATT, "10.250.250.5, which is inside");
	ck_assert(!att->gateway[IPV4].present && att->gateway[IPV6].present);
	ck_assert(!link_has_family(&att->link, AF_INET) && link_has_family(&att->link, AF_INET6));
}
END_TEST

START_TEST(a_lease_may_be_in_a_network_behind_the_router_inside)
{
	struct prefix behind = a_prefix("104.57.226.0/24");

	scene.config.lan.inside4 = (struct prefix_list){ &behind, 1 };
	facts_refuse_inside(&scene.config, &scene.site.facts);
	expect_one(CONFLICT_INSIDE, ATT, "104.57.226.0/24");
	scene.config.lan.inside4 = (struct prefix_list){};
}
END_TEST

START_TEST(a_prefix_may_be_on_the_link)
{
	struct wan_facts *att = &scene.site.facts.wans[ATT];
	struct npt_state resolved = {};
	struct onlink6 *onlink = calloc(1, sizeof(*onlink));

	ck_assert_int_eq(npt_state_copy(&scene.site.npt, 2, &resolved), 0);
	*onlink = (struct onlink6){ .prefix = a_prefix("2600:1700:2f71:c83::/64") };
	att->onlink6 = onlink;
	att->n_onlink6 = 1;
	/* An address of the DHCPv6 client's on the link says nothing of what was delegated. */
	scene.config.wans[ATT].fixed6 = false;
	npt_refuse_onlink(&scene.config, &scene.site.facts, &resolved, &scene.site.npt);
	ck_assert(npt_active(&scene.config, &scene.site.npt, ATT));
	expect_none();
	scene.config.wans[ATT].fixed6 = true;
	npt_refuse_onlink(&scene.config, &scene.site.facts, &resolved, &scene.site.npt);
	ck_assert(!npt_active(&scene.config, &scene.site.npt, ATT));
	expect_one(CONFLICT_ONLINK6, ATT, "2600:1700:2f71:c83::/64 is on the link itself");
	scene.config.wans[ATT].fixed6 = false;
	onlink->advertised = true;
	npt_refuse_onlink(&scene.config, &scene.site.facts, &resolved, &scene.site.npt);
	expect_one(CONFLICT_ONLINK6, ATT, "2600:1700:2f71:c83::/64 is on the link itself");
	/* Of what is delegated, inside has the first /60 only. */
	resolved.delegated[ATT] = a_prefix("2600:1700:2f71:c00::/56");
	onlink->prefix = a_prefix("2600:1700:2f71:c10::/64");
	npt_refuse_onlink(&scene.config, &scene.site.facts, &resolved, &scene.site.npt);
	ck_assert(npt_active(&scene.config, &scene.site.npt, ATT));
	expect_none();
	onlink->prefix = a_prefix("2600:1700:2f71:c0f::/64");
	npt_refuse_onlink(&scene.config, &scene.site.facts, &resolved, &scene.site.npt);
	expect_one(CONFLICT_ONLINK6, ATT, "2600:1700:2f71:c0f::/64 is on the link itself");
	att->n_onlink6 = 0;
	npt_refuse_onlink(&scene.config, &scene.site.facts, &resolved, &scene.site.npt);
	ck_assert(npt_active(&scene.config, &scene.site.npt, ATT));
	expect_none();
	npt_state_done(&resolved);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("conflicts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_most_preferred_router_is_used);
	tcase_add_test(tcase, a_router_that_is_refused_or_avoided_leaves_it_to_another);
	tcase_add_test(tcase, a_mapped_address_may_be_a_routers);
	tcase_add_test(tcase, an_end_of_the_network_is_no_hosts_unless_the_block_is_routed);
	tcase_add_test(tcase, a_lease_may_be_another_lines_or_still_to_come);
	tcase_add_test(tcase, what_the_isp_gives_may_be_inside);
	tcase_add_test(tcase, a_lease_may_be_in_a_network_behind_the_router_inside);
	tcase_add_test(tcase, a_prefix_may_be_on_the_link);
	return run_case(tcase, "conflict");
}
