// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of findings: which explains which, and how they are shown on a terminal.
// Kinds are those of the checks; printed texts are read row by row.

#include "base/fileio.h"
#include "doctor/causes.h"
#include "doctor/diagnosis.h"
#include "suite.h"

#include <string.h>

enum { ATT, WEBPASS };

static struct diagnosis diagnosis;
static char *printed;

static void set_up(void)
{
	diagnosis = (struct diagnosis){ .topic = "test" };
	printed = NULL;
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	free(printed);
}

/* What is printed, until the next time. */
static const char *print(bool verbose)
{
	struct memory memory = {};

	free(printed);
	ck_assert_int_eq(memory_open(&memory), 0);
	ck_assert_int_eq(diagnosis_print(&diagnosis, verbose, memory.f), 0);
	ck_assert_int_eq(memory_close(&memory, &printed), 0);
	return printed;
}

/* The kind that explains the one with that index; "": none does. */
static const char *cause(size_t i)
{
	const struct finding *found = cause_of(&diagnosis, i);

	return found ? found->kind : "";
}

START_TEST(fault_keeps_what_is_so_apart_from_what_to_do)
{
	struct fault fault = {};

	fault_set(&fault, 0, "fe80::1: silent");
	diagnosis_fault(&diagnosis, "a", NULL, &fault);
	fault_fix(&fault, 0, "`ping %s`", "fe80::1: now");
	ck_assert_str_eq(fault.text, "fe80::1: silent: `ping fe80::1: now`");
	diagnosis_fault(&diagnosis, "b", "att", &fault);
	ck_assert_str_eq(diagnosis.v[0].text, "fe80::1: silent");
	ck_assert_ptr_null(diagnosis.v[0].fix);
	ck_assert_str_eq(diagnosis.v[1].text, "att: fe80::1: silent");
	ck_assert_str_eq(diagnosis.v[1].fix, "`ping fe80::1: now`");
}
END_TEST

START_TEST(topic_with_a_finding_is_not_good)
{
	diagnosis_note(&diagnosis, "a", "something");
	diagnosis_good(&diagnosis, "all is well");
	diagnosis.topic = "other";
	diagnosis_good(&diagnosis, "all is well");
	ck_assert_uint_eq(diagnosis.n, 2);
	ck_assert_str_eq(diagnosis.v[1].topic, "other");
	ck_assert(diagnosis_is_good(&diagnosis));
}
END_TEST

/* ---- causes ---- */

START_TEST(cause_explains_what_is_about_the_same_wan_and_family)
{
	diagnosis_wrong(about_wan(&diagnosis, ATT, IPV4), "gateway-missing", "no gateway");
	diagnosis_note(about_wan(&diagnosis, ATT, IPV4), "flows-left", "its flows");
	diagnosis_note(about_wan(&diagnosis, ATT, IPV6), "flows-left", "another family's");
	diagnosis_note(about_wan(&diagnosis, WEBPASS, IPV4), "flows-left", "another WAN's");
	diagnosis_note(&diagnosis, "flows-left", "whose it is nobody knows");
	ck_assert_str_eq(cause(0), "");
	ck_assert_str_eq(cause(1), "gateway-missing");
	ck_assert_str_eq(cause(2), "");
	ck_assert_str_eq(cause(3), "");
	ck_assert_str_eq(cause(4), "");
}
END_TEST

START_TEST(cause_of_the_whole_machine_or_wan_explains_what_is_about_its_parts)
{
	diagnosis_wrong(about_wan(&diagnosis, ATT, IPV6), "prefix-missing", "no prefix");
	diagnosis_wrong(&diagnosis, "unit-networkd", "networkd has failed");
	diagnosis_wrong(about_wan(&diagnosis, WEBPASS, N_FAMILIES), "link-carrier", "off");
	diagnosis_note(about_wan(&diagnosis, WEBPASS, IPV6), "flows-left", "its flows");
	ck_assert_str_eq(cause(0), "unit-networkd");
	ck_assert_str_eq(cause(3), "link-carrier");
}
END_TEST

START_TEST(cause_of_a_cause_explains_all)
{
	diagnosis_note(about_wan(&diagnosis, ATT, IPV4), "flows-left", "its flows");
	diagnosis_wrong(about_wan(&diagnosis, ATT, IPV4), "gateway-missing", "no gateway");
	diagnosis_wrong(&diagnosis, "unit-networkd", "networkd has failed");
	ck_assert_str_eq(cause(0), "unit-networkd");
	ck_assert_str_eq(cause(1), "unit-networkd");
	ck_assert_str_eq(cause(2), "");
}
END_TEST

START_TEST(what_only_could_be_better_explains_nothing)
{
	diagnosis_note(&diagnosis, "unit-networkd", "read its files too early");
	diagnosis_wrong(about_wan(&diagnosis, ATT, IPV6), "prefix-missing", "no prefix");
	ck_assert_str_eq(cause(1), "");
}
END_TEST

START_TEST(what_ails_one_wan_or_family_explains_nothing_of_another)
{
	static const struct {
		struct about cause;
		const char *kind;
		struct about effect;
		const char *of;
	} cases[] = {
		/* The key of one WAN can be read by others: no reason for anything. */
		{ { ABOUT_WAN + ATT, 0 },
		  "dot1x-file-open",
		  { ABOUT_WAN + WEBPASS, 1 },
		  "lease-missing" },
		{ { ABOUT_WAN + ATT, 0 },
		  "dot1x-file-open",
		  { ABOUT_WAN + ATT, 0 },
		  "dot1x-unauthorized" },
		{ {}, "unit-wpa", { ABOUT_WAN + WEBPASS, 1 }, "lease-missing" },
		{ { ABOUT_MACHINE, 1U << IPV6 },
		  "kernel-without-ipv6",
		  { ABOUT_WAN, 1U << IPV4 },
		  "gateway-missing" },
		{ { ABOUT_LAN, 1U << IPV6 },
		  "address-duplicate",
		  { ABOUT_WAN, 1U << IPV4 },
		  "probe-failed" },
		/* Pings are not tracked, so a table that is full does not stop them. */
		{ {}, "flows-full", { ABOUT_WAN, 1U << IPV4 }, "probe-failed" },
		/* Programs that make tables leave them behind, or are others than these. */
		{ {}, "unit-foreign", {}, "table-drops" },
		{ {}, "unit-rival", {}, "default-on-wan" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		diagnosis.about = cases[i].cause;
		diagnosis_wrong(&diagnosis, cases[i].kind, "cause");
		diagnosis.about = cases[i].effect;
		diagnosis_wrong(&diagnosis, cases[i].of, "effect");
		ck_assert_msg(*cause(1) == '\0', "%s: %s", cases[i].kind, cases[i].of);
		diagnosis_done(&diagnosis);
		diagnosis.topic = "test";
	}
}
END_TEST

/* Each is listed twice, so that the order in which they are found does not count. */
START_TEST(what_has_to_be_mended_first_stands_first)
{
	static const char *const pairs[][2] = {
		{ "dot1x-file-missing", "unit-wpa" }, { "unit-rival", "dot1x-unauthorized" },
		{ "link-carrier", "resolver-dead" },  { "gateway-missing", "resolver-dead" },
		{ "probe-failed", "resolver-dead" },  { "resolver-dead", "probe-unresolved" },
		{ "routes-differ", "probe-unsent" },  { "rules-differ", "probe-unsent" },
		{ "nft-differs", "probe-failed" },    { "dhcp-second-client", "lease-missing" },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(pairs); i++) {
		const char *const *pair = pairs[i / 2];

		diagnosis_wrong(&diagnosis, pair[i % 2], "%s", pair[i % 2]);
		diagnosis_wrong(&diagnosis, pair[1 - i % 2], "%s", pair[1 - i % 2]);
		ck_assert_msg(strncmp(print(false) + strlen("WRONG  "), pair[0], strlen(pair[0])) ==
				      0,
			      "%s: %s", pair[0], printed);
		diagnosis_done(&diagnosis);
		diagnosis.topic = "test";
	}
}
END_TEST

START_TEST(missing_file_of_802_1x_is_why_wpa_supplicant_does_not_run)
{
	diagnosis_wrong(&diagnosis, "unit-wpa", "failed");
	diagnosis_wrong(&diagnosis, "dot1x-file-missing", "no certificate");
	ck_assert_str_eq(cause(0), "dot1x-file-missing");
	ck_assert_str_eq(cause(1), "");
}
END_TEST

START_TEST(wrong_things_come_before_notes_and_causes_before_others)
{
	const char *text;

	diagnosis_note(&diagnosis, "proto-name", "note");
	diagnosis_wrong(&diagnosis, "hook-owner", "other");
	diagnosis_wrong(about_wan(&diagnosis, ATT, IPV4), "gateway-missing", "no gateway");
	diagnosis_wrong(&diagnosis, "unit-networkd", "root\nmend it");
	text = print(false);
	ck_assert_str_eq(text, "WRONG  root\n"
			       "       fix: mend it\n"
			       "       and 1 that follows from this: test\n"
			       "WRONG  other\n"
			       "note   note\n"
			       "\n"
			       "--verbose shows 1 more\n"
			       "2 wrong, 1 to note: mend the first one first\n");
	text = print(true);
	ck_assert_str_eq(text, "test       WRONG root\n"
			       "                 fix: mend it\n"
			       "  follows: test       WRONG no gateway\n"
			       "test       WRONG other\n"
			       "test       note  note\n"
			       "\n"
			       "2 wrong, 1 to note: mend the first one first\n");
}
END_TEST

START_TEST(login_that_a_fix_would_cut_comes_before_the_fix)
{
	diagnosis_wrong(&diagnosis, "base-missing", "no base\n`systemctl restart nftables`");
	diagnosis_wrong(&diagnosis, "management-other", "the next login is refused");
	ck_assert_ptr_nonnull(
		strstr(print(false), "WRONG  the next login is refused\nWRONG  no base"));
}
END_TEST

/* ---- the screen ---- */

START_TEST(what_is_good_is_shown_only_if_asked_for)
{
	diagnosis_good(&diagnosis, "all is well");
	ck_assert_str_eq(print(false), "nothing wrong, 0 to note\n");
	ck_assert_str_eq(print(true), "test       ok    all is well\n\nnothing wrong, 0 to note\n");
}
END_TEST

static size_t count_rows(const char *text, size_t max_columns)
{
	size_t rows = 0;

	for (const char *end; *text; text = end + 1, rows++) {
		end = strchr(text, '\n');
		ck_assert_msg((size_t)(end - text) <= max_columns, "%.*s", (int)(end - text), text);
	}
	return rows;
}

/* Findings of 1, 4, 9, … words: a terminal has 24 rows, and the last one is the prompt's. */
START_TEST(however_much_is_wrong_it_fits_the_screen)
{
	static char words[8000];
	size_t length = 0;

	for (int i = 0; i < _i * _i; i++)
		length += snprintf(words + length, sizeof(words) - length, "%s ",
				   i % 3 ? "word" : "longer-word");
	for (size_t i = 0; i < 40; i++) {
		diagnosis_wrong(&diagnosis, "hook-owner", "%zu %s\nfix it: %s", i, words, words);
		diagnosis_note(&diagnosis, "proto-name", "%zu %s", i, words);
	}
	ck_assert_uint_le(count_rows(print(false), 80 + strlen("…") - 1), 23);
	ck_assert_ptr_nonnull(strstr(printed, "WRONG  0 "));
	ck_assert_ptr_nonnull(strstr(printed, "--verbose shows "));
	ck_assert_ptr_nonnull(strstr(printed, "40 wrong, 40 to note: mend the first one first\n"));
	ck_assert_uint_eq(count_rows(print(true), sizeof(words)), 40 * 3 + 2);
}
END_TEST

START_TEST(command_that_somebody_will_copy_is_never_broken)
{
	diagnosis_note(&diagnosis, "a",
		       "so\nthis takes some words before the command comes, which is "
		       "`systemctl restart systemd-networkd`, and then `a command that is wider "
		       "than any terminal of eighty columns can show in a row of its own`.");
	ck_assert_ptr_nonnull(
		strstr(print(false), "\n       `systemctl restart systemd-networkd`, "));
	ck_assert_ptr_nonnull(strstr(printed,
				     "\n       `a command that is wider than any terminal "
				     "of eighty columns can show in a row of its own`.\n"));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("diagnosis");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, fault_keeps_what_is_so_apart_from_what_to_do);
	tcase_add_test(tcase, topic_with_a_finding_is_not_good);
	tcase_add_test(tcase, cause_explains_what_is_about_the_same_wan_and_family);
	tcase_add_test(tcase, cause_of_the_whole_machine_or_wan_explains_what_is_about_its_parts);
	tcase_add_test(tcase, cause_of_a_cause_explains_all);
	tcase_add_test(tcase, what_only_could_be_better_explains_nothing);
	tcase_add_test(tcase, what_ails_one_wan_or_family_explains_nothing_of_another);
	tcase_add_test(tcase, what_has_to_be_mended_first_stands_first);
	tcase_add_test(tcase, missing_file_of_802_1x_is_why_wpa_supplicant_does_not_run);
	tcase_add_test(tcase, wrong_things_come_before_notes_and_causes_before_others);
	tcase_add_test(tcase, login_that_a_fix_would_cut_comes_before_the_fix);
	tcase_add_test(tcase, what_is_good_is_shown_only_if_asked_for);
	tcase_add_loop_test(tcase, however_much_is_wrong_it_fits_the_screen, 1, 13);
	tcase_add_test(tcase, command_that_somebody_will_copy_is_never_broken);
	return run_case(tcase, "diagnosis");
}
