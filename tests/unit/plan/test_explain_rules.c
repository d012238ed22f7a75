// SPDX-License-Identifier: GPL-2.0-or-later
// What --explain says of flows that meet a [rule].
// The site is tests/golden/good-config/ruled.conf.

#include "plan/explained_flow.h"
#include "suite.h"

START_TEST(rule_gives_a_flow_its_own_wans)
{
	explain_end();
	scene_make(&scene, "ruled");
	expect(flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 5060), EXPLAIN_OUT, "webpass");
	expect_rule("voice");
	expect_why("[rule voice] matches: wans = webpass");
	expect_why("not att: [rule voice] does not name it");
	expect(flow_of("10.250.250.2", "1.1.1.1", IPPROTO_TCP, 4000, 5060), EXPLAIN_OUT,
	       got.number < 5000 ? "att" : "webpass");
	expect_rule("none");
	/* Its mode is another, so ports don't matter. */
	expect(query_of("10.250.250.3", "1.1.1.1"), EXPLAIN_OUT, "webpass");
	ck_assert(got.drawn);
	expect_rule("client");
	expect(query_of("3d06:bad:b01:1::5", "2001:db8::25"), EXPLAIN_OUT, "att");
	expect_rule("mail");
}
END_TEST

START_TEST(rule_whose_wans_are_down_is_refused_or_balanced)
{
	struct flow_query voice = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 5060);
	_cleanup_(explanation_done) struct explanation without = {};

	explain_end();
	scene_make(&scene, "ruled");
	expect(voice, EXPLAIN_OUT, "webpass");
	ck_assert_int_eq(explain_without(&scene.site, &voice, WEBPASS, &without), 0);
	ck_assert_uint_eq(without.n_ways, 0);
	scene.site.verdicts.v[WEBPASS][IPV4] = VERDICT_DOWN;
	expect(voice, EXPLAIN_REFUSED, "");
	expect_why("no WAN of [rule voice] takes new flows");
	scene.site.verdicts.v[WEBPASS][IPV4] = VERDICT_UP;
	scene.site.verdicts.v[ATT][IPV4] = VERDICT_DOWN;
	expect(query_of("10.250.250.2", "192.0.2.25"), EXPLAIN_OUT, "webpass");
	expect_rule("mail");
	expect_why("so others do (otherwise = balance)");
}
END_TEST

START_TEST(rule_that_asks_for_what_is_not_known_is_named)
{
	struct flow_query query = query_of("10.250.250.2", "1.1.1.1");

	explain_end();
	scene_make(&scene, "ruled");
	expect(query, EXPLAIN_OUT, "att webpass");
	expect_rule("none");
	expect_why("unless [rule urgent] matches, which also asks for dscp");
	expect_why("unless [rule voice] matches, which also asks for protocol, dport");
	query.flow.protocol = IPPROTO_TCP;
	query.has_protocol = true;
	expect(query, EXPLAIN_OUT, "att webpass");
	for (size_t i = 0; i < got.why.n; i++)
		ck_assert_ptr_null(strstr(got.why.v[i], "voice"));
}
END_TEST

/* "att webpass": those that it may get; decides with the scene as it is now. */
static const char *may_get(struct flow_query query)
{
	static const char *const words[] = { "", "att", "webpass", "att webpass" };

	ck_assert_int_eq(selections_make(&scene.site), 0);
	return words[explain_may_get(&scene.site, &query, ATT) +
		     2 * explain_may_get(&scene.site, &query, WEBPASS)];
}

START_TEST(flow_may_get_what_its_rule_or_one_that_could_match_gives)
{
	struct flow_query voice = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 5060);
	struct flow_query mail = flow_of("10.250.250.2", "192.0.2.25", IPPROTO_TCP, 4000, 25);
	struct flow_query other = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_TCP, 4000, 443);
	struct flow_query stranger = flow_of("10.250.250.4", "1.1.1.1", IPPROTO_TCP, 4000, 443);

	explain_end();
	scene_make(&scene, "ruled");
	scene.config.wans[WEBPASS].tier = 2;
	/* [rule urgent] leads to att what has a DSCP that nobody knows afterwards. */
	ck_assert_str_eq(may_get(voice), "att webpass");
	ck_assert_str_eq(may_get(mail), "att");
	ck_assert_str_eq(may_get(other), "att");
	ck_assert_str_eq(may_get(stranger), ""); /* nobody translates it */

	scene.config.rules[0].policy = scene.config.rules[1].policy;
	ck_assert_str_eq(may_get(mail), "att webpass");
	ck_assert_str_eq(may_get(other), "att webpass");

	explain_end();
	scene_make(&scene, "ruled");
	scene.site.verdicts.v[ATT][IPV4] = VERDICT_DOWN;
	ck_assert_str_eq(may_get(mail), "webpass");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("explain_rules");

	tcase_add_checked_fixture(tcase, explain_begin, explain_end);
	tcase_add_test(tcase, rule_gives_a_flow_its_own_wans);
	tcase_add_test(tcase, rule_whose_wans_are_down_is_refused_or_balanced);
	tcase_add_test(tcase, rule_that_asks_for_what_is_not_known_is_named);
	tcase_add_test(tcase, flow_may_get_what_its_rule_or_one_that_could_match_gives);
	return run_case(tcase, "explain_rules");
}
