// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes health.json: reading it, showing it, and taking its verdicts.
// What was read is written and read again: then nothing may be different.

#include "fuzz.h"

#include "base/fileio.h"
#include "config/load.h"
#include "status/report.h"
#include "status/show.h"

#include <string.h>

#define NOW_US 1800000000000000ULL

static int read_report(const char *text, struct report *ret)
{
	const struct fuzz_file file = { "health.json", text };
	struct fault fault = {};
	int r;

	fuzz_set_files(&file, 1);
	r = report_read(HEALTH_PATH, ret, &fault);
	FUZZ_CHECK(r == 0 || (r == -EINVAL && *fault.text));
	return r;
}

static char *print(const struct report *report)
{
	struct memory out = {};
	char *text;

	FUZZ_CHECK(memory_open(&out) == 0);
	FUZZ_CHECK(report_print_json(report, out.f) == 0);
	FUZZ_CHECK(memory_close(&out, &text) == 0);
	return text;
}

static void show(const struct report *report)
{
	static const struct screen screens[] = { { 80, 24, false },
						 { 20, 5, true },
						 { 200, 60, true } };
	_cleanup_(traffic_done) struct traffic traffic = {};

	for (size_t i = 0; i < ARRAY_SIZE(screens); i++)
		report_print_screen(report, NOW_US, &screens[i], fuzz_sink());
	report_print_headline(report, NOW_US, HEADLINE_WIDTH, fuzz_sink());
	report_print_headline(report, 0, 40, fuzz_sink());
	traffic.wans = calloc(report->n_wans + 1, sizeof(*traffic.wans));
	FUZZ_CHECK(traffic.wans);
	report_print_metrics(report, &traffic, fuzz_sink());
}

static void take_verdicts(const struct report *report)
{
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	static struct config config;

	if (!config.path)
		FUZZ_CHECK(fuzz_config(fuzz_usual_config, &config) == 0);
	FUZZ_CHECK(report_verdicts(report, &config, &verdicts) == 0);
	for (size_t i = 0; i < config.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			FUZZ_CHECK(*verdict_name(verdicts.v[i][family]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_text(data, size), *written = NULL, *again = NULL;
	_cleanup_(report_done) struct report report = {}, same = {};

	if (read_report(text, &report) < 0)
		return 0;
	show(&report);
	take_verdicts(&report);
	written = print(&report);
	FUZZ_CHECK(read_report(written, &same) == 0);
	again = print(&same);
	FUZZ_CHECK(strcmp(written, again) == 0);
	return 0;
}
