// SPDX-License-Identifier: GPL-2.0-or-later
// What tests of health.json share: a file to write the report to.
// The file lies in a folder that each test makes and removes.

#include "status/report_file.h"

#include "base/fileio.h"

#include <check.h>
#include <errno.h>
#include <string.h>

char *path;
static char folder[] = "/tmp/mwan-report-XXXXXX";

void report_file_begin(void)
{
	probed_scene_begin();
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_gt(asprintf(&path, "%s/health.json", folder), 0);
}

void report_file_end(void)
{
	unlink(path);
	rmdir(folder);
	free(path);
	probed_scene_end();
}

/* The report, of which the first half of every kind of trouble is true. */
void make_rich(void)
{
	probed_fail(&probed, ATT, IPV6, 12);
	probed_lose(&probed, WEBPASS, IPV4, 1, 4);
	scene.site.facts.wans[WEBPASS].gateway[IPV4].via = (struct addr){};
	scene.site.npt.delegated[WEBPASS] = (struct prefix){};
	probed_report(&probed, &report);
	report.wans[ATT].family[IPV6].hold =
		(struct hold){ (NOW + 240) * UINT64_C(1000000) + 500000, 4, .lost = true };
	report.wans[ATT].drained = report.wans[WEBPASS].drained = true;
	report.wans[WEBPASS].drained_until = NOW + 7200;
}

char *as_json(const struct report *it)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_int_eq(report_print_json(it, f), 0);
	fclose(f);
	return text;
}

void write_text(const char *text)
{
	struct fault fault = {};

	ck_assert_msg(file_write(path, text, &fault) == 0, "%s", fault.text);
}

/* Reads the text as a file. Whatever it is, there is a report or words. */
int read_back(const char *text, struct report *ret, struct fault *fault)
{
	int r;

	write_text(text);
	r = report_read(path, ret, fault);
	ck_assert_msg(r == 0 || (r == -EINVAL && strstr(fault->text, path)), "%.2000s: %d, %s",
		      text, r, fault->text);
	return r;
}
