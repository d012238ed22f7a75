// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the metrics.
// They are read as Prometheus reads them, and compared with tests/golden/status.

#include "probed_scene.h"
#include "status/show.h"
#include "status/shown.h"
#include "suite.h"

#include <regex.h>
#include <string.h>

static char *metrics(const struct traffic *traffic)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_print_metrics(&report, traffic, f);
	fclose(f);
	return text;
}

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

	shown_trouble();
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

	shown_long();
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
	TCase *tcase = tcase_create("metrics");

	tcase_add_checked_fixture(tcase, probed_scene_begin, probed_scene_end);
	tcase_add_test(tcase, metrics_of_a_site_in_trouble);
	tcase_add_test(tcase, metrics_of_any_site_are_well_formed);
	tcase_add_test(tcase, what_could_not_be_read_is_left_out);
	return run_case(tcase, "metrics");
}
