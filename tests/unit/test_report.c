/*
 * health.json: what stands in it, what comes back from it, and that nothing in such a file
 * can do harm.
 */
#include "fileio.h"
#include "probed.h"
#include "report_show.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

#define SEED 20261122

static struct scene scene;
static struct probed probed;
static struct report report;
static char folder[] = "/tmp/mwan-report-XXXXXX", *path;

static void set_up(void)
{
	scene_make(&scene, "contract");
	probed_make(&probed, &scene);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_gt(asprintf(&path, "%s/health.json", folder), 0);
}

static void tear_down(void)
{
	unlink(path);
	rmdir(folder);
	free(path);
	report_done(&report);
	probed_done(&probed);
	scene_done(&scene);
}

/* The report, of which the first half of every kind of trouble is true. */
static void make_rich(void)
{
	probed_fail(&probed, ATT, IPV6, 12);
	probed_lose(&probed, WEBPASS, IPV4, 1, 4);
	scene.facts.wans[WEBPASS].gateway[IPV4].via = (struct addr){};
	scene.npt.delegated[WEBPASS] = (struct prefix){};
	probed_report(&probed, &report);
}

static char *as_json(const struct report *it)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_int_eq(report_print_json(it, f), 0);
	fclose(f);
	return text;
}

static void write_file(const char *text)
{
	struct fault fault = {};

	ck_assert_msg(file_write(path, text, &fault) == 0, "%s", fault.text);
}

/* Reads the text as a file. Whatever it is, there is a report or words. */
static int read_back(const char *text, struct report *ret, struct fault *fault)
{
	int r;

	write_file(text);
	r = report_read(path, ret, fault);
	ck_assert_msg(r == 0 || (r == -EINVAL && strstr(fault->text, path)), "%.2000s: %d, %s",
		      text, r, fault->text);
	return r;
}

START_TEST(the_object_is_the_promised_one)
{
	make_rich();
	expect_golden("status", "health-json", as_json(&report));
}
END_TEST

START_TEST(what_is_written_comes_back)
{
	_cleanup_(report_done) struct report back = {};
	_cleanup_(freep) char *before = NULL, *after = NULL;
	struct fault fault = {};

	make_rich();
	report.time_us += 123000;
	report.trouble = strdup("the base ruleset is not loaded");
	ck_assert_msg(report_write(&report, path, &fault) == 0, "%s", fault.text);
	ck_assert_msg(report_read(path, &back, &fault) == 0, "%s", fault.text);
	before = as_json(&report);
	after = as_json(&back);
	ck_assert_str_eq(after, before);
	ck_assert_uint_eq(back.time_us, report.time_us);
	ck_assert_uint_eq(back.interval_us, report.interval_us);
	ck_assert_str_eq(back.trouble, report.trouble);

	for (size_t i = 0; i < report.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct family_report *a = &report.wans[i].family[family],
						   *b = &back.wans[i].family[family];

			ck_assert_int_eq(memcmp(&a->health, &b->health, sizeof(a->health)), 0);
			ck_assert_int_eq(addr_cmp(a->gateway, b->gateway), 0);
			ck_assert_int_eq(prefix_cmp(a->prefix, b->prefix), 0);
			for (size_t k = 0; k < a->n_targets; k++) {
				ck_assert_uint_eq(a->targets[k].window.n, b->targets[k].window.n);
				ck_assert_uint_eq(a->targets[k].window.lost,
						  b->targets[k].window.lost);
			}
		}
}
END_TEST

START_TEST(a_family_without_anything_says_so_by_leaving_out)
{
	_cleanup_(freep) char *text = NULL;

	scene.config.wans[ATT].gateway_mode[IPV6] = GATEWAY_NONE;
	scene_cut(&scene, WEBPASS);
	scene.npt.delegated[WEBPASS].len = 0;
	probed_state(&probed, WEBPASS, IPV6)->since = 0;
	probed_report(&probed, &report);
	text = as_json(&report);
	ck_assert_ptr_nonnull(strstr(text, "\"carrier\": true, \"ipv4\": {"));
	/* The only IPv6 there is, webpass's. */
	char *ipv6 = strstr(text, "\"ipv6\": {");

	ck_assert_ptr_nonnull(ipv6);
	ck_assert_ptr_null(strstr(ipv6 + 1, "\"ipv6\": {"));
	ck_assert_ptr_null(strstr(ipv6, "\"gateway\""));
	ck_assert_ptr_null(strstr(ipv6, "\"prefix\""));
	ck_assert_ptr_null(strstr(ipv6, "\"since\""));
}
END_TEST

START_TEST(numbers_are_short)
{
	_cleanup_(freep) char *text = NULL;

	probed_report(&probed, &report);
	report.wans[ATT].family[IPV4].share = 1.0 / 3;
	report.wans[ATT].family[IPV4].loss = 0.1;
	report.wans[ATT].family[IPV4].rtt_us = 2666.6666;
	report.wans[ATT].family[IPV6].rtt_us = 4294967295;
	text = as_json(&report);
	ck_assert_ptr_nonnull(strstr(text, "\"share\": 0.3333,"));
	ck_assert_ptr_nonnull(strstr(text, "\"loss\": 0.1, \"rtt_ms\": 2.67,"));
	ck_assert_ptr_nonnull(strstr(text, "\"rtt_ms\": 4294967.3,"));
}
END_TEST

START_TEST(words_in_another_encoding_are_written_all_the_same)
{
	_cleanup_(freep) char *text = NULL;

	probed_report(&probed, &report);
	report.wans[ATT].family[IPV4].trouble = strdup("http://caf\xe9/ \"does\" not\nanswer");
	text = as_json(&report);
	ck_assert_ptr_nonnull(strstr(text, "http://caf?/ \\\"does\\\" not\\nanswer"));
}
END_TEST

START_TEST(no_file_is_no_fault)
{
	struct fault fault = {};

	ck_assert_int_eq(report_read(path, &report, &fault), -ENOENT);
	ck_assert_str_eq(fault.text, "");
}
END_TEST

START_TEST(what_is_no_object_with_wans_is_refused_in_words)
{
	static const char *const texts[] = {
		"",	    "{",	  "[]",
		"null",	    "5",	  "{\"version\": 1}",
		"\xff\xfe", "{\"a\":1,}", "{\"wans\": {\"name\": 1}}"
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fault fault = {};

		ck_assert_int_eq(read_back(texts[i], &report, &fault), -EINVAL);
	}
}
END_TEST

START_TEST(members_of_another_kind_count_as_missing)
{
	struct fault fault = {};
	struct family_report *att;

	ck_assert_int_eq(
		read_back(
			"{\"version\": \"2\", \"time\": 5, \"interval_ms\": -1, \"wans\": [1, "
			"null, {},"
			"{\"name\": \"a name that is longer than any WAN's may be\"},"
			"{\"name\": \"att\", \"mark\": 99999999999, \"weight\": 1.5,"
			" \"interface\": \"longer.than.15.chars\", \"carrier\": 1,"
			" \"ipv4\": {\"state\": \"sideways\", \"eligible\": \"yes\", \"share\": 7,"
			"  \"since\": \"yesterday\", \"gateway\": \"here\", \"loss\": -0.5,"
			"  \"rtt_ms\": 1e300, \"failures\": -3, \"successes\": 1e3,"
			"  \"targets\": [{}, {\"target\": \"1.1.1.1\", \"window\": \"..?\","
			"   \"why\": 3}, \"x\"]},"
			" \"ipv6\": [], \"new\": {\"x\": 1}}]}",
			&report, &fault),
		0);
	ck_assert_uint_eq(report.time_us, 0);
	ck_assert_uint_eq(report.interval_us, 0);
	ck_assert_uint_eq(report.n_wans, 1);
	ck_assert_uint_eq(report.wans[0].mark, 0);
	ck_assert_uint_eq(report.wans[0].weight, 0);
	ck_assert_str_eq(report.wans[0].interface, "");
	ck_assert(!report.wans[0].carrier && !report.wans[0].family[IPV6].present);

	att = &report.wans[0].family[IPV4];
	ck_assert(att->present && !att->eligible && !att->has_gateway);
	ck_assert_int_eq(att->health.state, VERDICT_UNKNOWN);
	ck_assert_uint_eq(att->health.since + att->health.failures + att->health.successes, 0);
	ck_assert(att->share == 0 && att->loss == 0 && att->rtt_us == 0);
	ck_assert_uint_eq(att->n_targets, 1);
	ck_assert_uint_eq(att->targets[0].window.n, 0);
	ck_assert_ptr_null(att->targets[0].why);
}
END_TEST

/* Everything that is done with a report. */
static void use(const struct report *it)
{
	_cleanup_(fclosep) FILE *f = fopen("/dev/null", "w");

	report_print_table(it, NOW * UINT64_C(1000000), f);
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
		{ "{\"wans\":[", "0,", 5000000, "0]}" },
		{ "{\"wans\":[", "{\"name\":\"a\"},", 20000, "0]}" },
		{ "{\"wans\":[{\"name\":\"", "aaaaaaaaaa", 1000000, "\"}]}" },
		{ "{\"wans\":[{\"name\":\"a\",\"ipv4\":{\"targets\":[{\"target\":\"", "aaaaaaaaaa",
		  1000000, "\",\"window\":\"..\"}]}}]}" },
		{ "{\"wans\":[{\"name\":\"a\",\"ipv4\":{\"targets\":[{\"target\":\"a\",\"window\":"
		  "\"",
		  "..........", 1000000, "\"}]}}]}" },
		{ "{\"wans\":[{\"name\":\"a\",\"ipv4\":{\"targets\":[", "{\"target\":\"a\"},",
		  20000, "0]}}]}" },
		{ "{\"wans\":[],\"time\":\"2026-11-22T18:30:00.", "9999999999", 1000000, "Z\"}" },
	};
	_cleanup_(freep) char *text =
		repeat(shapes[_i].head, shapes[_i].middle, shapes[_i].n, shapes[_i].tail);
	struct fault fault = {};

	write_file(text);
	if (report_read(path, &report, &fault) == 0)
		use(&report);
	else
		ck_assert_ptr_nonnull(strstr(fault.text, path));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("report");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_object_is_the_promised_one);
	tcase_add_test(tcase, what_is_written_comes_back);
	tcase_add_test(tcase, a_family_without_anything_says_so_by_leaving_out);
	tcase_add_test(tcase, numbers_are_short);
	tcase_add_test(tcase, words_in_another_encoding_are_written_all_the_same);
	tcase_add_test(tcase, no_file_is_no_fault);
	tcase_add_test(tcase, what_is_no_object_with_wans_is_refused_in_words);
	tcase_add_test(tcase, members_of_another_kind_count_as_missing);
	tcase_add_test(tcase, no_damage_to_the_file_does_harm);
	tcase_add_loop_test(tcase, size_and_depth_do_no_harm, 0, 9);
	return run_case(tcase, "report");
}
