// SPDX-License-Identifier: GPL-2.0-or-later
// Which destinations are turned round on the LAN, whom they reach, and what he is shown.
// Each bends the facts of a site that is in order.

#include "plan/hairpin.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

static struct scene scene;

static void set_up(void)
{
	scene_make(&scene, "contract");
}

static void tear_down(void)
{
	scene_done(&scene);
}

/* "WAN: HOST sees SOURCE" for a flow from inside; "-": it is not turned round. */
static const char *turned(const char *source, const char *destination)
{
	static char text[160];
	struct site *site = &scene.site;
	const struct hairpin *found;
	struct addr shown;

	ck_assert_int_eq(hairpins_make(site), 0);
	found = hairpins_find(&site->hairpins, an_addr(destination));
	if (!found)
		return "-";
	if (!hairpin_inside(found, an_addr(destination)).family)
		return "the router";
	shown = hairpin_source(site, found, an_addr(source));
	snprintf(text, sizeof(text), "%s: %s sees %s", scene.config.wans[found->wan].name,
		 addr_str(hairpin_inside(found, an_addr(destination))).s,
		 shown.family ? addr_str(shown).s : "the router");
	return text;
}

#define OPNSENSE "10.250.250.2"
#define UNMAPPED "10.250.250.4"
#define HOST "3d06:bad:b01:1::100"
#define ROUTER6 "3d06:bad:b01:fe::2"
#define PREFIX6 "2600:1700:2f71:c8"
#define OWN6 "2001:506:72f7:108c::1"

START_TEST(a_mapped_address_of_each_wan_reaches_its_host)
{
	ck_assert_str_eq(turned(OPNSENSE, "104.57.226.194"),
			 "att: 10.250.250.3 sees 104.57.226.193");
	ck_assert_str_eq(turned(OPNSENSE, "136.25.91.242"),
			 "webpass: 10.250.250.2 sees 136.25.91.242");
	ck_assert_str_eq(turned(UNMAPPED, "136.25.91.242"),
			 "webpass: 10.250.250.2 sees the router");
	ck_assert_str_eq(turned(OPNSENSE, "104.57.226.195"), "-");
	ck_assert_str_eq(turned(OPNSENSE, "8.8.8.8"), "-");
}
END_TEST

START_TEST(the_edge_and_every_other_address_of_a_prefix_reach_their_hosts)
{
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::1"), "att: " ROUTER6 " sees " PREFIX6 "1::100");
	ck_assert_str_eq(turned(HOST, PREFIX6 "f::1"),
			 "att: 3d06:bad:b01:f::1 sees " PREFIX6 "1::100");
	ck_assert_str_eq(turned(ROUTER6, PREFIX6 "1::100"), "att: " HOST " sees " PREFIX6 "0::1");
	ck_assert_str_eq(turned(HOST, OWN6), "-");
	ck_assert_str_eq(turned(HOST, "2600:1700:2f71:c90::1"), "-");
}
END_TEST

START_TEST(what_is_known_is_turned_round_without_the_wan)
{
	scene_cut(&scene, ATT);
	ck_assert_str_eq(turned(OPNSENSE, "104.57.226.194"),
			 "att: 10.250.250.3 sees 104.57.226.193");
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::1"), "att: " ROUTER6 " sees " PREFIX6 "1::100");
	scene.site.npt.lost[ATT] = scene.site.npt.delegated[ATT];
	scene.site.npt.delegated[ATT].len = 0;
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::1"), "att: " ROUTER6 " sees " PREFIX6 "1::100");
	ck_assert_str_eq(turned(ROUTER6, PREFIX6 "1::100"), "att: " HOST " sees " PREFIX6 "0::1");
	scene.site.npt.lost[ATT].len = 0;
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::1"), "-");
}
END_TEST

START_TEST(an_own_address_that_leads_inside_is_turned_round_too)
{
	struct prefix *own = &scene.site.facts.wans[ATT].link.addresses[1];

	scene.config.wans[ATT].hairpin6 = true;
	ck_assert_str_eq(turned(HOST, OWN6), "att: " ROUTER6 " sees " PREFIX6 "1::100");
	scene.site.npt.delegated[ATT].len = 0;
	ck_assert_str_eq(turned(HOST, OWN6), "att: " ROUTER6 " sees the router");
	scene.config.wans[ATT].masquerade6 = true;
	ck_assert_str_eq(turned(HOST, OWN6), "att: " ROUTER6 " sees " OWN6);

	/* It is another WAN's to translate. */
	*own = a_prefix("2604:5500:c271:be01::5/128");
	ck_assert_str_eq(turned(HOST, "2604:5500:c271:be01::5"),
			 "webpass: 3d06:bad:b01:1::5 sees 2604:5500:c271:be01::100");
}
END_TEST

START_TEST(of_two_wans_with_one_address_the_first_is_meant)
{
	scene.config.wans[ATT].hairpin6 = scene.config.wans[WEBPASS].hairpin6 = true;
	scene.site.facts.wans[WEBPASS].link.addresses[1] = a_prefix(OWN6 "/128");
	ck_assert_str_eq(turned(HOST, OWN6), "att: " ROUTER6 " sees " PREFIX6 "1::100");
}
END_TEST

START_TEST(the_edge_is_the_routers_where_hosts_are_on_the_link)
{
	scene.config.lan.router4 = scene.config.lan.router6 = (struct addr){};
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::1"), "the router");
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::2"),
			 "att: 3d06:bad:b01::2 sees " PREFIX6 "1::100");
}
END_TEST

START_TEST(nothing_is_turned_round_where_it_is_switched_off)
{
	scene.config.lan.hairpin = false;
	ck_assert_str_eq(turned(OPNSENSE, "104.57.226.194"), "-");
	ck_assert_str_eq(turned(HOST, PREFIX6 "0::1"), "-");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("hairpin");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_mapped_address_of_each_wan_reaches_its_host);
	tcase_add_test(tcase, the_edge_and_every_other_address_of_a_prefix_reach_their_hosts);
	tcase_add_test(tcase, what_is_known_is_turned_round_without_the_wan);
	tcase_add_test(tcase, an_own_address_that_leads_inside_is_turned_round_too);
	tcase_add_test(tcase, of_two_wans_with_one_address_the_first_is_meant);
	tcase_add_test(tcase, the_edge_is_the_routers_where_hosts_are_on_the_link);
	tcase_add_test(tcase, nothing_is_turned_round_where_it_is_switched_off);
	return run_case(tcase, "hairpin");
}
