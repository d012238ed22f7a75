// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the headline of --status.
// It is one line: what is worst, since when, and who carries the traffic.

#include "probed_scene.h"
#include "status/show.h"
#include "status/shown.h"
#include "suite.h"

#include <string.h>

static char *headline(void)
{
	static char text[512];
	FILE *f = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(f);
	report_print_headline(&report, NOW * UINT64_C(1000000), 80, f);
	fclose(f);
	ck_assert_uint_le(strlen(text), 80);
	return text;
}

static void hinder_ago(size_t wan, enum family family, enum obstacle obstacle, uint64_t seconds)
{
	shown_hinder(wan, family, obstacle);
	report.wans[wan].family[family].condition.since = NOW - seconds;
	report.wans[wan].family[family].condition.out = NOW - seconds;
	report.wans[wan].family[family].share = 0;
}

START_TEST(the_headline_names_who_is_out_and_who_carries)
{
	probed_report(&probed, &report);
	ck_assert_str_eq(headline(), "All well");
	hinder_ago(ATT, IPV6, OBSTACLE_NO_PREFIX, 240);
	ck_assert_str_eq(headline(), "att: no IPv6 for 4 min (no prefix); webpass carries it");
	hinder_ago(ATT, IPV4, OBSTACLE_DOWN, 240);
	ck_assert_str_eq(headline(),
			 "att: IPv4 down, IPv6 no prefix for 4 min; webpass carries it");
	hinder_ago(ATT, IPV6, OBSTACLE_DOWN, 240);
	ck_assert_str_eq(headline(), "att: down for 4 min; webpass carries it");
	report.trouble = strdup("no base");
	ck_assert_str_eq(headline(),
			 "not in force: no base; att: down for 4 min; webpass carries it");
}
END_TEST

START_TEST(loss_that_nobody_judges_is_told_once_it_is_no_memory_of_an_outage)
{
	for (size_t i = 0; i < 2; i++)
		window_fill(&probed_target(&probed, WEBPASS, IPV4, i)->window,
			    ".x...x.....x...x....", 2600);
	probed_report(&probed, &report);
	ck_assert_str_eq(headline(), "All well, but webpass IPv4 loses 20 %");
	report.wans[WEBPASS].family[IPV4].condition.since = NOW - 90;
	ck_assert_str_eq(headline(), "All well");
}
END_TEST

START_TEST(the_headline_names_a_family_that_is_lost)
{
	probed_report(&probed, &report);
	hinder_ago(ATT, IPV6, OBSTACLE_NO_PREFIX, 3600);
	hinder_ago(WEBPASS, IPV6, OBSTACLE_NO_GATEWAY, 240);
	ck_assert_str_eq(headline(), "NO IPv6 for 4 min: att no prefix, webpass no gateway");
	hinder_ago(ATT, IPV4, OBSTACLE_NO_CARRIER, 3600);
	ck_assert_str_eq(headline(),
			 "NO IPv6 for 4 min: att no prefix, webpass no gateway; 1 more");
	hinder_ago(WEBPASS, IPV4, OBSTACLE_NO_CARRIER, 240);
	ck_assert_str_eq(headline(), "NO internet for 4 min: att no carrier, webpass no carrier");
}
END_TEST

START_TEST(the_headline_says_what_is_worst_first)
{
	probed_report(&probed, &report);
	report_add_trouble(&report, "networkd", "it can't be asked", "`networkctl`");
	ck_assert_str_eq(headline(), "networkd: it can't be asked");
	report.lan.carrier = false;
	report.lan.since = NOW - 90;
	report_add_trouble(&report, "LAN", "enmwanbr0 has no carrier", "check the cable");
	ck_assert_str_eq(headline(), "LAN down for 1 min: no carrier; networkd: it can't be asked");
	report_add_trouble(&report, "daemon", "does not run", "`systemctl start mwan-health`");
	ck_assert_str_eq(headline(),
			 "daemon: does not run; LAN down for 1 min: no carrier; 1 more");
	report.trouble = strdup("NO PROTECTION: /etc/mwan/nftables.conf can't be loaded");
	report.unprotected = true;
	ck_assert_str_eq(headline(),
			 "NO PROTECTION: /etc/mwan/nftables.conf can't be loaded; 3 more");
}
END_TEST

START_TEST(the_headline_says_once_what_both_families_have)
{
	probed_report(&probed, &report);
	for (enum family family = 0; family < N_FAMILIES; family++)
		report.wans[ATT].family[family].trouble.what = strdup("no authentication");
	ck_assert_str_eq(headline(), "att: no authentication");
	hinder_ago(ATT, IPV6, OBSTACLE_DOWN, 240);
	ck_assert_str_eq(headline(), "att: no IPv6 for 4 min (down); att IPv4: no authentication; "
				     "webpass carries it");
}
END_TEST

/* The report, as it is now. */
static void make_report(void)
{
	report_done(&report);
	probed_report(&probed, &report);
}

static struct aside *aside(size_t wan, enum family family)
{
	return &scene.site.verdicts.aside[wan][family];
}

static void hold_for(size_t wan, enum family family, uint64_t seconds)
{
	aside(wan, family)->held = true;
	aside(wan, family)->hold = (struct hold){ (NOW + seconds) * UINT64_C(1000000), 1 };
}

START_TEST(the_headline_says_how_long_a_wan_is_held)
{
	hold_for(ATT, IPV4, 240);
	make_report();
	ck_assert_str_eq(headline(), "att IPv4: held for 4 min more; webpass carries it");
	hold_for(ATT, IPV6, 30);
	make_report();
	ck_assert_str_eq(headline(), "att: held for 4 min more; webpass carries it");
	hold_for(WEBPASS, IPV6, 30);
	make_report();
	ck_assert_str_eq(headline(), "att: held for 4 min more, kept as last resort; 1 more");
}
END_TEST

START_TEST(the_headline_says_until_when_a_wan_is_drained)
{
	setenv("TZ", "UTC", 1);
	for (enum family family = 0; family < N_FAMILIES; family++)
		aside(WEBPASS, family)->drained = true;
	make_report();
	ck_assert_str_eq(headline(), "webpass: drained by hand; att carries it");
	aside(WEBPASS, IPV4)->until = NOW + 7200;
	make_report();
	ck_assert_str_eq(headline(), "webpass: drained until 2026-11-22 20:30; att carries it");
	/* With the other one down, it carries, and the internet is not lost. */
	probed_fail(&probed, ATT, IPV4, 48);
	probed_fail(&probed, ATT, IPV6, 48);
	make_report();
	ck_assert_str_eq(headline(), "att: down for 3 min; 1 more");
}
END_TEST

/* systemd keeps it for hours. */
START_TEST(without_a_clock_the_headline_says_since_when)
{
	static char text[512];
	FILE *f = fmemopen(text, sizeof(text), "w");

	setenv("TZ", "UTC", 1);
	probed_report(&probed, &report);
	hinder_ago(ATT, IPV4, OBSTACLE_NO_CARRIER, 240);
	hinder_ago(ATT, IPV6, OBSTACLE_NO_CARRIER, 240);
	report_print_headline(&report, 0, HEADLINE_WIDTH, f);
	fclose(f);
	ck_assert_str_eq(text, "att: no carrier since 2026-11-22 18:26; webpass carries it");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("headline");

	tcase_add_checked_fixture(tcase, probed_scene_begin, probed_scene_end);
	tcase_add_test(tcase, the_headline_names_who_is_out_and_who_carries);
	tcase_add_test(tcase, loss_that_nobody_judges_is_told_once_it_is_no_memory_of_an_outage);
	tcase_add_test(tcase, the_headline_names_a_family_that_is_lost);
	tcase_add_test(tcase, the_headline_says_what_is_worst_first);
	tcase_add_test(tcase, the_headline_says_once_what_both_families_have);
	tcase_add_test(tcase, the_headline_says_how_long_a_wan_is_held);
	tcase_add_test(tcase, the_headline_says_until_when_a_wan_is_drained);
	tcase_add_test(tcase, without_a_clock_the_headline_says_since_when);
	return run_case(tcase, "headline");
}
