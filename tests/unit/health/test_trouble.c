// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of what a report says of a WAN that is in trouble, word for word.
// Each breaks one thing of a healthy scene.

#include "probed_scene.h"
#include "suite.h"

#include <string.h>

#define ASKED "gateway 104.57.226.198 is being asked whether it is there"
#define REPLIES "something replies over this WAN, so name another target for http4 in mwan.conf"

static const struct family_report *att(enum family family)
{
	report_done(&report);
	probed_report(&probed, &report);
	return &report.wans[ATT].family[family];
}

static void expect(enum family family, const char *expected)
{
	_cleanup_(freep) char *line = trouble_line(&att(family)->trouble);

	if (expected)
		ck_assert_str_eq(line ? line : "(none)", expected);
	else
		ck_assert_msg(!line, "%s", line);
}

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
	expect(IPV6, "no IPv6 gateway (no router advertisement with a default route): `networkctl "
		     "reconfigure enatt0.3242` asks for a router (IPv4 pauses); if this ISP has no "
		     "IPv6, set gateway6 = none");
	facts->link.inet6 = false;
	expect(IPV6, "no IPv6 on enatt0.3242, not even a link-local address: "
		     "`sysctl -w net/ipv6/conf/enatt0.3242/disable_ipv6=0`");
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
	expect(IPV6,
	       "no delegated prefix; masqueraded meanwhile, and nothing inside can be reached: "
	       "`networkctl reconfigure enatt0.3242` asks anew (IPv4 pauses)");
	ck_assert(att(IPV6)->eligible);
	conf->masquerade6 = true;
	expect(IPV6, NULL);
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
	       "can't be used: set prefix6 = 3d06:bad:b01::/64 in [lan], which fits, "
	       "if OPNsense needs no more; or ask for a larger one: "
	       "`PrefixDelegationHint=::/60` under [DHCPv6] in the .network file, then "
	       "`networkctl reconfigure enatt0.3242` (IPv4 pauses)");
	*refused = scene.site.npt.delegated[WEBPASS];
	expect(IPV6,
	       "2604:5500:c271:be00::/60 overlaps the prefix of webpass, 2604:5500:c271:be00::/60; "
	       "it can't be used: `networkctl reconfigure enatt0.3242` asks anew (IPv4 pauses), or "
	       "ask the ISP");
	expect(IPV4, NULL);
	scene.config.wans[ATT].fallback6 = true;
	expect(IPV6,
	       "2604:5500:c271:be00::/60 overlaps the prefix of webpass, 2604:5500:c271:be00::/60; "
	       "masqueraded meanwhile, and nothing inside can be reached: `networkctl reconfigure "
	       "enatt0.3242` asks anew (IPv4 pauses)");
}
END_TEST

/* Whose fault it is: nobody has to ping the gateway to find out. */
START_TEST(a_gateway_that_answers_or_does_not_says_whose_fault_it_is)
{
	probed_fail(&probed, ATT, IPV4, 12);
	probed.health[ATT].gateway[IPV4] = PRESENCE_SEEN;
	expect(IPV4, "gateway 104.57.226.198 answers, nothing behind it does: no answer from "
		     "1.1.1.1, 8.8.8.8 (timed out) in 12 cycles: the ISP's fault: report it to "
		     "the ISP");
	probed.health[ATT].gateway[IPV4] = PRESENCE_MISSED;
	expect(IPV4, "gateway 104.57.226.198 does not answer: no answer from 1.1.1.1, 8.8.8.8 "
		     "(timed out) in 12 cycles: the line or the ISP's device is at fault: restart "
		     "that device, then report it to the ISP");
	scene.config.wans[ATT].gateway_mode[IPV4] = GATEWAY_FIXED;
	ck_assert_ptr_nonnull(strstr(att(IPV4)->trouble.fix, "compare gateway4 in mwan.conf"));
}
END_TEST

START_TEST(then_that_nobody_answers)
{
	probed_fail(&probed, ATT, IPV4, 1);
	expect(IPV4, "no answer from 1.1.1.1, 8.8.8.8 (timed out) in 1 cycle (down after 3 in a "
		     "row): " ASKED);
	ck_assert(att(IPV4)->eligible);
	probed_fail(&probed, ATT, IPV4, 11);
	expect(IPV4, "no answer from 1.1.1.1, 8.8.8.8 (timed out) in 12 cycles: " ASKED);
	ck_assert(!att(IPV4)->eligible && att(IPV4)->share == 0);
	ck_assert(att(IPV4)->loss == 0.6);
	scene.site.facts.wans[ATT].gateway[IPV4].via = (struct addr){};
	probed_fail(&probed, WEBPASS, IPV4, 3);
	expect(IPV4,
	       "kept as last resort; no answer from 1.1.1.1, 8.8.8.8 (timed out) in 12 cycles: the "
	       "link is up: the fault of the ISP, or of the line");
	expect(IPV6, NULL);
}
END_TEST

/* Whose fault it can be is known by the kind of failure, whatever its words. */
START_TEST(what_to_do_follows_from_the_kind_of_failure)
{
	static const char *const fixes[] = {
		[FAILURE_UNKNOWN] = ASKED,
		[FAILURE_LOCAL] =
			"`ip -4 address show dev enatt0.3242` shows what it can send from",
		[FAILURE_FILTERED] =
			"`nft list ruleset` has the rule of this machine that drops it",
		[FAILURE_FULL] = ("`conntrack -L` shows whose flows fill it, and sysctl "
				  "net.netfilter.nf_conntrack_max says how many it can hold"),
		[FAILURE_BUSY] = "`tc -s qdisc show dev enatt0.3242` shows what it holds and drops",
		[FAILURE_UNSUPPORTED] = "`apt install libcurl4 libc-ares2 ca-certificates`",
		[FAILURE_RESOLVER] = ("see the name servers of /etc/resolv.conf: this one is not "
				      "asked over a WAN; or name addresses for http4"),
		[FAILURE_PORTAL] =
			("log in on that page over this WAN, or ask the ISP; if the answer is "
			 "right, put its status after the URL in http4"),
		[FAILURE_UNRESOLVED] =
			"see the name servers of /etc/resolv.conf, or name addresses for http4",
		[FAILURE_UNREACHABLE] = ASKED,
		[FAILURE_REFUSED] = REPLIES,
		[FAILURE_SILENT] = ASKED,
		[FAILURE_WRONG] = REPLIES,
		[FAILURE_STATUS] = (REPLIES ", or put the status that is right after the URL"),
		[FAILURE_SLOW] = (REPLIES ", or raise timeout"),
		[FAILURE_MALFORMED] = "correct http4 in mwan.conf: 1.1.1.1 can't be asked for",
	};

	probed_fail(&probed, ATT, IPV4, 3);
	for (size_t i = 0; i < 2; i++) {
		struct probe_target *target = probed_target(&probed, ATT, IPV4, i);

		target->key = "http4";
		target->failure = (enum probe_failure)_i;
		snprintf(target->why, sizeof(target->why), "cannot say");
	}
	ck_assert_int_eq(att(IPV4)->trouble.kind, TROUBLE_PROBES);
	ck_assert_str_eq(report.wans[ATT].family[IPV4].trouble.fix, fixes[_i]);
}
END_TEST

/* The reason and the advice are of one target, and what is said of all is true of all. */
START_TEST(a_target_that_replied_says_more_than_one_that_is_silent)
{
	struct probe_target *second = probed_target(&probed, ATT, IPV4, 1);

	probed_fail(&probed, ATT, IPV4, 3);
	second->failure = FAILURE_REFUSED;
	second->key = "http4";
	snprintf(second->why, sizeof(second->why), "cannot connect: Connection refused");
	expect(IPV4, "no good answer from 1.1.1.1, 8.8.8.8 (8.8.8.8: cannot connect: Connection "
		     "refused) in 3 cycles: " REPLIES);
	second->failure = FAILURE_UNREACHABLE;
	expect(IPV4, "no answer from 1.1.1.1, 8.8.8.8 (1.1.1.1: timed out) in 3 cycles: " ASKED);
}
END_TEST

/* Reports are made while the next cycle of a WAN is under way. */
START_TEST(a_cycle_under_way_changes_no_word)
{
	_cleanup_(freep) char *before = NULL;
	enum probe_result results[] = { PROBE_PENDING, PROBE_ANSWERED };

	probed_fail(&probed, ATT, IPV4, 3);
	for (size_t i = 0; i < 2; i++)
		probed_target(&probed, ATT, IPV4, i)->failure = FAILURE_WRONG;
	before = trouble_line(&att(IPV4)->trouble);
	ck_assert_ptr_nonnull(strstr(before, "(timed out) in 3 cycles: something replies"));
	for (size_t i = 0; i < 2; i++)
		probed_target(&probed, ATT, IPV4, i)->result = results[i];
	expect(IPV4, before);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(att(IPV4)->targets[i].failure, FAILURE_WRONG);
		ck_assert_str_eq(report.wans[ATT].family[IPV4].targets[i].why, "timed out");
	}
}
END_TEST

START_TEST(of_many_targets_three_are_named)
{
	struct probe_set *set = probed.health[ATT].probes[IPV4];

	set->targets = reallocarray(set->targets, 5, sizeof(*set->targets));
	for (size_t i = 2; i < 5; i++) {
		set->targets[i] = set->targets[0];
		set->targets[i].name = strdup(i == 4 ? "http://example.net/" : "9.9.9.9");
	}
	set->n_targets = 5;
	probed_fail(&probed, ATT, IPV4, 3);
	expect(IPV4, "no answer from 1.1.1.1, 8.8.8.8, 9.9.9.9 and 2 more (timed out) in 3 cycles: "
		     "" ASKED);
}
END_TEST

/* The table of flows is full, or nftables drops them: the line may be as good as ever. */
START_TEST(what_this_machine_does_not_send_is_no_failure_of_the_line)
{
	for (size_t i = 0; i < 2; i++) {
		struct probe_target *target = probed_target(&probed, ATT, IPV4, i);

		target->result = PROBE_FAILED;
		target->failure = FAILURE_FULL;
		target->unsent = true;
		snprintf(target->why, sizeof(target->why), "conntrack table full: 9 of 9");
	}
	probed.health[ATT].undecided[IPV4] = true;
	expect(IPV4,
	       "this machine does not send probes to 1.1.1.1, 8.8.8.8 (conntrack table full: "
	       "9 of 9); it counts as up meanwhile: `conntrack -L` shows whose flows fill it, "
	       "and sysctl net.netfilter.nf_conntrack_max says how many it can hold");
	ck_assert(att(IPV4)->eligible && !att(IPV4)->targets[0].answered);
	ck_assert(att(IPV4)->loss == 0);
	probed_state(&probed, ATT, IPV4)->state = VERDICT_DOWN;
	ck_assert_ptr_nonnull(strstr(att(IPV4)->trouble.what, "it stays down meanwhile"));
}
END_TEST

START_TEST(one_target_that_is_not_asked_is_told_though_all_is_well)
{
	struct probe_target *target = probed_target(&probed, ATT, IPV4, 1);

	target->result = PROBE_FAILED;
	target->failure = FAILURE_FILTERED;
	target->unsent = true;
	snprintf(target->why, sizeof(target->why), "dropped by nftables");
	expect(IPV4, "not asked: 8.8.8.8 (dropped by nftables); the other targets are enough");
}
END_TEST

START_TEST(too_few_answers_say_how_many_are_needed)
{
	scene.config.wans[ATT].health.min_targets = 2;
	probed_lose(&probed, ATT, IPV4, 1, 3);
	probed_state(&probed, ATT, IPV4)->failures = 3;
	probed_state(&probed, ATT, IPV4)->state = VERDICT_DOWN;
	expect(IPV4,
	       "1 of 2 targets answers, min_targets is 2; no answer from 8.8.8.8 (timed out)");
}
END_TEST

START_TEST(bad_quality_is_told_against_its_limit)
{
	struct health_conf *conf = &scene.config.wans[ATT].health;

	conf->max_loss = 20;
	for (size_t i = 0; i < 2; i++)
		window_fill(&probed_target(&probed, ATT, IPV4, i)->window, "x..x..x..x..x..x..x.",
			    912340);
	expect(IPV4, "1.1.1.1: loss 35 % is over max_loss, 20 % (down after 3 in a row)");
	conf->max_rtt_us = 800000;
	probed_state(&probed, ATT, IPV4)->state = VERDICT_DOWN;
	expect(IPV4, "1.1.1.1: rtt 912.3 ms is over max_rtt, 800 ms");
}
END_TEST

START_TEST(recovery_is_counted)
{
	struct health_state *state = probed_state(&probed, ATT, IPV4);

	state->state = VERDICT_DOWN;
	state->failures = 0;
	state->successes = 2;
	expect(IPV4, "answers again: up after 5 good cycles in a row, 2 so far");
}
END_TEST

START_TEST(a_start_with_a_verdict_from_before_says_so)
{
	probed_state(&probed, ATT, IPV4)->state = VERDICT_DOWN;
	for (size_t i = 0; i < 2; i++)
		window_fill(&probed_target(&probed, ATT, IPV4, i)->window, "", 0);
	expect(IPV4, "down when it was last probed, and about to be probed again");
	probed_state(&probed, ATT, IPV4)->state = VERDICT_UNKNOWN;
	expect(IPV4, NULL);
}
END_TEST

START_TEST(one_silent_target_is_told_though_all_is_well)
{
	probed_lose(&probed, ATT, IPV4, 1, 2);
	expect(IPV4, NULL); /* that happens */
	probed_lose(&probed, ATT, IPV4, 1, 1);
	expect(IPV4, "no answer from 8.8.8.8 (timed out); the other targets are enough");
	ck_assert(att(IPV4)->eligible);
	ck_assert(!att(IPV4)->targets[1].answered && att(IPV4)->targets[0].answered);
	ck_assert_str_eq(att(IPV4)->targets[1].why, "timed out");
	ck_assert_ptr_null(att(IPV4)->targets[0].why);
}
END_TEST

START_TEST(what_is_not_probed_is_told)
{
	probed.health[ATT].probes[IPV4]->n_targets = 0;
	expect(IPV4,
	       "no targets, so it counts as up: set ping4 = ADDRESS in [health] of mwan.conf");
	probed.health[ATT].probes[IPV4]->n_targets = 2;
	expect(IPV4, NULL);
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
	tcase_add_test(tcase, a_gateway_that_answers_or_does_not_says_whose_fault_it_is);
	tcase_add_test(tcase, then_that_nobody_answers);
	tcase_add_loop_test(tcase, what_to_do_follows_from_the_kind_of_failure, 0, N_FAILURES);
	tcase_add_test(tcase, a_target_that_replied_says_more_than_one_that_is_silent);
	tcase_add_test(tcase, a_cycle_under_way_changes_no_word);
	tcase_add_test(tcase, of_many_targets_three_are_named);
	tcase_add_test(tcase, what_this_machine_does_not_send_is_no_failure_of_the_line);
	tcase_add_test(tcase, one_target_that_is_not_asked_is_told_though_all_is_well);
	tcase_add_test(tcase, too_few_answers_say_how_many_are_needed);
	tcase_add_test(tcase, bad_quality_is_told_against_its_limit);
	tcase_add_test(tcase, recovery_is_counted);
	tcase_add_test(tcase, a_start_with_a_verdict_from_before_says_so);
	tcase_add_test(tcase, one_silent_target_is_told_though_all_is_well);
	tcase_add_test(tcase, what_is_not_probed_is_told);
	tcase_add_test(tcase, what_is_not_configured_is_not_there);
	tcase_add_test(tcase, what_follows_from_verdicts_is_selected_anew);
	tcase_add_test(tcase, a_condition_goes_on_from_the_last_report_by_name);
	tcase_add_test(tcase, the_next_report_comes_with_the_shortest_interval);
	return run_case(tcase, "trouble");
}
