// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of what the doctor makes of a cycle of probes: the kind of each finding.
// Words may change; whose fault it is may not.

#include "doctor/check.h"
#include "probed_scene.h"
#include "suite.h"

#include <string.h>

static struct diagnosis diagnosis;
static struct report known;
static bool explained[2][N_FAMILIES];

static void set_up(void)
{
	probed_scene_begin();
	diagnosis = (struct diagnosis){ .topic = "probes" };
	memset(explained, 0, sizeof(explained));
	/* A gateway that is the link itself has no neighbour that the kernel could be asked for. */
	for (size_t i = 0; i < 2; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			scene.site.facts.wans[i].gateway[family].via = (struct addr){};
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	report_done(&known);
	probed_scene_end();
}

/* All targets of the WAN's IPv4 fail so. */
static void fail_all(size_t wan, enum probe_failure failure)
{
	probed_fail(&probed, wan, IPV4, 3);
	for (size_t i = 0; i < 2; i++) {
		probed_target(&probed, wan, IPV4, i)->failure = failure;
		probed_target(&probed, wan, IPV4, i)->key = "http4";
	}
}

/* What is found, "KIND KIND ", in its order. */
static const char *judge(void)
{
	static char kinds[256];
	struct patient patient = { .config_path = "mwan.conf",
				   .config = &scene.config,
				   .diagnosis = &diagnosis,
				   .site = &scene.site,
				   .explained = explained };

	probed_report(&probed, &report);
	doctor_judge_probes(&patient, &report, &known, false);
	kinds[0] = '\0';
	for (size_t i = 0; i < diagnosis.n; i++)
		snprintf(kinds + strlen(kinds), sizeof(kinds) - strlen(kinds), "%s ",
			 diagnosis.v[i].kind);
	return kinds;
}

START_TEST(all_is_well)
{
	ck_assert_str_eq(judge(), "good ");
}
END_TEST

START_TEST(the_kind_of_failure_says_whose_fault_it_is)
{
	static const char *const kinds[] = {
		[FAILURE_FILTERED] = "probe-unsent ",	    [FAILURE_UNKNOWN] = "probe-failed ",
		[FAILURE_LOCAL] = "probe-unsent ",	    [FAILURE_UNSUPPORTED] = "probe-unsent ",
		[FAILURE_UNRESOLVED] = "probe-unresolved ", [FAILURE_UNREACHABLE] = "probe-failed ",
		[FAILURE_REFUSED] = "probe-target ",	    [FAILURE_SILENT] = "probe-failed ",
		[FAILURE_WRONG] = "probe-target ",	    [FAILURE_SLOW] = "probe-target ",
		[FAILURE_MALFORMED] = "probe-unsent ",	    [FAILURE_FULL] = "probe-unsent ",
		[FAILURE_BUSY] = "probe-unsent ",	    [FAILURE_RESOLVER] = "probe-unsent ",
		[FAILURE_PORTAL] = "probe-portal ",	    [FAILURE_STATUS] = "probe-target ",
	};

	fail_all(ATT, (enum probe_failure)_i);
	ck_assert_str_eq(judge(), kinds[_i]);
	ck_assert_int_eq(diagnosis.v[0].severity, FINDING_WRONG);
	ck_assert_ptr_nonnull(diagnosis.v[0].fix);
}
END_TEST

/* The verdict stays as it was: nobody has been asked. */
START_TEST(what_is_not_sent_is_found_though_nothing_is_down)
{
	for (size_t i = 0; i < 2; i++) {
		probed_target(&probed, ATT, IPV4, i)->failure = FAILURE_FILTERED;
		probed_target(&probed, ATT, IPV4, i)->unsent = true;
		snprintf(probed_target(&probed, ATT, IPV4, i)->why, 120, "dropped by nftables");
	}
	probed.health[ATT].undecided[IPV4] = true;
	ck_assert_str_eq(judge(), "probe-unsent ");
	ck_assert_int_eq(diagnosis.v[0].severity, FINDING_WRONG);
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "nft list ruleset"));
}
END_TEST

START_TEST(words_that_look_like_another_kind_mislead_nobody)
{
	fail_all(ATT, FAILURE_REFUSED);
	for (size_t i = 0; i < 2; i++)
		snprintf(probed_target(&probed, ATT, IPV4, i)->why, 120,
			 "cannot connect; no usable answer: Connection refused");
	ck_assert_str_eq(judge(), "probe-target ");
	ck_assert_ptr_null(strstr(diagnosis.v[0].fix, "address show"));
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "http4"));
}
END_TEST

START_TEST(what_else_answers_comes_before_the_trouble)
{
	fail_all(ATT, FAILURE_SILENT);
	judge();
	ck_assert_str_eq(diagnosis.v[0].text,
			 "att: IPv4, while others answer over other WANs: no answer from 1.1.1.1, "
			 "8.8.8.8 (timed out) in 3 cycles");
}
END_TEST

START_TEST(silence_over_all_wans_is_one_finding)
{
	fail_all(ATT, FAILURE_SILENT);
	fail_all(WEBPASS, FAILURE_UNREACHABLE);
	ck_assert_str_eq(judge(), "probe-all-silent ");
}
END_TEST

START_TEST(name_servers_that_are_dead_are_not_silent_targets)
{
	fail_all(ATT, FAILURE_UNRESOLVED);
	fail_all(WEBPASS, FAILURE_UNRESOLVED);
	ck_assert_str_eq(judge(), "probe-unresolved probe-unresolved ");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "/etc/resolv.conf"));
}
END_TEST

START_TEST(targets_that_refuse_everyone_are_not_silent)
{
	fail_all(ATT, FAILURE_REFUSED);
	fail_all(WEBPASS, FAILURE_REFUSED);
	ck_assert_str_eq(judge(), "probe-target probe-target ");
}
END_TEST

START_TEST(a_target_that_is_nobodys_is_noted)
{
	for (size_t wan = 0; wan < 2; wan++)
		probed_lose(&probed, wan, IPV4, 1, 1);
	ck_assert_str_eq(judge(), "probe-dead-target ");
}
END_TEST

/* One lost packet, or 20 % of them, make no target dead; and all that is said is true. */
START_TEST(a_target_that_loses_some_probes_is_not_dead)
{
	probed_report(&probed, &known);
	for (size_t wan = 0; wan < 2; wan++)
		probed_lose(&probed, wan, IPV4, 1, 1);
	ck_assert_str_eq(judge(), "good ");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "6 of 8 targets answer"));
}
END_TEST

START_TEST(what_the_daemon_knows_better_or_worse_is_noted)
{
	fail_all(ATT, FAILURE_SILENT);
	probed_report(&probed, &known);
	probed_done(&probed);
	probed_make(&probed, &scene);
	ck_assert_str_eq(judge(), "probe-daemon-differs ");
	ck_assert_int_eq(diagnosis.v[0].severity, FINDING_NOTE);
}
END_TEST

START_TEST(what_is_explained_already_is_left_out)
{
	fail_all(ATT, FAILURE_SILENT);
	explained[ATT][IPV4] = true;
	ck_assert_str_eq(judge(), "good ");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("doctor_probes");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, all_is_well);
	tcase_add_loop_test(tcase, the_kind_of_failure_says_whose_fault_it_is, 0, N_FAILURES);
	tcase_add_test(tcase, what_is_not_sent_is_found_though_nothing_is_down);
	tcase_add_test(tcase, words_that_look_like_another_kind_mislead_nobody);
	tcase_add_test(tcase, what_else_answers_comes_before_the_trouble);
	tcase_add_test(tcase, silence_over_all_wans_is_one_finding);
	tcase_add_test(tcase, name_servers_that_are_dead_are_not_silent_targets);
	tcase_add_test(tcase, targets_that_refuse_everyone_are_not_silent);
	tcase_add_test(tcase, a_target_that_is_nobodys_is_noted);
	tcase_add_test(tcase, a_target_that_loses_some_probes_is_not_dead);
	tcase_add_test(tcase, what_the_daemon_knows_better_or_worse_is_noted);
	tcase_add_test(tcase, what_is_explained_already_is_left_out);
	return run_case(tcase, "doctor_probes");
}
