// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of health.json: what stands in it and what comes back from it.
// Each writes or reads one in a folder of its own.

#include "base/fileio.h"
#include "probed_scene.h"
#include "status/report_file.h"
#include "status/show.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

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
	report.lan.router4 = PRESENCE_MISSED;
	report.wans[1].family[IPV6].degraded = true;
	report.time_us += 123000;
	report.trouble = strdup("the base ruleset is not loaded");
	ck_assert_int_eq(report_add_trouble(&report, "LAN", "no carrier", "check the cable"), 0);
	ck_assert_int_eq(report_add_trouble(&report, "networkd", "silent", NULL), 0);
	ck_assert_msg(report_write(&report, path, &fault) == 0, "%s", fault.text);
	ck_assert_msg(report_read(path, &back, &fault) == 0, "%s", fault.text);
	before = as_json(&report);
	after = as_json(&back);
	ck_assert_str_eq(after, before);
	ck_assert_uint_eq(back.time_us, report.time_us);
	ck_assert_uint_eq(back.interval_us, report.interval_us);
	ck_assert_str_eq(back.trouble, report.trouble);
	ck_assert_str_eq(back.lan.interface, "enmwanbr0");
	ck_assert_int_eq(back.lan.router4, PRESENCE_MISSED);
	ck_assert_int_eq(addr_cmp(back.lan.linklocal, report.lan.linklocal), 0);
	ck_assert_uint_eq(back.n_troubles, 2);
	ck_assert_str_eq(back.troubles[0].who, "LAN");
	ck_assert_str_eq(back.troubles[0].trouble.what, "no carrier: check the cable");

	ck_assert(back.wans[ATT].drained && back.wans[ATT].drained_until == 0);
	ck_assert(back.wans[WEBPASS].drained && back.wans[WEBPASS].drained_until == NOW + 7200);

	for (size_t i = 0; i < report.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct family_report *a = &report.wans[i].family[family],
						   *b = &back.wans[i].family[family];

			ck_assert_int_eq(memcmp(&a->health, &b->health, sizeof(a->health)), 0);
			ck_assert_int_eq(a->condition.obstacle, b->condition.obstacle);
			ck_assert_uint_eq(a->condition.since, b->condition.since);
			ck_assert_uint_eq(a->condition.out, b->condition.out);
			ck_assert_uint_eq(a->hold.until_us, b->hold.until_us);
			ck_assert_uint_eq(a->hold.times, b->hold.times);
			ck_assert_int_eq(a->hold.lost, b->hold.lost);
			ck_assert_int_eq(addr_cmp(a->gateway, b->gateway), 0);
			ck_assert_int_eq(addr_cmp(a->address, b->address), 0);
			ck_assert(a->degraded == b->degraded);
			ck_assert_uint_eq(a->interval_us, b->interval_us);
			ck_assert_int_eq(prefix_cmp(a->prefix, b->prefix), 0);
			for (size_t k = 0; k < a->n_targets; k++) {
				ck_assert_uint_eq(a->targets[k].window.n, b->targets[k].window.n);
				ck_assert_uint_eq(a->targets[k].window.lost,
						  b->targets[k].window.lost);
				ck_assert_int_eq(a->targets[k].failure, b->targets[k].failure);
			}
		}
}
END_TEST

START_TEST(a_family_without_anything_says_so_by_leaving_out)
{
	_cleanup_(freep) char *text = NULL;

	scene.config.wans[ATT].gateway_mode[IPV6] = GATEWAY_NONE;
	scene_cut(&scene, WEBPASS);
	scene.site.npt.delegated[WEBPASS].len = 0;
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
	ck_assert_ptr_nonnull(strstr(ipv6, "\"share\": 0.0, \"condition\": {\"obstacle\": "));
	ck_assert_ptr_nonnull(strstr(text, "\"condition\": {\"since\": "));
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
	report.wans[ATT].family[IPV4].trouble.what = strdup("http://caf\xe9/ \"does\" not\nanswer");
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
			"   \"why\": 3, \"failure\": \"boredom\"}, \"x\"]},"
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
	ck_assert_int_eq(att->targets[0].failure, FAILURE_UNKNOWN);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("report");

	tcase_add_checked_fixture(tcase, report_file_begin, report_file_end);
	tcase_add_test(tcase, the_object_is_the_promised_one);
	tcase_add_test(tcase, what_is_written_comes_back);
	tcase_add_test(tcase, a_family_without_anything_says_so_by_leaving_out);
	tcase_add_test(tcase, numbers_are_short);
	tcase_add_test(tcase, words_in_another_encoding_are_written_all_the_same);
	tcase_add_test(tcase, no_file_is_no_fault);
	tcase_add_test(tcase, what_is_no_object_with_wans_is_refused_in_words);
	tcase_add_test(tcase, members_of_another_kind_count_as_missing);
	return run_case(tcase, "report");
}
