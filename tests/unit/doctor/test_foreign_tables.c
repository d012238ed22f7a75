// SPDX-License-Identifier: GPL-2.0-or-later
// What the doctor says of others' tables in nftables.
// Listings stand here as nft prints them; findings are compared by their kinds.

#include "doctor/foreign_tables.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

static struct scene scene;
static struct diagnosis diagnosis;

static void set_up(void)
{
	scene_make(&scene, "contract");
	diagnosis = (struct diagnosis){ .topic = "test" };
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	scene_done(&scene);
}

/* Of that kind, with a fix, and nothing else. */
static void expect_one(enum severity severity, const char *kind)
{
	ck_assert_uint_eq(diagnosis.n, 1);
	ck_assert_int_eq(diagnosis.v[0].severity, severity);
	ck_assert_str_eq(diagnosis.v[0].kind, kind);
	ck_assert_ptr_nonnull(diagnosis.v[0].fix);
}

START_TEST(tables_of_iptables_are_understood)
{
	static const char listing[] =
		"table inet mangle {\n\tchain prerouting {\n"
		"\t\ttype filter hook prerouting priority mangle; policy accept;\n"
		"\t\tmeta mark set ct mark\n\t}\n}\n"
		"table ip mangle {\n\tchain MINE {\n\t\tip saddr 10.250.250.3 counter xt target "
		"\"MARK\"\n\t}\n\n"
		"\tchain PREROUTING {\n\t\ttype filter hook prerouting priority mangle; policy "
		"accept;\n\t\tcounter jump MINE\n\t}\n}\n";

	foreign_tables_check(listing, &scene.config, NULL, &diagnosis);
	expect_one(FINDING_WRONG, "table-marks");
}
END_TEST

START_TEST(docker_forwards_nothing_by_default_and_that_is_the_worst_of_it)
{
	static const char listing[] =
		"table ip filter {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1 }\n"
		"\t}\n\n\tchain DOCKER {\n\t\tip daddr 172.17.0.2 counter drop\n\t}\n\n"
		"\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n"
		"\t\tcounter jump DOCKER\n\t}\n}\n"
		"table ip dockernat {\n\tchain POSTROUTING {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\toifname != \"docker0\" ip saddr 172.17.0.0/16 counter masquerade\n\t}\n}\n";

	foreign_tables_check(listing, &scene.config, NULL, &diagnosis);
	ck_assert_uint_eq(diagnosis.n, 2);
	ck_assert_str_eq(diagnosis.v[0].kind, "table-translates-some");
	ck_assert_str_eq(diagnosis.v[1].kind, "table-drops");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[1].text, "Docker drops"));
	ck_assert_ptr_nonnull(strstr(diagnosis.v[1].fix,
				     "systemctl restart docker && nft delete table ip filter`"));
}
END_TEST

START_TEST(docker_beside_what_forwards_already_is_noted)
{
	static const char listing[] =
		"table ip filter {\n\tchain DOCKER {\n\t\toifname \"docker0\" counter drop\n\t}\n\n"
		"\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\tcounter jump DOCKER\n\t}\n}\n";

	foreign_tables_check(listing, &scene.config, NULL, &diagnosis);
	expect_one(FINDING_NOTE, "table-docker");
}
END_TEST

#define UFW(family, on)                                                                            \
	"table " family " filter {\n\tchain ufw6-before-forward {\n" on "\t}\n\n"                  \
	"\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy "

START_TEST(tables_of_one_program_are_one_finding)
{
	static const char on[] =
		UFW("ip", "\t\tcounter jump ufw6-user-forward\n") "drop;\n\t}\n}\n" UFW(
			"ip6", "\t\tcounter jump ufw-user-forward\n") "drop;\n\t}\n}\n";
	static const char off[] = UFW("ip", "") "accept;\n\t}\n}\n";

	foreign_tables_check(off, &scene.config, NULL, &diagnosis);
	ck_assert_uint_eq(diagnosis.n, 0);
	foreign_tables_check(on, &scene.config, NULL, &diagnosis);
	expect_one(FINDING_WRONG, "table-drops");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "(table ip filter, table ip6 filter)"));
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "`ufw disable`"));
}
END_TEST

START_TEST(what_no_packet_comes_to_does_no_harm)
{
	static const char listing[] =
		"table inet idle {\n\tchain c {\n\t\tmeta mark set 0x00000001\n\t}\n}\n"
		"table inet local {\n\tchain c {\n"
		"\t\ttype filter hook input priority filter; policy drop;\n"
		"\t\ttcp dport 22 accept\n\t}\n}\n";

	foreign_tables_check(listing, NULL, NULL, &diagnosis);
	foreign_tables_check("", &scene.config, NULL, &diagnosis);
	ck_assert_uint_eq(diagnosis.n, 0);
}
END_TEST

/* A table with one chain of that hook, and one rule. */
static void look_at_rule(const char *hook, const char *rule)
{
	char listing[512];

	diagnosis_done(&diagnosis);
	snprintf(listing, sizeof(listing),
		 "table inet other {\n\tchain c {\n\t\ttype filter hook %s\n\t\t%s\n\t}\n}\n", hook,
		 rule);
	foreign_tables_check(listing, &scene.config, NULL, &diagnosis);
}

#define ANY_FORWARD "forward priority filter; policy accept;"
#define ANY_PREROUTING "prerouting priority raw; policy accept;"

START_TEST(drops_are_found_wherever_forwarded_packets_pass)
{
	static const char *const hooks[] = {
		"forward priority filter; policy drop;",
		"prerouting priority raw; policy drop;",
		"postrouting priority filter; policy drop;",
		"ingress device \"enatt0.3242\" priority filter; policy drop;",
	};

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		look_at_rule(hooks[i], "tcp dport 22 accept");
		expect_one(FINDING_WRONG, "table-drops");
	}
	look_at_rule("ingress device \"eth9\" priority filter; policy drop;", "accept");
	ck_assert_uint_eq(diagnosis.n, 0);
	look_at_rule(ANY_FORWARD, "counter reject with icmp type net-unreachable");
	expect_one(FINDING_WRONG, "table-drops");
	look_at_rule(ANY_FORWARD, "tcp dport 25 counter xt target \"REJECT\"");
	expect_one(FINDING_NOTE, "table-drops-some");
}
END_TEST

START_TEST(flows_that_nobody_tracks_have_no_wan)
{
	look_at_rule(ANY_PREROUTING, "notrack");
	expect_one(FINDING_WRONG, "table-untracks");
	look_at_rule(ANY_PREROUTING, "udp dport 53 notrack");
	expect_one(FINDING_NOTE, "table-untracks-some");
}
END_TEST

START_TEST(names_and_comments_are_no_verdicts)
{
	look_at_rule(ANY_FORWARD,
		     "oifname \"dropbox0\" accept comment \"do not drop, or mark set 1\"");
	ck_assert_uint_eq(diagnosis.n, 0);
}
END_TEST

START_TEST(translation_on_the_way_to_a_tunnel_is_not_ahead_of_a_wan)
{
	static const struct {
		const char *kind, *rule;
	} rules[] = {
		{ "table-translates-some", "oifname \"wg0\" masquerade" },
		{ "table-translates-some", "oifname { \"wg0\", \"tun1\" } masquerade" },
		{ "table-translates", "oifname { \"wg0\", \"enwebpass0\" } masquerade" },
		{ "table-translates", "oifname \"enwebpass0\" masquerade" },
		{ "table-translates", "oifname \"en*\" masquerade" },
		{ "table-translates", "oifname != \"lo\" masquerade" },
		{ "table-translates", "masquerade" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		look_at_rule("postrouting priority srcnat; policy accept;", rules[i].rule);
		ck_assert_uint_eq(diagnosis.n, 1);
		ck_assert_str_eq(diagnosis.v[0].kind, rules[i].kind);
	}
}
END_TEST

START_TEST(table_that_is_switched_off_does_no_harm)
{
	static const char listing[] =
		"table inet other {\n\tflags dormant\n\n\tchain c {\n"
		"\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";

	foreign_tables_check(listing, &scene.config, NULL, &diagnosis);
	ck_assert_uint_eq(diagnosis.n, 0);
}
END_TEST

START_TEST(chain_that_is_jumped_to_may_stand_first)
{
	static const char listing[] =
		"table inet other {\n\tchain bad {\n\t\tcounter drop\n\t}\n\n\tchain c {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\ttcp dport 25 jump bad\n\t}\n}\n";

	foreign_tables_check(listing, &scene.config, NULL, &diagnosis);
	expect_one(FINDING_NOTE, "table-drops-some");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("foreign tables");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, tables_of_iptables_are_understood);
	tcase_add_test(tcase, docker_forwards_nothing_by_default_and_that_is_the_worst_of_it);
	tcase_add_test(tcase, docker_beside_what_forwards_already_is_noted);
	tcase_add_test(tcase, tables_of_one_program_are_one_finding);
	tcase_add_test(tcase, what_no_packet_comes_to_does_no_harm);
	tcase_add_test(tcase, drops_are_found_wherever_forwarded_packets_pass);
	tcase_add_test(tcase, flows_that_nobody_tracks_have_no_wan);
	tcase_add_test(tcase, names_and_comments_are_no_verdicts);
	tcase_add_test(tcase, translation_on_the_way_to_a_tunnel_is_not_ahead_of_a_wan);
	tcase_add_test(tcase, table_that_is_switched_off_does_no_harm);
	tcase_add_test(tcase, chain_that_is_jumped_to_may_stand_first);
	return run_case(tcase, "foreign tables");
}
