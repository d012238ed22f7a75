/*
 * The table and the metrics of --status: tests/golden/status.
 */
#include "probed.h"
#include "report_show.h"
#include "suite.h"

#include <regex.h>
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

static char *table(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_print_table(&report, NOW * UINT64_C(1000000), f);
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

/* Nothing but ASCII, no space at the end of a line, no line of the table beyond the width. */
static void check_text(const char *text, size_t width)
{
	bool in_table = true;

	while (*text) {
		size_t len = strcspn(text, "\n");

		in_table = in_table && len > 0;
		ck_assert_msg(!in_table || len <= width, "%.*s", (int)len, text);
		ck_assert(len == 0 || text[len - 1] != ' ');
		for (; *text != '\n'; text++)
			ck_assert(*text >= ' ' && *text <= '~');
		text++;
	}
}

/* A site on a bad night. */
static void make_trouble(void)
{
	scene.npt.delegated[ATT].len = 0;
	probed_state(&probed, ATT, IPV6)->since = NOW - 45;
	probed_fail(&probed, WEBPASS, IPV4, 36);
	probed_lose(&probed, ATT, IPV4, 1, 7);
	probed_fail(&probed, WEBPASS, IPV6, 2);
	probed_state(&probed, WEBPASS, IPV6)->since = NOW - 40 * 86400;
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
			};
	}
	report.wans[0].family[IPV4].present = false;
	report.wans[0].family[IPV6].present = false;
	report.wans[1].family[IPV4].gateway = an_addr("255.255.255.254");
	report.wans[1].family[IPV4].share = 0.9996;
	report.wans[1].family[IPV4].rtt_us = 99940;
	report.wans[1].family[IPV4].health.since = NOW - 86399;
	report.wans[1].family[IPV6].gateway = an_addr("fe80:1111:2222:3333:4444:5555:6666:7777");
	report.wans[1].family[IPV6].prefix = a_prefix("2001:db8:1111:2222:3333:4444:5555:6666/128");
	report.wans[1].family[IPV6].rtt_us = 12345678;
	report.wans[1].family[IPV6].share = 1;
	report.wans[1].family[IPV6].health.since = NOW + 5;
	report.wans[2].family[IPV4].gateway = (struct addr){};
	report.wans[2].family[IPV4].share = 0.0004;
	report.wans[2].family[IPV4].health.state = VERDICT_UNKNOWN;
	report.wans[2].family[IPV4].health.since = 0;
	report.wans[2].family[IPV4].trouble = strdup("a bell \a, a colour \033[31m, a caf\xc3\xa9");
	report.wans[2].family[IPV6].eligible = false;
	report.wans[3].family[IPV4].eligible = report.wans[3].family[IPV6].eligible = false;
	report.wans[3].family[IPV6].health.state = VERDICT_DOWN;
	report.wans[4].family[IPV4].present = false;
	report.wans[4].family[IPV6].has_gateway = false;
	report.wans[4].family[IPV6].eligible = false;
}

START_TEST(a_good_site_fits_at_a_glance)
{
	char *text;

	probed_report(&probed, &report);
	text = table();
	check_text(text, 120);
	expect_golden("status", "table-good", text);
}
END_TEST

START_TEST(trouble_stands_under_the_table)
{
	char *text;

	make_trouble();
	probed_report(&probed, &report);
	report.trouble = strdup("the base ruleset is not loaded");
	text = table();
	check_text(text, 120);
	expect_golden("status", "table-trouble", text);
}
END_TEST

START_TEST(long_names_and_odd_values_stay_aligned)
{
	char *text;

	make_long();
	text = table();
	check_text(text, 250);
	expect_golden("status", "table-long", text);
}
END_TEST

START_TEST(no_wans_are_a_table_without_rows)
{
	_cleanup_(freep) char *text = table();

	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
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
				.packets_out = 1000 * (i + 1) + family,
				.bytes_out = UINT64_MAX - i,
				.packets_in = 3000 * (i + 1) + family,
				.bytes_in = 4000000 * (i + 1) + family,
			};
	return traffic;
}

static char *summary(void)
{
	static char text[512];
	FILE *f = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(f);
	report_print_summary(&report, f);
	fclose(f);
	return text;
}

START_TEST(summary_names_what_is_not_up)
{
	struct family_report *six;

	probed_report(&probed, &report);
	ck_assert_str_eq(summary(), "2 of 2 WANs up");
	six = &report.wans[ATT].family[IPV6];
	six->eligible = false;
	ck_assert_str_eq(summary(), "1 of 2 WANs up; att: IPv6 not eligible");
	six->health.state = VERDICT_DOWN;
	ck_assert_str_eq(summary(), "1 of 2 WANs up; att: IPv6 down");
	report.wans[ATT].family[IPV4].health.state = VERDICT_DOWN;
	ck_assert_str_eq(summary(), "1 of 2 WANs up; att: down");
	report.wans[ATT].carrier = false;
	report.trouble = strdup("no base");
	ck_assert_str_eq(summary(), "1 of 2 WANs up; att: no carrier; no base");
}
END_TEST

START_TEST(metrics_of_a_site_in_trouble)
{
	_cleanup_(traffic_done) struct traffic traffic = {};
	char *text;

	make_trouble();
	probed_report(&probed, &report);
	report.trouble = strdup("the base ruleset is not loaded");
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

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_good_site_fits_at_a_glance);
	tcase_add_test(tcase, trouble_stands_under_the_table);
	tcase_add_test(tcase, long_names_and_odd_values_stay_aligned);
	tcase_add_test(tcase, no_wans_are_a_table_without_rows);
	tcase_add_test(tcase, summary_names_what_is_not_up);
	tcase_add_test(tcase, metrics_of_a_site_in_trouble);
	tcase_add_test(tcase, metrics_of_any_site_are_well_formed);
	tcase_add_test(tcase, what_could_not_be_read_is_left_out);
	return run_case(tcase, "status");
}
