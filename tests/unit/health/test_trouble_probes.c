// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of what a report says of a WAN whose probes fail, word for word.
// Each breaks one thing of a healthy scene.

#include "health/expected_trouble.h"
#include "suite.h"

#define ASKED "gateway 104.57.226.198 is being asked whether it is there"
#define REPLIES "something replies over this WAN, so name another target for http4 in mwan.conf"

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

int main(void)
{
	TCase *tcase = tcase_create("trouble_probes");

	tcase_add_checked_fixture(tcase, probed_scene_begin, probed_scene_end);
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
	return run_case(tcase, "trouble_probes");
}
