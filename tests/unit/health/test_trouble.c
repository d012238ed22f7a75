// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of what a report says of a WAN that is in trouble, word for word.
// Each breaks one thing of a healthy scene.

#include "health/expected_trouble.h"
#include "suite.h"

#include <string.h>

START_TEST(a_healthy_site_has_none)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		expect(family, NULL);
	ck_assert(att(IPV4)->share == 0.5 && att(IPV6)->share == 0.5);
	ck_assert(att(IPV4)->loss == 0 && att(IPV4)->rtt_us == 2600);
}
END_TEST

/* What is said of the LAN; it changes nothing of a WAN. */
static void expect_lan(const char *expected)
{
	const struct family_report *before = att(IPV4);
	_cleanup_(freep) char *line = NULL;

	ck_assert(before->eligible && !before->trouble.what);
	if (report.n_troubles > 0)
		line = trouble_line(&report.troubles[0].trouble);
	ck_assert_str_eq(line ? line : "(none)", expected);
	ck_assert(!line || strcmp(report.troubles[0].who, "LAN") == 0);
}

START_TEST(the_lan_is_no_wans_trouble)
{
	struct facts *facts = &scene.site.facts;

	expect_lan("(none)");
	facts->router4 = facts->router6 = PRESENCE_UNKNOWN;
	expect_lan("(none)");
	facts->router4 = PRESENCE_MISSED;
	expect_lan("nobody answers for router4, 10.250.250.2, on enmwanbr0: start OPNsense, or "
		   "connect it; `health-check --doctor` says what it needs");
	facts->router6 = PRESENCE_MISSED;
	facts->router6_linklocal = (struct addr){};
	expect_lan(
		"nobody answers for router4, 10.250.250.2, or router6_linklocal on enmwanbr0, so "
		"nothing inside can be reached: start OPNsense, or connect it; `health-check "
		"--doctor` says what it needs");
	facts->lan.carrier = false;
	expect_lan("enmwanbr0 has no carrier, so nothing inside can be reached: check the cable or "
		   "the bridge to OPNsense");
	facts->lan.up = false;
	expect_lan("enmwanbr0 is switched off, so nothing inside can be reached: `ip link set "
		   "enmwanbr0 up`");
	facts->lan.link.index = 0;
	expect_lan(
		"there is no interface enmwanbr0, so nothing inside can be reached: correct "
		"`interface` in [lan], or name the card in a .link file; `health-check --doctor` "
		"lists the cards that are there");
}
END_TEST

START_TEST(a_wan_of_a_lower_tier_stands_by_without_trouble)
{
	scene.config.wans[ATT].tier = 2;
	expect(IPV4, NULL);
	ck_assert(att(IPV4)->eligible && att(IPV4)->share == 0);
}
END_TEST

START_TEST(the_link_comes_first)
{
	struct link_fact *link = &scene.site.facts.wans[ATT].link;

	probed_fail(&probed, ATT, IPV4, 12);
	scene_cut(&scene, ATT);
	expect(IPV4, "enatt0.3242 has no carrier: check the cable, and 802.1X where it is used");
	expect(IPV6, "enatt0.3242 has no carrier: check the cable, and 802.1X where it is used");
	link->up = false;
	expect(IPV4, "enatt0.3242 is switched off: `ip link set enatt0.3242 up`");
	link->link.index = 0;
	expect(IPV4, "there is no interface enatt0.3242: correct `interface` in mwan.conf, or "
		     "name the card in a .link file; `health-check --doctor` lists the cards "
		     "that are there");
	strcpy(scene.config.wans[ATT].interface, "ppp0");
	expect(IPV4, "there is no interface ppp0: pppd has no connection: `journalctl -t "
		     "pppd` says why");
	link->link.index = 3;
	expect(IPV4, "ppp0 is switched off: pppd has no connection: `journalctl -t pppd` says why");
	ck_assert(!att(IPV4)->eligible && !report.wans[ATT].carrier);
}
END_TEST

START_TEST(then_the_gateway)
{
	struct wan_facts *facts = &scene.site.facts.wans[ATT];

	scene.site.npt.delegated[ATT].len = 0;
	facts->gateway[IPV4].present = facts->gateway[IPV6].present = false;
	expect(IPV4, "no IPv4 gateway: enatt0.3242 has 104.57.226.193, but no default route: "
		     "`networkctl renew enatt0.3242` asks the ISP again; if none comes, set "
		     "gateway4 in mwan.conf");
	strcpy(scene.config.wans[ATT].interface, "ppp0");
	expect(IPV4,
	       "no IPv4 gateway: ppp0 has 104.57.226.193, but no default route: give pppd the "
	       "options `defaultroute` and `defaultroute-metric N`, where N is no other default "
	       "route's metric");
	strcpy(scene.config.wans[ATT].interface, "enatt0.3242");
	expect(IPV6, "no IPv6 gateway (no router advertisement with a default route): `networkctl "
		     "reconfigure enatt0.3242` asks for a router (IPv4 pauses); if this ISP has no "
		     "IPv6, set gateway6 = none");
	facts->link.inet6 = false;
	expect(IPV6, "no IPv6 on enatt0.3242, not even a link-local address: "
		     "`sysctl -w net/ipv6/conf/enatt0.3242/disable_ipv6=0`");
	strcpy(scene.config.wans[ATT].interface, "ppp0");
	facts->link.n_addresses = 0;
	expect(IPV4, "no IPv4 gateway, and no IPv4 address on ppp0: the ISP has given pppd no "
		     "address: `journalctl -t pppd` says why");
	expect(IPV6, "no IPv6 on ppp0, not even a link-local address: pppd asks for it with the "
		     "option `+ipv6`, and `journalctl -t pppd` says what came of it; if this ISP "
		     "has no IPv6, set gateway6 = none");
	scene.config.wans[ATT].gateway_mode[IPV4] = GATEWAY_FIXED;
	scene.config.wans[ATT].gateway[IPV4] = an_addr("104.57.226.193");
	expect(IPV4,
	       "gateway4 = 104.57.226.193 in mwan.conf is no other machine's address: correct it");
	ck_assert(!att(IPV4)->has_gateway);
}
END_TEST

START_TEST(then_what_it_is_translated_to)
{
	struct wan_conf *conf = &scene.config.wans[ATT];

	scene.site.npt.delegated[ATT].len = 0;
	expect(IPV6, "no delegated prefix: `networkctl reconfigure enatt0.3242` asks anew "
		     "(IPv4 pauses); `update-npt enatt0.3242 PREFIX` uses one that you know for "
		     "now");
	expect(IPV4, NULL);
	conf->fallback6 = true;
	expect(IPV6, "degraded: NAT66, no delegated prefix; nothing inside can be reached over it: "
		     "`networkctl reconfigure enatt0.3242` asks anew (IPv4 pauses)");
	ck_assert(att(IPV6)->eligible && att(IPV6)->degraded);
	conf->masquerade6 = true;
	expect(IPV6, NULL);
	ck_assert(!att(IPV6)->degraded);
	conf->masquerade4 = true;
	expect(IPV4, NULL);
	scene_bare(&scene, ATT);
	expect(IPV6, "no IPv6 address to masquerade behind: `networkctl reconfigure enatt0.3242` "
		     "asks anew (IPv4 pauses)");
	expect(IPV4, "no IPv4 address to masquerade behind: `networkctl reconfigure enatt0.3242` "
		     "asks anew (IPv6 pauses)");
	conf->masquerade6 = false;
	expect(IPV6, "no delegated prefix: `networkctl reconfigure enatt0.3242` asks anew "
		     "(IPv4 pauses); `update-npt enatt0.3242 PREFIX` uses one that you know for "
		     "now");
}
END_TEST

START_TEST(a_delegation_that_is_refused_is_named_with_the_reason)
{
	struct prefix *refused = &scene.site.npt.refused[ATT];

	expect(IPV6, NULL);
	scene.site.npt.delegated[ATT].len = 0;
	*refused = a_prefix("2600:1700:2f71:c80::/64");
	expect(IPV6,
	       "prefix 2600:1700:2f71:c80::/64 is a /64, too small for lan.prefix6, a /60; it "
	       "can't be used: set `prefix6 = 3d06:bad:b01::/64` in [lan], which fits, "
	       "if OPNsense needs no more; or ask for a larger one: "
	       "`PrefixDelegationHint=::/60` under [DHCPv6] in the .network file, then "
	       "`networkctl reconfigure enatt0.3242` (IPv4 pauses)");
	*refused = a_prefix("2600:1700:2f71:c00::/56");
	scene.config.wans[ATT].prefix6_block = 60;
	expect(IPV6,
	       "prefix 2600:1700:2f71:c00::/56 has no block 60 of a /60, as prefix6_block says: "
	       "its last is 15; it can't be used: set prefix6_block in [wan att] to a number from "
	       "0 to 15; or ask for a larger one: `PrefixDelegationHint=::/54` under [DHCPv6] in "
	       "the .network file, then `networkctl reconfigure enatt0.3242` (IPv4 pauses)");
	scene.config.wans[ATT].prefix6_block = 0;
	*refused = scene.site.npt.delegated[WEBPASS];
	expect(IPV6,
	       "2604:5500:c271:be00::/60 overlaps the prefix of webpass, 2604:5500:c271:be00::/60; "
	       "it can't be used: `networkctl reconfigure enatt0.3242` asks anew (IPv4 pauses), or "
	       "ask the ISP");
	expect(IPV4, NULL);
	scene.config.wans[ATT].fallback6 = true;
	expect(IPV6, "degraded: NAT66, 2604:5500:c271:be00::/60 overlaps the prefix of webpass, "
		     "2604:5500:c271:be00::/60; nothing inside can be reached over it: `networkctl "
		     "reconfigure enatt0.3242` asks anew (IPv4 pauses), or ask the ISP");
	*refused = a_prefix("2600:1700:2f71:c80::/64");
	ck_assert_ptr_nonnull(
		strstr(att(IPV6)->trouble.fix, "set `prefix6 = 3d06:bad:b01::/64` in [lan]"));
}
END_TEST

START_TEST(what_is_not_configured_is_not_there)
{
	scene.config.wans[ATT].gateway_mode[IPV4] = GATEWAY_NONE;
	ck_assert(!att(IPV4)->present && att(IPV6)->present);
	scene.config.lan.prefix6.len = 0;
	ck_assert(!att(IPV6)->present);
}
END_TEST

/* The site's own selections were made before these verdicts. */
START_TEST(what_follows_from_verdicts_is_selected_anew)
{
	_cleanup_(site_judge_done) struct site judged = {};
	struct family_report *family;

	ck_assert_int_eq(selections_make(&scene.site), 0);
	ck_assert(site_selection(&scene.site, IPV4)->eligible[ATT]);
	probed_fail(&probed, ATT, IPV4, 3);
	ck_assert_int_eq(site_judge(&scene.site, probed.health, &judged), 0);
	ck_assert_int_eq(report_make(&judged, probed.health, &probed.before,
				     NOW * UINT64_C(1000000), &report),
			 0);
	family = &report.wans[ATT].family[IPV4];
	ck_assert(!family->eligible && family->share == 0);
	ck_assert_ptr_null(strstr(family->trouble.what, "last resort"));
	ck_assert(report.wans[WEBPASS].family[IPV4].share == 1);
	ck_assert(site_selection(&scene.site, IPV4)->eligible[ATT]);
}
END_TEST

/* The daemon goes on from the last report, which an earlier one may have written. */
START_TEST(a_condition_goes_on_from_the_last_report_by_name)
{
	const struct family_report *family;

	scene.site.npt.delegated[ATT].len = 0;
	probed.before.wans = calloc(1, sizeof(*probed.before.wans));
	probed.before.n_wans = 1;
	snprintf(probed.before.wans->name, sizeof(probed.before.wans->name), "att");
	probed.before.wans->family[IPV6].condition =
		(struct condition){ OBSTACLE_NO_PREFIX, NOW - 240, NOW - 300 };
	family = att(IPV6);
	ck_assert_int_eq(family->condition.obstacle, OBSTACLE_NO_PREFIX);
	ck_assert_uint_eq(family->condition.since, NOW - 240);
	ck_assert_uint_eq(family->condition.out, NOW - 300);
	family = &report.wans[WEBPASS].family[IPV6];
	ck_assert_int_eq(family->condition.obstacle, OBSTACLE_NONE);
	ck_assert_uint_eq(family->condition.out, 0);
}
END_TEST

START_TEST(the_next_report_comes_with_the_shortest_interval)
{
	scene.config.wans[WEBPASS].health.interval_us = 1500000;
	att(IPV4);
	ck_assert_uint_eq(report.interval_us, 1500000);
	ck_assert_uint_eq(report.time_us, NOW * UINT64_C(1000000));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("trouble");

	tcase_add_checked_fixture(tcase, probed_scene_begin, probed_scene_end);
	tcase_add_test(tcase, a_healthy_site_has_none);
	tcase_add_test(tcase, the_lan_is_no_wans_trouble);
	tcase_add_test(tcase, a_wan_of_a_lower_tier_stands_by_without_trouble);
	tcase_add_test(tcase, the_link_comes_first);
	tcase_add_test(tcase, then_the_gateway);
	tcase_add_test(tcase, then_what_it_is_translated_to);
	tcase_add_test(tcase, a_delegation_that_is_refused_is_named_with_the_reason);
	tcase_add_test(tcase, what_is_not_configured_is_not_there);
	tcase_add_test(tcase, what_follows_from_verdicts_is_selected_anew);
	tcase_add_test(tcase, a_condition_goes_on_from_the_last_report_by_name);
	tcase_add_test(tcase, the_next_report_comes_with_the_shortest_interval);
	return run_case(tcase, "trouble");
}
