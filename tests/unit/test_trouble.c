/*
 * What a report says of a WAN that is in trouble, word for word.
 */
#include "probed.h"
#include "suite.h"

#include <string.h>

static struct scene scene;
static struct probed probed;
static struct report report;

static void set_up(void)
{
	scene_make(&scene, "contract");
	probed_make(&probed, &scene);
}

static void tear_down(void)
{
	report_done(&report);
	probed_done(&probed);
	scene_done(&scene);
}

static const struct family_report *att(enum family family)
{
	report_done(&report);
	probed_report(&probed, &report);
	return &report.wans[ATT].family[family];
}

static void expect(enum family family, const char *wanted)
{
	const char *got = att(family)->trouble;

	if (wanted)
		ck_assert_str_eq(got ? got : "(none)", wanted);
	else
		ck_assert_msg(!got, "%s", got);
}

START_TEST(a_healthy_site_has_none)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		expect(family, NULL);
	ck_assert(att(IPV4)->share == 0.5 && att(IPV6)->share == 0.5);
	ck_assert(att(IPV4)->loss == 0 && att(IPV4)->rtt_us == 2600);
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
	struct link_fact *link = &scene.facts.wans[ATT].link;

	probed_fail(&probed, ATT, IPV4, 12);
	scene_cut(&scene, ATT);
	expect(IPV4, "enatt0.3242 has no carrier: check the cable, and 802.1X where it is used");
	expect(IPV6, "enatt0.3242 has no carrier: check the cable, and 802.1X where it is used");
	link->up = false;
	expect(IPV4, "enatt0.3242 is switched off: `ip link set enatt0.3242 up`");
	link->link.index = 0;
	expect(IPV4, "there is no interface enatt0.3242: see `networkctl`");
	ck_assert(!att(IPV4)->eligible && !report.wans[ATT].carrier);
}
END_TEST

START_TEST(then_the_gateway)
{
	struct wan_facts *facts = &scene.facts.wans[ATT];

	scene.npt.delegated[ATT].len = 0;
	facts->gateway[IPV4].present = facts->gateway[IPV6].present = false;
	expect(IPV4, "no IPv4 gateway (no default route, from DHCP): see `networkctl status "
		     "enatt0.3242`");
	expect(IPV6,
	       "no IPv6 gateway (no router advertisement with a default route): see `networkctl "
	       "status enatt0.3242`; if this ISP has no IPv6, set gateway6 = none");
	facts->link.inet6 = false;
	expect(IPV6, "no IPv6 on enatt0.3242, not even a link-local address: see "
		     "/proc/sys/net/ipv6/conf/enatt0.3242/disable_ipv6");
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

	scene.npt.delegated[ATT].len = 0;
	expect(IPV6, "no delegated prefix: see `networkctl status enatt0.3242`; "
		     "`networkctl reconfigure enatt0.3242` asks anew (IPv4 pauses); "
		     "`update-npt enatt0.3242 PREFIX` for now");
	expect(IPV4, NULL);
	conf->fallback6 = true;
	expect(IPV6,
	       "no delegated prefix: masqueraded until there is one, and nothing inside can be "
	       "reached; see `networkctl status enatt0.3242`");
	ck_assert(att(IPV6)->eligible);
	conf->masquerade6 = true;
	expect(IPV6, NULL);
	conf->masquerade4 = true;
	expect(IPV4, NULL);
	scene.facts.wans[ATT].link.n_addresses = 0;
	expect(IPV6, "no IPv6 address to masquerade behind: see `networkctl status enatt0.3242`");
	expect(IPV4, "no IPv4 address to masquerade behind: see `networkctl status enatt0.3242`");
	conf->masquerade6 = false;
	expect(IPV6, "no delegated prefix: see `networkctl status enatt0.3242`; "
		     "`networkctl reconfigure enatt0.3242` asks anew (IPv4 pauses); "
		     "`update-npt enatt0.3242 PREFIX` for now");
}
END_TEST

START_TEST(a_delegation_that_is_refused_is_named_with_the_reason)
{
	struct prefix *refused = &scene.npt.refused[ATT];

	expect(IPV6, NULL);
	scene.npt.delegated[ATT].len = 0;
	*refused = a_prefix("2600:1700:2f71:c80::/64");
	expect(IPV6, "the delegated prefix can't be used: prefix 2600:1700:2f71:c80::/64 is a /64, "
		     "too small for lan.prefix6, a /60");
	*refused = scene.npt.delegated[WEBPASS];
	expect(IPV6, "the delegated prefix can't be used: 2604:5500:c271:be00::/60 overlaps the "
		     "prefix of webpass, 2604:5500:c271:be00::/60");
	expect(IPV4, NULL);
}
END_TEST

START_TEST(then_that_nobody_answers)
{
	probed_fail(&probed, ATT, IPV4, 1);
	expect(IPV4,
	       "no answer from 1.1.1.1, 8.8.8.8 (timed out) in 1 cycle; if `ping -I enatt0.3242 "
	       "104.57.226.198` works, the fault is the ISP's; down after 3 in a row");
	ck_assert(att(IPV4)->eligible);
	probed_fail(&probed, ATT, IPV4, 11);
	expect(IPV4, "no answer from 1.1.1.1, 8.8.8.8 (timed out) in 12 cycles; if `ping -I "
		     "enatt0.3242 104.57.226.198` works, the fault is the ISP's");
	ck_assert(!att(IPV4)->eligible && att(IPV4)->share == 0);
	ck_assert(att(IPV4)->loss == 0.6);
	scene.facts.wans[ATT].gateway[IPV4].via = (struct addr){};
	probed_fail(&probed, WEBPASS, IPV4, 3);
	expect(IPV4,
	       "no answer from 1.1.1.1, 8.8.8.8 (timed out) in 12 cycles; the link is up: ask "
	       "the ISP; kept as last resort");
	expect(IPV6, NULL);
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
	expect(IPV4,
	       "no answer from 1.1.1.1, 8.8.8.8, 9.9.9.9 and 2 more (timed out) in 3 cycles; if "
	       "`ping -I enatt0.3242 104.57.226.198` works, the fault is the ISP's");
}
END_TEST

START_TEST(too_few_answers_say_how_many_are_needed)
{
	scene.config.wans[ATT].health.min_targets = 2;
	probed_lose(&probed, ATT, IPV4, 1, 3);
	probed_state(&probed, ATT, IPV4)->failures = 3;
	probed_state(&probed, ATT, IPV4)->state = VERDICT_DOWN;
	expect(IPV4,
	       "1 of 2 targets answers, min_targets is 2: no answer from 8.8.8.8 (timed out)");
}
END_TEST

START_TEST(bad_quality_is_told_against_its_limit)
{
	struct health_conf *conf = &scene.config.wans[ATT].health;

	conf->max_loss = 20;
	for (size_t i = 0; i < 2; i++)
		window_fill(&probed_target(&probed, ATT, IPV4, i)->window, "x..x..x..x..x..x..x.",
			    912340);
	expect(IPV4, "1.1.1.1: loss 35 % is over max_loss, 20 %; down after 3 in a row");
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
	expect(IPV4, "not probed: no ping4 or http4 in mwan.conf");
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

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_healthy_site_has_none);
	tcase_add_test(tcase, a_wan_of_a_lower_tier_stands_by_without_trouble);
	tcase_add_test(tcase, the_link_comes_first);
	tcase_add_test(tcase, then_the_gateway);
	tcase_add_test(tcase, then_what_it_is_translated_to);
	tcase_add_test(tcase, a_delegation_that_is_refused_is_named_with_the_reason);
	tcase_add_test(tcase, then_that_nobody_answers);
	tcase_add_test(tcase, of_many_targets_three_are_named);
	tcase_add_test(tcase, too_few_answers_say_how_many_are_needed);
	tcase_add_test(tcase, bad_quality_is_told_against_its_limit);
	tcase_add_test(tcase, recovery_is_counted);
	tcase_add_test(tcase, a_start_with_a_verdict_from_before_says_so);
	tcase_add_test(tcase, one_silent_target_is_told_though_all_is_well);
	tcase_add_test(tcase, what_is_not_probed_is_told);
	tcase_add_test(tcase, what_is_not_configured_is_not_there);
	tcase_add_test(tcase, the_next_report_comes_with_the_shortest_interval);
	return run_case(tcase, "trouble");
}
