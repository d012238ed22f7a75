// SPDX-License-Identifier: GPL-2.0-or-later
// What --explain decides for one flow.
// tests/lab/test_explain.py sends such flows.

#include "plan/explained_flow.h"
#include "suite.h"

/* ---- from inside ---- */

START_TEST(flow_goes_to_the_wan_that_has_its_number)
{
	expect(flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 53), EXPLAIN_OUT, "att");
	ck_assert(got.drawn && got.number == 2107);
	expect_source("104.57.226.193");
	expect_why("att has 0 to 4999");
	expect(flow_of("3d06:bad:b01:1::5", "2606:4700:4700::1111", IPPROTO_TCP, 50000, 443),
	       EXPLAIN_OUT, "webpass");
	expect_source("2604:5500:c271:be01::5");
	expect(query_of("3d06:bad:b01:fe::2", "2606:4700:4700::1111"), EXPLAIN_OUT, "att webpass");
	ck_assert_str_eq(addr_str(got.ways[0].source).s, "2600:1700:2f71:c80::1");
	expect_why("router6 is the edge address");
}
END_TEST

START_TEST(flow_without_ports_may_get_any_wan_by_its_share)
{
	expect(query_of("10.250.250.2", "1.1.1.1"), EXPLAIN_OUT, "att webpass");
	ck_assert(!got.drawn && got.ways[0].slots == 5000 && got.ways[1].slots == 5000);
	ck_assert_str_eq(addr_str(got.ways[1].source).s, "136.25.91.242");
	expect_why("PROTO, SPORT and DPORT say which");
	scene_cut(&scene, ATT);
	expect(query_of("10.250.250.2", "1.1.1.1"), EXPLAIN_OUT, "webpass");
	ck_assert_uint_eq(got.ways[0].slots, SLOTS);
	expect_why("not att: no carrier");
}
END_TEST

START_TEST(flow_on_a_wan_that_is_down_goes_to_another)
{
	struct flow_query query = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 53);
	_cleanup_(explanation_done) struct explanation without = {};

	expect(query, EXPLAIN_OUT, "att");
	ck_assert_int_eq(explain_without(&scene.site, &query, ATT, &without), 0);
	ck_assert_uint_eq(without.n_ways, 1);
	ck_assert_uint_eq(without.ways[0].wan, WEBPASS);
	ck_assert_int_eq(scene.site.verdicts.v[ATT][IPV4], VERDICT_UNKNOWN);

	scene.site.verdicts.v[ATT][IPV4] = VERDICT_DOWN;
	expect(query, EXPLAIN_OUT, "webpass");
	expect_why("not att: down");
	scene.site.verdicts.v[WEBPASS][IPV4] = VERDICT_DOWN;
	expect(query, EXPLAIN_OUT, "att");
	expect_why("att carries as last resort: down");
	scene.config.all_down_unreachable = true;
	expect(query, EXPLAIN_REFUSED, "");
	expect_why("webpass: down");
}
END_TEST

START_TEST(flow_keeps_off_a_wan_that_is_drained_or_held)
{
	scene.site.verdicts.aside[ATT][IPV4].drained = true;
	expect(query_of("10.250.250.2", "1.1.1.1"), EXPLAIN_OUT, "webpass");
	expect_why("not att: drained");
	scene.site.verdicts.aside[WEBPASS][IPV4].held = true;
	expect(query_of("10.250.250.2", "1.1.1.1"), EXPLAIN_OUT, "webpass");
	expect_why("webpass carries as last resort");
}
END_TEST

START_TEST(networks_and_leases_of_map4_are_explained)
{
	explain_end();
	scene_make(&scene, "shared-publics");
	expect(query_of("10.20.9.9", "1.1.1.1"), EXPLAIN_OUT, "att webpass");
	ck_assert_str_eq(addr_str(got.ways[0].source).s, "104.57.226.193");
	ck_assert_str_eq(addr_str(got.ways[1].source).s, "136.25.91.242");
	expect_why("webpass: it leaves by enwebpass0 to 136.25.91.241 as 136.25.91.242 ([map4], "
		   "line 27: the lease)");
	expect(query_of("10.20.3.9", "1.1.1.1"), EXPLAIN_OUT, "att webpass");
	ck_assert_str_eq(addr_str(got.ways[1].source).s, "136.25.91.243");
	expect(query_of("1.1.1.1", "136.25.91.242"), EXPLAIN_IN, "webpass");
	ck_assert_str_eq(addr_str(got.inside).s, "10.250.250.2");
	/* A network only goes out. */
	expect(query_of("1.1.1.1", "104.57.226.194"), EXPLAIN_REFUSED, "");
}
END_TEST

START_TEST(source_that_only_some_wans_translate_has_only_those)
{
	struct wan_facts *webpass = &scene.site.facts.wans[WEBPASS];
	struct flow_query query = query_of("10.250.250.3", "1.1.1.1");

	webpass->gateway[IPV4].via = an_addr("136.25.91.243");
	ck_assert_int_eq(router_list_add(&webpass->routers[IPV4], webpass->gateway[IPV4]), 0);
	expect(query, EXPLAIN_OUT, "att");
	expect_source("104.57.226.194");
	expect_why("not webpass: it does not translate 10.250.250.3");
	expect(query_of("10.250.250.2", "1.1.1.1"), EXPLAIN_OUT, "att webpass");
}
END_TEST

START_TEST(source_that_no_wan_translates_is_refused)
{
	expect(query_of("10.250.250.4", "1.1.1.1"), EXPLAIN_REFUSED, "");
	expect_why("10.250.250.4 is in no line of [map4]");
	explain_end();
	scene_make(&scene, "masquerade");
	expect(query_of("10.1.2.3", "1.1.1.1"), EXPLAIN_OUT, "a");
}
END_TEST

START_TEST(flow_to_an_inside_host_by_its_public_address_is_turned_round)
{
	expect(query_of("10.250.250.2", "136.25.91.243"), EXPLAIN_TURNED, "");
	ck_assert_str_eq(addr_str(got.source).s, "136.25.91.242");
	ck_assert_str_eq(addr_str(got.inside).s, "10.250.250.3");
	ck_assert(got.mark == 0 && got.table == 0);
	expect(query_of("10.250.250.4", "104.57.226.194"), EXPLAIN_TURNED, "");
	ck_assert_str_eq(addr_str(got.source).s, "10.250.250.1");
	expect_why("10.250.250.4 has no address on att");
	expect(query_of("3d06:bad:b01:1::5", "2600:1700:2f71:c8f::7"), EXPLAIN_TURNED, "");
	ck_assert_str_eq(addr_str(got.source).s, "2600:1700:2f71:c81::5");
	ck_assert_str_eq(addr_str(got.inside).s, "3d06:bad:b01:f::7");
	scene.site.facts.lan.carrier = false;
	expect(query_of("10.250.250.2", "136.25.91.243"), EXPLAIN_REFUSED, "");
	scene.site.facts.lan.carrier = true;
	scene.config.lan.hairpin = false;
	expect(query_of("10.250.250.2", "104.57.226.194"), EXPLAIN_OUT, "att webpass");
	/* In the WAN's own table, its prefix is unreachable. */
	scene_cut(&scene, WEBPASS);
	expect(query_of("3d06:bad:b01:1::5", "2600:1700:2f71:c8f::7"), EXPLAIN_REFUSED, "");
	expect_why("is in the prefix of att");
}
END_TEST

START_TEST(no_way_for_what_a_router_does_not_forward)
{
	static const char *const pairs[][2] = {
		{ "10.250.250.2", "10.250.250.3" }, { "10.250.250.2", "224.0.0.5" },
		{ "10.250.250.2", "127.0.0.1" },    { "3d06:bad:b01::5", "fe80::1" },
		{ "3d06:bad:b01::5", "ff02::1" },   { "192.0.2.1", "1.1.1.1" },
		{ "2001:db8::1", "2606:4700::1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		expect(query_of(pairs[i][0], pairs[i][1]), EXPLAIN_REFUSED, "");
}
END_TEST

/* ---- from outside ---- */

static void expect_inside(const char *destination, const char *wan, const char *inside)
{
	expect(query_of(strchr(destination, ':') ? "2606:4700::1" : "1.1.1.1", destination),
	       EXPLAIN_IN, wan);
	ck_assert_str_eq(addr_str(got.inside).s, inside);
	expect_source(destination);
}

START_TEST(each_public_address_leads_to_its_host)
{
	expect_inside("104.57.226.194", "att", "10.250.250.3");
	ck_assert(got.mark == 1 && got.table == 100);
	expect_why("over webpass, the same host is 136.25.91.243");
	expect_inside("136.25.91.242", "webpass", "10.250.250.2");
	expect_inside("2600:1700:2f71:c80::1", "att", "3d06:bad:b01:fe::2");
	expect_inside("2604:5500:c271:be0f::7", "webpass", "3d06:bad:b01:f::7");
	expect(query_of("2606:4700::1", "2001:506:72f7:108c::1"), EXPLAIN_TO_ROUTER, "att");
	scene.config.wans[ATT].hairpin6 = true;
	expect_inside("2001:506:72f7:108c::1", "att", "3d06:bad:b01:fe::2");
}
END_TEST

START_TEST(what_comes_in_has_no_other_wan)
{
	struct flow_query query = query_of("1.1.1.1", "104.57.226.194");
	_cleanup_(explanation_done) struct explanation without = {};

	expect(query, EXPLAIN_IN, "att");
	ck_assert_int_eq(explain_without(&scene.site, &query, ATT, &without), 0);
	ck_assert_uint_eq(without.n_ways, 0);
	scene_cut(&scene, ATT);
	expect(query, EXPLAIN_REFUSED, "");
	expect_why("no carrier");
}
END_TEST

START_TEST(nothing_comes_in_while_the_inside_is_not_there)
{
	scene.site.facts.lan.carrier = false;
	expect(query_of("1.1.1.1", "104.57.226.194"), EXPLAIN_REFUSED, "");
	scene.site.facts.lan.carrier = true;
	scene.site.facts.router6_linklocal = (struct addr){};
	expect(query_of("2606:4700::1", "2600:1700:2f71:c80::7"), EXPLAIN_REFUSED, "");
	expect(query_of("2606:4700::1", "2600:1700:2f71:c80::1"), EXPLAIN_IN, "att");
}
END_TEST

START_TEST(forged_sources_come_in_nowhere)
{
	static const char *const sources[] = { "10.1.2.3", "192.168.1.1", "100.64.0.1" };

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		expect(query_of(sources[i], "104.57.226.194"), EXPLAIN_REFUSED, "");
		expect_why("forged");
	}
	expect(query_of("fd00::1", "2600:1700:2f71:c80::1"), EXPLAIN_REFUSED, "");
	/* Behind a modem, such sources are there. */
	scene.site.facts.wans[ATT].gateway[IPV4].via = an_addr("192.168.1.254");
	expect(query_of("10.1.2.3", "104.57.226.194"), EXPLAIN_IN, "att");
}
END_TEST

START_TEST(hosts_on_the_link_and_behind_opnsense_are_inside)
{
	explain_end();
	scene_make(&scene, "inside4");
	expect(query_of("10.20.0.7", "1.1.1.1"), EXPLAIN_OUT, "att");
	expect_source("104.57.226.194");
	expect(query_of("10.20.0.8", "1.1.1.1"), EXPLAIN_OUT, "cable");
	expect_source("136.25.91.242");
	expect(query_of("10.20.0.7", "10.250.250.2"), EXPLAIN_REFUSED, "");
	explain_end();
	scene_make(&scene, "on-link");
	scene.site.facts.router6_linklocal = (struct addr){};
	expect_inside("2600:1700:2f71:c80::7", "att", "fd00:1::7");
	expect(query_of("2606:4700::1", "2600:1700:2f71:c80::1"), EXPLAIN_TO_ROUTER, "att");
}
END_TEST

START_TEST(networks_of_direct_sections_have_no_wan)
{
	explain_end();
	scene_make(&scene, "direct");
	expect(query_of("10.250.250.2", "10.89.1.1"), EXPLAIN_NO_WAN, "");
	ck_assert(got.mark == 0 && got.table == 254);
	expect_why("it goes over wg0");
	expect(query_of("0.0.0.0", "10.89.1.1"), EXPLAIN_NO_WAN, "");
	expect(query_of("10.89.1.1", "10.250.250.2"), EXPLAIN_NO_WAN, "");
	expect(query_of("10.89.1.1", "1.1.1.1"), EXPLAIN_REFUSED, "");
	scene.site.facts.directs[0].takes[IPV4] = false;
	expect(query_of("10.250.250.2", "10.89.1.1"), EXPLAIN_REFUSED, "");
	expect_why("wg0 is down: it is unreachable");
}
END_TEST

/* ---- the router's own ---- */

START_TEST(routers_own_packets_leave_by_the_wan_of_their_address)
{
	expect(query_of("136.25.91.242", "1.1.1.1"), EXPLAIN_OWN, "webpass");
	ck_assert(got.mark == 0 && got.table == 200);
	expect(query_of("0.0.0.0", "1.1.1.1"), EXPLAIN_OWN, "att");
	ck_assert_uint_eq(got.table, 254);
	expect_source("104.57.226.193");
	expect(query_of("::", "2606:4700::1"), EXPLAIN_OWN, "att");
	expect_source("2600:1700:2f71:c80::1");
	expect(query_of("0.0.0.0", "136.25.91.241"), EXPLAIN_OWN, "webpass");
	expect(query_of("0.0.0.0", "10.250.250.2"), EXPLAIN_NO_WAN, "");
	/* With an address that is on no WAN, they would leak. */
	expect(query_of("10.250.250.1", "1.1.1.1"), EXPLAIN_REFUSED, "");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("explain");

	tcase_add_checked_fixture(tcase, explain_begin, explain_end);
	tcase_add_test(tcase, flow_goes_to_the_wan_that_has_its_number);
	tcase_add_test(tcase, flow_without_ports_may_get_any_wan_by_its_share);
	tcase_add_test(tcase, flow_on_a_wan_that_is_down_goes_to_another);
	tcase_add_test(tcase, flow_keeps_off_a_wan_that_is_drained_or_held);
	tcase_add_test(tcase, networks_and_leases_of_map4_are_explained);
	tcase_add_test(tcase, source_that_only_some_wans_translate_has_only_those);
	tcase_add_test(tcase, source_that_no_wan_translates_is_refused);
	tcase_add_test(tcase, flow_to_an_inside_host_by_its_public_address_is_turned_round);
	tcase_add_test(tcase, no_way_for_what_a_router_does_not_forward);
	tcase_add_test(tcase, each_public_address_leads_to_its_host);
	tcase_add_test(tcase, what_comes_in_has_no_other_wan);
	tcase_add_test(tcase, nothing_comes_in_while_the_inside_is_not_there);
	tcase_add_test(tcase, forged_sources_come_in_nowhere);
	tcase_add_test(tcase, hosts_on_the_link_and_behind_opnsense_are_inside);
	tcase_add_test(tcase, networks_of_direct_sections_have_no_wan);
	tcase_add_test(tcase, routers_own_packets_leave_by_the_wan_of_their_address);
	return run_case(tcase, "explain");
}
