// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the table and the metrics of --status.
// What they print is compared with tests/golden/status.

#include "probed_scene.h"
#include "status/show.h"
#include "suite.h"

#include <regex.h>
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

static char *metrics(const struct traffic *traffic)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_print_metrics(&report, traffic, f);
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

/* A site on a bad night. */
static void make_trouble(void)
{
	scene.site.npt.delegated[ATT].len = 0;
	probed_state(&probed, ATT, IPV6)->since = NOW - 45;
	probed_fail(&probed, WEBPASS, IPV4, 36);
	probed_lose(&probed, ATT, IPV4, 1, 7);
	probed_fail(&probed, WEBPASS, IPV6, 2);
	scene.site.facts.router6 = PRESENCE_MISSED;
	probed_state(&probed, WEBPASS, IPV6)->since = NOW - 40 * 86400;
}

static void hinder(size_t wan, enum family family, enum obstacle obstacle)
{
	report.wans[wan].family[family].eligible = false;
	report.wans[wan].family[family].condition.obstacle = obstacle;
}

/* Names as long as they may be, and every kind of value once. */
static void make_long(void)
{
	static const char *const names[] = { "a", "a-name-of-31-letters-and-digits", "standby-lte",
					     "cable", "ipv6-only" };

	report.time_us = NOW * UINT64_C(1000000);
	report.n_wans = ARRAY_SIZE(names);
	report.wans = calloc(report.n_wans, sizeof(*report.wans));
	for (size_t i = 0; i < report.n_wans; i++) {
		struct wan_report *wan = &report.wans[i];

		snprintf(wan->name, sizeof(wan->name), "%s", names[i]);
		snprintf(wan->interface, sizeof(wan->interface), "%s",
			 i == 1 ? "interface.15chr" : names[i]);
		wan->mark = 1 + i;
		wan->carrier = i != 3;
		for (enum family family = 0; family < N_FAMILIES; family++)
			wan->family[family] = (struct family_report){
				.present = true,
				.eligible = true,
				.has_gateway = true,
				.gateway = an_addr(family == IPV4 ? "192.0.2.1" : "fe80::1"),
				.health = { .state = VERDICT_UP, .since = NOW - 59 },
				.condition = { .since = NOW - 59 },
			};
	}
	report.wans[0].family[IPV4].present = false;
	report.wans[0].family[IPV6].present = false;
	report.wans[1].family[IPV4].gateway = an_addr("255.255.255.254");
	report.wans[1].family[IPV4].share = 0.9996;
	report.wans[1].family[IPV4].rtt_us = 99940;
	report.wans[1].family[IPV4].condition.since = NOW - 86399;
	report.wans[1].family[IPV6].gateway = an_addr("fe80:1111:2222:3333:4444:5555:6666:7777");
	report.wans[1].family[IPV6].prefix = a_prefix("2001:db8:1111:2222:3333:4444:5555:6666/128");
	report.wans[1].family[IPV6].rtt_us = 12345678;
	report.wans[1].family[IPV6].share = 1;
	report.wans[1].family[IPV6].condition.since = NOW + 5;
	report.wans[2].family[IPV4].gateway = (struct addr){};
	report.wans[2].family[IPV4].share = 0.0004;
	report.wans[2].family[IPV4].health.state = VERDICT_UNKNOWN;
	report.wans[2].family[IPV4].condition.since = 0;
	report.wans[2].family[IPV4].trouble.what =
		strdup("a bell \a, a colour \033[31m, a caf\xc3\xa9");
	hinder(2, IPV6, OBSTACLE_OTHER);
	hinder(3, IPV4, OBSTACLE_NO_CARRIER);
	hinder(3, IPV6, OBSTACLE_NO_CARRIER);
	report.wans[3].family[IPV6].health.state = VERDICT_DOWN;
	report.wans[4].family[IPV4].present = false;
	report.wans[4].family[IPV6].has_gateway = false;
	hinder(4, IPV6, OBSTACLE_NO_GATEWAY);
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

	make_trouble();
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

	make_trouble();
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

	make_long();
	text = screen(80, 24, false);
	check_text(text, 80);
	ck_assert_ptr_nonnull(strstr(text, "a-name-of-31-lette"));
	free(text);
	text = NULL;
	expect_golden("status", "screen-wide", screen(250, 24, false));
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

	make_trouble();
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

/* The headline */

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
	hinder(wan, family, obstacle);
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

/* Metrics */

#define NAME "[a-zA-Z_:][a-zA-Z0-9_:]*"
#define LABEL "[a-zA-Z_][a-zA-Z0-9_]*=\"([^\"\\\n]|\\\\[\\\"n])*\""
#define NUMBER "(-?[0-9]+(\\.[0-9]+)?(e[-+]?[0-9]+)?|NaN|[-+]Inf)"

static bool matches(const char *pattern, const char *line)
{
	regex_t regex;
	bool found;

	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	found = regexec(&regex, line, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

/*
 * Version 0.0.4 to the letter, and what promtool asks for: HELP, then TYPE, then all samples
 * of the metric; each metric and each series once; a name that ends in _total is a counter's.
 */
static void check_metrics(const char *text)
{
	_cleanup_(freep) char *copy = strdup(text);
	char *rest = copy, *seen[500], name[100] = "", type[100] = "";
	unsigned samples = 1;
	size_t n = 0;

	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	for (char *line; (line = strsep(&rest, "\n")) && (rest || *line);) {
		char *end = line + strcspn(line, "{ ");

		if (matches("^# HELP " NAME " [^\\]+$", line)) {
			ck_assert_msg(samples > 0, "%s has no sample", name);
			ck_assert_int_eq(sscanf(line, "# HELP %99s", name), 1);
			for (size_t i = 0; i < n; i++)
				ck_assert_msg(strncmp(seen[i], name, strlen(name)) != 0 ||
						      !strchr("{ ", seen[i][strlen(name)]),
					      "%s is there twice", name);
			type[0] = '\0';
		} else if (matches("^# TYPE " NAME " (counter|gauge)$", line)) {
			char of[100];

			ck_assert_int_eq(sscanf(line, "# TYPE %99s %99s", of, type), 2);
			ck_assert_str_eq(of, name);
			ck_assert_int_eq(strcmp(type, "counter") == 0, matches("_total$", name));
			samples = 0;
		} else {
			ck_assert_msg(matches("^" NAME "(\\{" LABEL "(," LABEL ")*\\})? " NUMBER
					      "$",
					      line),
				      "%s", line);
			ck_assert_msg(type[0] && strlen(name) == (size_t)(end - line) &&
					      strncmp(line, name, end - line) == 0,
				      "%s has no TYPE before it", line);
			*strrchr(line, ' ') = '\0';
			for (size_t i = 0; i < n; i++)
				ck_assert_str_ne(seen[i], line);
			ck_assert_uint_lt(n, ARRAY_SIZE(seen));
			seen[n++] = line;
			samples++;
		}
	}
	ck_assert_uint_gt(n, 0);
}

/* Of each WAN and family, numbers of its own. */
static struct traffic some_traffic(void)
{
	struct traffic traffic = { .wans = calloc(report.n_wans, sizeof(*traffic.wans)) };

	for (size_t i = 0; i < report.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			traffic.wans[i][family] = (struct traffic_family){
				.flows = 10 * i + family,
				.count[OUTBOUND] = { 1000 * (i + 1) + family, UINT64_MAX - i },
				.count[INBOUND] = { 3000 * (i + 1) + family,
						    4000000 * (i + 1) + family },
			};
	return traffic;
}

START_TEST(metrics_of_a_site_in_trouble)
{
	_cleanup_(traffic_done) struct traffic traffic = {};
	char *text;

	make_trouble();
	probed_report(&probed, &report);
	report.trouble = strdup("the base ruleset is not loaded");
	report.flows = (struct flow_table){ .entries = 262140, .max = 262144 };
	traffic = some_traffic();
	text = metrics(&traffic);
	check_metrics(text);
	expect_golden("status", "metrics", text);
}
END_TEST

START_TEST(metrics_of_any_site_are_well_formed)
{
	_cleanup_(traffic_done) struct traffic traffic = {};
	_cleanup_(freep) char *text = NULL;

	make_long();
	for (size_t i = 1; i < report.n_wans; i++) {
		report.wans[i].family[IPV6].rtt_us = 1;
		report.wans[i].family[IPV6].targets = calloc(1, sizeof(struct target_report));
		report.wans[i].family[IPV6].n_targets = 1;
		window_fill(&report.wans[i].family[IPV6].targets[0].window, "xxx...", 1);
	}
	snprintf(report.wans[4].name, sizeof(report.wans[4].name), "back\\slash \"quote\"\nline");
	traffic = some_traffic();
	text = metrics(&traffic);
	check_metrics(text);
	ck_assert_ptr_nonnull(strstr(text, "wan=\"back\\\\slash \\\"quote\\\"\\nline\""));
}
END_TEST

START_TEST(what_could_not_be_read_is_left_out)
{
	_cleanup_(freep) char *text = NULL;

	probed_report(&probed, &report);
	text = metrics(NULL);
	check_metrics(text);
	ck_assert_ptr_null(strstr(text, "mwan_wan_flows"));
	ck_assert_ptr_null(strstr(text, "forwarded"));
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
	tcase_add_test(tcase, the_last_resort_is_a_state);
	tcase_add_test(tcase, targets_that_differ_are_told_apart);
	tcase_add_test(tcase, what_is_alike_in_both_families_is_told_once);
	tcase_add_test(tcase, colours_change_no_text);
	tcase_add_test(tcase, a_command_is_not_broken_where_it_fits_a_row);
	tcase_add_test(tcase, no_wans_are_a_table_without_rows);
	tcase_add_test(tcase, the_headline_names_who_is_out_and_who_carries);
	tcase_add_test(tcase, loss_that_nobody_judges_is_told_once_it_is_no_memory_of_an_outage);
	tcase_add_test(tcase, the_headline_names_a_family_that_is_lost);
	tcase_add_test(tcase, the_headline_says_what_is_worst_first);
	tcase_add_test(tcase, the_headline_says_once_what_both_families_have);
	tcase_add_test(tcase, without_a_clock_the_headline_says_since_when);
	tcase_add_test(tcase, metrics_of_a_site_in_trouble);
	tcase_add_test(tcase, metrics_of_any_site_are_well_formed);
	tcase_add_test(tcase, what_could_not_be_read_is_left_out);
	return run_case(tcase, "status");
}
