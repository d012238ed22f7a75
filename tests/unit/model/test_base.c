// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of what a base ruleset has lost.
// A listing of two chains is compared with itself after a change.

#include "model/base.h"

#include "base/util.h"
#include "suite.h"

#include <string.h>

#define FORWARD "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n"
#define RULES "\t\tjump exits\n\t\tcounter drop comment \"not ours\"\n"
#define INPUT "\tchain input {\n\t\tiifname \"lo\" accept\n\t}\n"
#define BASE FORWARD RULES "\t}\n" INPUT

static void expect(const char *now, const char *says)
{
	struct base_loss loss = {};
	bool holds = base_holds(now, BASE, &loss);

	ck_assert_int_eq(holds, says == NULL);
	ck_assert_str_eq(loss.s, says ? says : "");
}

START_TEST(what_is_lost_is_named)
{
	expect(BASE, NULL);
	expect(INPUT BASE, NULL);
	expect("", "chain forward of table inet filter is gone");
	expect(FORWARD RULES "\t}\n", "chain input of table inet filter is gone");
	expect(FORWARD "\t\tjump exits\n\t}\n" INPUT,
	       "chain forward of table inet filter has lost a rule");
	expect("\tchain forward {\n\t\ttype filter hook forward priority filter; policy "
	       "accept;\n" RULES "\t}\n" INPUT,
	       "chain forward of table inet filter has another hook, policy or type");
	expect("\tchain forward {\n" RULES "\t}\n" INPUT,
	       "chain forward of table inet filter has another hook, policy or type");
}
END_TEST

START_TEST(rules_of_others_matter_only_if_they_decide_on_every_packet)
{
	static const char *const harmless[] = { "jump own", "tcp dport 9100 accept", "counter",
						"log prefix \"x\"", "ip saddr 1.1.1.1 drop" };
	static const char *const decisive[] = {
		"accept", "counter accept", "counter drop",
		"return", "goto own",	    "reject with icmp port-unreachable"
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		snprintf(text, sizeof(text), FORWARD "\t\t%s\n" RULES "\t}\n" INPUT, harmless[i]);
		expect(text, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(decisive); i++) {
		snprintf(text, sizeof(text), FORWARD "\t\t%s\n" RULES "\t}\n" INPUT, decisive[i]);
		expect(text,
		       "chain forward of table inet filter has a new rule that decides on every "
		       "packet");
	}
}
END_TEST

START_TEST(base_that_forwards_by_rule_only_is_closed)
{
	ck_assert(base_is_closed(BASE));
	ck_assert(!base_is_closed(INPUT));
	ck_assert(
		!base_is_closed("\tchain forward {\n\t\ttype filter hook forward priority filter; "
				"policy accept;\n\t}\n"));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("base");

	tcase_add_test(tcase, what_is_lost_is_named);
	tcase_add_test(tcase, rules_of_others_matter_only_if_they_decide_on_every_packet);
	tcase_add_test(tcase, base_that_forwards_by_rule_only_is_closed);
	return run_case(tcase, "base");
}
