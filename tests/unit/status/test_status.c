// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the screen of --status.
// What it prints is compared with tests/golden/status.

#include "probed_scene.h"
#include "status/show.h"
#include "status/shown.h"
#include "suite.h"

#include <string.h>

static char *screen(unsigned width, unsigned height, bool colour)
{
	const struct screen here = { width, height, colour };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_print_screen(&report, NOW * UINT64_C(1000000), &here, f);
	fclose(f);
	return text;
}

/* Nothing but ASCII, no space at the end of a row, no row beyond the width. Returns the rows. */
static unsigned check_text(const char *text, size_t width)
{
	unsigned rows = 0;

	for (; *text; text++, rows++) {
		size_t len = strcspn(text, "\n");

		ck_assert_msg(len <= width, "%.*s", (int)len, text);
		ck_assert(len == 0 || text[len - 1] != ' ');
		for (; *text != '\n'; text++)
			ck_assert(*text >= ' ' && *text <= '~');
	}
	return rows;
}

START_TEST(a_good_site_fits_at_a_glance)
{
	char *text;

	probed_report(&probed, &report);
	text = screen(80, 24, false);
	ck_assert_uint_le(check_text(text, 80), 24);
	expect_golden("status", "screen-good", text);
}
END_TEST

START_TEST(where_a_wan_leads_is_shown_where_there_is_room)
{
	static const struct {
		unsigned width;
		bool interface, gateway, prefix;
	} expected[] = {
		{ 60, false, false, false },
		{ 80, true, false, false },
		{ 100, true, true, false },
		{ 130, true, true, true },
	};

	probed_report(&probed, &report);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		_cleanup_(freep) char *text = screen(expected[i].width, 24, false);

		check_text(text, expected[i].width);
		ck_assert(!strstr(text, "enatt0.3242") != expected[i].interface);
		ck_assert(!strstr(text, "104.57.226.198") != expected[i].gateway);
		ck_assert(!strstr(text, "2600:1700:2f71:c80::/60") != expected[i].prefix);
	}
}
END_TEST

START_TEST(trouble_stands_under_the_table)
{
	char *text;

	shown_trouble();
	probed_report(&probed, &report);
	report.trouble = strdup("the base ruleset is not loaded");
	report_add_trouble(&report, "networkd", "it can't be asked", "`networkctl`");
	text = screen(80, 24, false);
	ck_assert_uint_le(check_text(text, 80), 24);
	expect_golden("status", "screen-trouble", text);
}
END_TEST

/* What has no room is counted; what weighs most is there. */
START_TEST(all_trouble_at_once_fits_the_screen)
{
	char *text;

	shown_trouble();
	scene_cut(&scene, ATT);
	probed_report(&probed, &report);
	report.trouble = strdup("NO PROTECTION: /etc/mwan/nftables.conf can't be loaded "
				"(line 7: syntax error), and table inet filter is gone: "
				"mend it until `nft -c -f /etc/mwan/nftables.conf` says nothing");
	report.unprotected = true;
	for (unsigned i = 0; i < 12; i++)
		report_add_trouble(&report, "networkd",
				   "it can't be asked, and that is so long "
				   "a line that it does not fit one row",
				   "`networkctl`");
	report_add_flows(&report, &(struct flow_table){ .entries = 262144, .max = 262144 }, true);
	text = screen(80, 24, false);
	ck_assert_uint_le(check_text(text, 80), 24);
	expect_golden("status", "screen-full", text);
}
END_TEST

START_TEST(long_names_and_odd_values_stay_aligned)
{
	_cleanup_(freep) char *text = NULL;

	shown_long();
	text = screen(80, 24, false);
	check_text(text, 80);
	ck_assert_ptr_nonnull(strstr(text, "a-name-of-31-lette"));
	free(text);
	text = NULL;
	expect_golden("status", "screen-wide", screen(250, 24, false));
}
END_TEST

START_TEST(those_set_aside_are_named_and_no_trouble)
{
	struct aside(*aside)[N_FAMILIES] = scene.site.verdicts.aside;
	char *text;

	aside[ATT][IPV4].drained = aside[ATT][IPV6].drained = true;
	aside[WEBPASS][IPV6].held = true;
	aside[WEBPASS][IPV6].hold = (struct hold){ (NOW + 240) * UINT64_C(1000000), 1 };
	probed_report(&probed, &report);
	ck_assert(!report_has_trouble(&report));
	text = screen(80, 24, false);
	check_text(text, 80);
	expect_golden("status", "screen-aside", text);
}
END_TEST

START_TEST(the_last_resort_is_a_state)
{
	for (size_t i = 0; i < 2; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			probed_fail(&probed, i, family, 48);
	probed_report(&probed, &report);
	expect_golden("status", "screen-last-resort", screen(80, 24, false));
}
END_TEST

START_TEST(targets_that_differ_are_told_apart)
{
	_cleanup_(freep) char *text = NULL;

	window_fill(&probed_target(&probed, ATT, IPV4, 1)->window, ".x...x.....x.......x", 2600);
	window_fill(&probed_target(&probed, WEBPASS, IPV4, 1)->window, ".x..................",
		    2600);
	probed_report(&probed, &report);
	text = screen(80, 24, false);
	ck_assert_ptr_nonnull(strstr(text, "\natt IPv4: loss 0 % to 1.1.1.1, 20 % to 8.8.8.8\n"));
	ck_assert_ptr_null(strstr(text, "webpass IPv4: loss"));
	ck_assert_msg(strncmp(text, "All well, but att IPv4 loses 10 %\n", 34) == 0, "%s", text);
}
END_TEST

START_TEST(what_is_alike_in_both_families_is_told_once)
{
	_cleanup_(freep) char *text = NULL;

	scene_cut(&scene, ATT);
	probed_report(&probed, &report);
	text = screen(80, 24, false);
	ck_assert_ptr_nonnull(strstr(text, "\natt: enatt0.3242 has no carrier: check"));
	ck_assert_ptr_null(strstr(text, "att IPv4:"));
}
END_TEST

START_TEST(colours_change_no_text)
{
	_cleanup_(freep) char *plain = NULL, *coloured = NULL;
	char *to;

	shown_trouble();
	probed_report(&probed, &report);
	plain = screen(80, 24, false);
	coloured = to = screen(80, 24, true);
	ck_assert_ptr_nonnull(strstr(coloured, "\033[1;31mdown\033[0m "));
	ck_assert_ptr_nonnull(strstr(coloured, "\033[32mup\033[0m "));
	for (const char *from = coloured; (*to = *from); from++)
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			to++;
	ck_assert_str_eq(coloured, plain);
}
END_TEST

/* Commands are copied from there. */
START_TEST(a_command_is_not_broken_where_it_fits_a_row)
{
	_cleanup_(freep) char *text = NULL;

	probed_fail(&probed, ATT, IPV4, 5);
	probed_report(&probed, &report);
	report_add_trouble(&report, "networkd", "it can't be asked, however often it is asked to",
			   "see `networkctl status enatt0.3242 enwebpass0`, please");
	text = screen(80, 24, false);
	check_text(text, 80);
	ck_assert_ptr_nonnull(
		strstr(text, "\n  `networkctl status enatt0.3242 enwebpass0`, please"));
}
END_TEST

START_TEST(no_wans_are_a_table_without_rows)
{
	_cleanup_(freep) char *text = screen(80, 24, false);

	ck_assert_str_eq(text, "nothing is known of any WAN\n\nWAN  INTERFACE  FAMILY  STATE       "
			       "SINCE        SHARE   LOSS      RTT  GATEWAY\n");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("status");

	tcase_add_checked_fixture(tcase, probed_scene_begin, probed_scene_end);
	tcase_add_test(tcase, a_good_site_fits_at_a_glance);
	tcase_add_test(tcase, where_a_wan_leads_is_shown_where_there_is_room);
	tcase_add_test(tcase, trouble_stands_under_the_table);
	tcase_add_test(tcase, all_trouble_at_once_fits_the_screen);
	tcase_add_test(tcase, long_names_and_odd_values_stay_aligned);
	tcase_add_test(tcase, those_set_aside_are_named_and_no_trouble);
	tcase_add_test(tcase, the_last_resort_is_a_state);
	tcase_add_test(tcase, targets_that_differ_are_told_apart);
	tcase_add_test(tcase, what_is_alike_in_both_families_is_told_once);
	tcase_add_test(tcase, colours_change_no_text);
	tcase_add_test(tcase, a_command_is_not_broken_where_it_fits_a_row);
	tcase_add_test(tcase, no_wans_are_a_table_without_rows);
	return run_case(tcase, "status");
}
