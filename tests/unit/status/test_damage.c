// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of files of reports that are damaged, huge or deep: none does harm.
// What can be read is written and read again, and has to be the same then.

#include "status/report_file.h"
#include "suite.h"

#include <string.h>

#define SEED 20261122

/* Everything that is done with a report. */
static void use(const struct report *it)
{
	const struct screen screen = { 80, 24, .colour = true };
	_cleanup_(fclosep) FILE *f = fopen("/dev/null", "w");

	report_print_screen(it, NOW * UINT64_C(1000000), &screen, f);
	report_print_metrics(it, NULL, f);
	for (size_t i = 0; i < it->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct family_report *one = &it->wans[i].family[family];

			ck_assert(one->share >= 0 && one->share <= 1);
			ck_assert(one->loss >= 0 && one->loss <= 1);
			ck_assert(one->rtt_us >= 0 && one->rtt_us <= UINT32_MAX);
		}
}

/* Replaces some of the text by other bytes, or by another value. */
static void damage(char **text)
{
	static const char *const values[] = {
		"null",
		"true",
		"-1",
		"1e308",
		"-1e308",
		"0.5",
		"9223372036854775807",
		"-9223372036854775808",
		"99999999999999999999",
		"\"\"",
		"\"x\"",
		"[]",
		"{}",
		"[[[[]]]]",
		"\"9999-99-99T99:99:99.999999999999Z\"",
		"\"0000-01-01T00:00:00Z\"",
		"\"9999-12-31T23:59:59.9Z\"",
		"\"fe80::1\"",
		"\"1.2.3.4\"",
		"\"::/999\"",
		"\"link\"",
		"\"....................x\"",
		"\"\\u0000\"",
		"\"\\ud83d\\ude00\"",
		"\"\x1b[2J\"",
	};
	size_t len = strlen(*text), at = random() % len;
	char *colon, *end, *changed;

	if (random() % 3 == 0) {
		(*text)[at] = (char)(1 + random() % 255);
		return;
	}
	if (random() % 10 == 0) {
		(*text)[at] = '\0';
		return;
	}
	colon = strstr(*text + at, ": ");
	if (!colon)
		return;
	end = colon + 2 + strcspn(colon + 2, ",}]");
	colon[2] = '\0';
	ck_assert_int_gt(
		asprintf(&changed, "%s%s%s", *text, values[random() % ARRAY_SIZE(values)], end), 0);
	free(*text);
	*text = changed;
}

START_TEST(no_damage_to_the_file_does_harm)
{
	_cleanup_(freep) char *good = NULL;
	unsigned readable = 0;

	make_rich();
	good = as_json(&report);
	srandom(SEED);
	for (int i = 0; i < 3000; i++) {
		_cleanup_(report_done) struct report first = {}, second = {};
		_cleanup_(freep) char *text = strdup(good), *once = NULL, *twice = NULL;
		struct fault fault = {};

		for (long n = 1 + random() % 4; n > 0 && *text; n--)
			damage(&text);
		if (read_back(text, &first, &fault) < 0)
			continue;
		readable++;
		use(&first);
		/* What could be read is written as it was understood. */
		once = as_json(&first);
		ck_assert_msg(read_back(once, &second, &fault) == 0, "seed %d, %d: %s", SEED, i,
			      fault.text);
		twice = as_json(&second);
		size_t same = 0;

		while (once[same] && once[same] == twice[same])
			same++;
		ck_assert_msg(once[same] == twice[same], "seed %d, %d: %.200s becomes %.200s", SEED,
			      i, once + same, twice + same);
	}
	ck_assert_uint_gt(readable, 500);
}
END_TEST

/* The text between `head` and `tail`, n times. */
static char *repeat(const char *head, const char *middle, size_t n, const char *tail)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fputs(head, f);
	for (size_t i = 0; i < n; i++)
		fputs(middle, f);
	fputs(tail, f);
	fclose(f);
	return text;
}

START_TEST(size_and_depth_do_no_harm)
{
	static const struct {
		const char *head, *middle;
		size_t n;
		const char *tail;
	} shapes[] = {
		{ "{\"wans\":", "[", 5000000, "" },
		{ "{\"wans\":[", "{\"a\":", 1000000, "" },
		{ "{\"wans\":[", "0,", 500000, "0]}" },
		{ "{\"wans\":[", "{\"name\":\"a\"},", 2000, "0]}" },
		{ "{\"wans\":[{\"name\":\"", "aaaaaaaaaa", 1000000, "\"}]}" },
		{ "{\"wans\":[{\"name\":\"a\",\"ipv4\":{\"targets\":[{\"target\":\"", "aaaaaaaaaa",
		  1000000, "\",\"window\":\"..\"}]}}]}" },
		{ "{\"wans\":[{\"name\":\"a\",\"ipv4\":{\"targets\":[{\"target\":\"a\",\"window\":"
		  "\"",
		  "..........", 1000000, "\"}]}}]}" },
		{ "{\"wans\":[{\"name\":\"a\",\"ipv4\":{\"targets\":[", "{\"target\":\"a\"},", 2000,
		  "0]}}]}" },
		{ "{\"wans\":[],\"time\":\"2026-11-22T18:30:00.", "9999999999", 1000000, "Z\"}" },
	};
	_cleanup_(freep) char *text =
		repeat(shapes[_i].head, shapes[_i].middle, shapes[_i].n, shapes[_i].tail);
	struct fault fault = {};

	write_text(text);
	if (report_read(path, &report, &fault) == 0)
		use(&report);
	else
		ck_assert_ptr_nonnull(strstr(fault.text, path));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("damage");

	tcase_add_checked_fixture(tcase, report_file_begin, report_file_end);
	tcase_add_test(tcase, no_damage_to_the_file_does_harm);
	tcase_add_loop_test(tcase, size_and_depth_do_no_harm, 0, 9);
	return run_case(tcase, "damage");
}
