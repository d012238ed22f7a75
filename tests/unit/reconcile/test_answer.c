// SPDX-License-Identifier: GPL-2.0-or-later
// What --explain prints: tests/golden/explain.
// With MWAN_UPDATE_GOLDEN=1 the files are written instead of compared.

#include "reconcile/answer.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

static struct scene scene;
static struct flow_query query;
static struct answer answer;

static void set_up(void)
{
	scene_make(&scene, "contract");
}

static void tear_down(void)
{
	answer_done(&answer);
	scene_done(&scene);
}

/* The answer for a flow; without protocol: 0. */
static void ask(const char *source, const char *destination, uint8_t protocol, uint16_t sport,
		uint16_t dport)
{
	query = (struct flow_query){
		.flow = { .family = strchr(source, ':') ? IPV6 : IPV4,
			  .source = an_addr(source),
			  .destination = an_addr(destination),
			  .protocol = protocol,
			  .sport = sport,
			  .dport = dport },
		.has_protocol = protocol != 0,
		.has_sport = protocol != 0,
		.has_dport = dport != 0,
	};
	answer.site = &scene.site;
	answer.query = &query;
	answer.flaw = "";
	ck_assert_int_eq(selections_make(&scene.site), 0);
	ck_assert_int_eq(answer_decide(&answer), 0);
}

static void expect(const char *name)
{
	_cleanup_(freep) char *json_name = NULL;
	char *text = NULL, *json = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	answer_print(&answer, f);
	fclose(f);
	f = open_memstream(&json, &size);
	ck_assert_int_eq(answer_print_json(&answer, f), 0);
	fclose(f);
	ck_assert_int_gt(asprintf(&json_name, "%s-json", name), 0);
	expect_golden("explain", name, text);
	expect_golden("explain", json_name, json);
}

/* A flow from 10.250.250.2 that is on att. */
static struct known_flow some_flow(uint16_t sport)
{
	struct addr server = an_addr("1.1.1.1");

	return (struct known_flow){
		.there = { an_addr("10.250.250.2"), server, IPPROTO_UDP, sport, 53 },
		.back = { server, an_addr("104.57.226.193"), IPPROTO_UDP, 53, sport },
		.mark = 1,
		.timeout_s = 118,
		.answered = true,
	};
}

static void add_flow(struct known_flow flow)
{
	ck_assert_int_eq(APPEND(answer.flows.v, answer.flows.n, flow), 0);
}

START_TEST(a_new_flow_and_where_it_would_go_instead)
{
	ask("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 53);
	answer.due = true;
	answer.flaw = "att: 2001:db8::/64 is too small";
	expect("new");
	ck_assert(answer_has_way(&answer));
}
END_TEST

START_TEST(flows_without_ports_have_shares)
{
	ask("3d06:bad:b01:1::5", "2606:4700:4700::1111", 0, 0, 0);
	expect("shares");
}
END_TEST

START_TEST(a_flow_that_is_there_says_what_it_has)
{
	struct known_flow flow = some_flow(4000);

	scene.site.verdicts.v[ATT][IPV4] = VERDICT_DOWN;
	add_flow(flow);
	answer.one = &answer.flows.v[0];
	ask("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 53);
	expect("exists");
	answer.flows.v[0].begin_ns = clock_us(CLOCK_REALTIME) * 1000 - UINT64_C(245000000000);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	answer_print(&answer, f);
	fclose(f);
	ck_assert_ptr_nonnull(strstr(text, "begun 4 min ago"));
	ck_assert_ptr_null(strstr(text, "sysctl"));
	free(text);
}
END_TEST

START_TEST(of_many_flows_some_are_named)
{
	ask("10.250.250.2", "1.1.1.1", 0, 0, 0);
	for (uint16_t i = 0; i < 10; i++)
		add_flow(some_flow(4000 + i));
	answer.flows.v[1].mark = 9;
	answer.flows.v[1].answered = false;
	answer.flows.v[2].zone = 1;
	expect("flows");
}
END_TEST

START_TEST(a_rule_is_named)
{
	tear_down();
	scene_make(&scene, "ruled");
	ask("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 5060);
	expect("rule");
}
END_TEST

START_TEST(what_comes_in_is_led_inside)
{
	ask("1.1.1.1", "136.25.91.243", IPPROTO_TCP, 50000, 443);
	expect("inbound");
}
END_TEST

START_TEST(where_there_is_no_way_it_says_why)
{
	scene.config.all_down_unreachable = true;
	scene_cut(&scene, WEBPASS);
	scene.site.verdicts.v[ATT][IPV4] = VERDICT_DOWN;
	ask("10.250.250.2", "1.1.1.1", IPPROTO_TCP, 50000, 443);
	expect("refused");
	ck_assert(!answer_has_way(&answer));
}
END_TEST

START_TEST(while_nothing_is_forwarded_there_is_no_way)
{
	answer.stopped = strdup("the base ruleset can't be loaded");
	ask("10.250.250.2", "1.1.1.1", IPPROTO_TCP, 50000, 443);
	expect("stopped");
	ck_assert(!answer_has_way(&answer));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("answer");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_new_flow_and_where_it_would_go_instead);
	tcase_add_test(tcase, flows_without_ports_have_shares);
	tcase_add_test(tcase, a_flow_that_is_there_says_what_it_has);
	tcase_add_test(tcase, of_many_flows_some_are_named);
	tcase_add_test(tcase, a_rule_is_named);
	tcase_add_test(tcase, what_comes_in_is_led_inside);
	tcase_add_test(tcase, where_there_is_no_way_it_says_why);
	tcase_add_test(tcase, while_nothing_is_forwarded_there_is_no_way);
	return run_case(tcase, "answer");
}
