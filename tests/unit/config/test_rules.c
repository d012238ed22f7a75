// SPDX-License-Identifier: GPL-2.0-or-later
// Rules: which flows each matches, whose WANs it uses, and what its files may be.
// The mistakes are among those of tests/golden/bad-config.golden.

#include "suite.h"
#include "written.h"

#include "config/match.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAN6 LAN "prefix6 = 3d06:bad:b01::/60\nrouter6 = 3d06:bad:b01:fe::2\n"
#define WANS                                                                                       \
	ATT "nat4 = masquerade\n"                                                                  \
	    "[wan webpass]\ninterface = wan1\nmark = 2\ntable = 200\nnat4 = masquerade\n"

static const char *const first4 = "10.250.250.2", *const first6 = "3d06:bad:b01::2";

/* The name of the rule that the flow meets, or "none". */
static const char *met(const struct config *config, const char *source, const char *destination,
		       uint8_t protocol, uint16_t sport, uint16_t dport, uint8_t dscp)
{
	struct flow flow = { .family = strchr(source, ':') ? IPV6 : IPV4,
			     .protocol = protocol,
			     .sport = sport,
			     .dport = dport,
			     .dscp = dscp };
	const struct rule_conf *rule;

	ck_assert_int_eq(addr_parse(source, AF_UNSPEC, &flow.source), 0);
	ck_assert_int_eq(addr_parse(destination, AF_UNSPEC, &flow.destination), 0);
	rule = rule_match(config, &flow);
	return rule ? rule->name : "none";
}

static void write_list(const char *name, const char *text)
{
	_cleanup_(fclosep) FILE *file = fopen(name, "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
}

START_TEST(the_first_rule_that_matches_in_all_of_its_keys_counts)
{
	_cleanup_(config_done) struct config config = load_text(
		LAN6 WANS "[rule sip]\nprotocol = udp\ndport = 5060-5061, 10000-20000\nwans = att\n"
			  "[rule dns]\ndport = 53\nsport = 1024-65535\nwans = att\n"
			  "[rule tv]\nsource = 10.250.250.4/31, 3d06:bad:b01:4::/64\nwans = att\n"
			  "[rule ping]\nprotocol = icmp\nwans = att\n"
			  "[rule class]\ndscp = ef, 9\nwans = att\n"
			  "[rule four]\ndestination = 192.0.2.0/24, 192.0.2.128/25\nwans = att\n"
			  "[rule tunnels]\nprotocol = esp, 47\nwans = att\n");

	ck_assert_str_eq(met(&config, first4, "192.0.2.1", 17, 9, 5061, 0), "sip");
	ck_assert_str_eq(met(&config, first6, "2001:db8::1", 17, 9, 20000, 0), "sip");
	ck_assert_str_eq(met(&config, first4, "192.0.2.1", 17, 9, 5062, 0), "four");
	ck_assert_str_eq(met(&config, first4, "192.0.2.1", 6, 9, 5060, 0), "four");

	/* Ports without a protocol: TCP and UDP, and no other. */
	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 6, 1024, 53, 0), "dns");
	ck_assert_str_eq(met(&config, first6, "2001:db8::1", 17, 65535, 53, 0), "dns");
	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 132, 1024, 53, 0), "none");
	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 6, 1023, 53, 0), "none");

	ck_assert_str_eq(met(&config, "10.250.250.5", "8.8.8.8", 6, 9, 80, 0), "tv");
	ck_assert_str_eq(met(&config, "3d06:bad:b01:4::9", "2001:db8::1", 6, 9, 80, 0), "tv");
	ck_assert_str_eq(met(&config, "10.250.250.3", "8.8.8.8", 6, 9, 80, 0), "none");

	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 1, 0, 0, 0), "ping");
	ck_assert_str_eq(met(&config, first6, "2001:db8::1", 58, 0, 0, 0), "ping");
	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 58, 0, 0, 0), "none");

	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 6, 9, 80, 46), "class");
	ck_assert_str_eq(met(&config, first6, "2001:db8::1", 6, 9, 80, 9), "class");
	ck_assert_str_eq(met(&config, first4, "8.8.8.8", 6, 9, 80, 8), "none");

	ck_assert_str_eq(met(&config, first4, "192.0.2.255", 50, 0, 0, 0), "four");
	ck_assert_str_eq(met(&config, first4, "192.0.3.0", 50, 0, 0, 0), "tunnels");
	ck_assert_str_eq(met(&config, first6, "2001:db8::1", 47, 0, 0, 0), "tunnels");
}
END_TEST

START_TEST(rules_that_say_the_same_of_wans_share_a_policy)
{
	_cleanup_(config_done) struct config config =
		load_text(LAN6 WANS "[balance]\nmode = source\n"
				    "[rule a]\ndport = 1\nwans = att\n"
				    "[rule b]\ndport = 2\nwans = att\nmode = source\n"
				    "[rule c]\ndport = 3\nwans = att\nmode = flow\n"
				    "[rule d]\ndport = 4\nwans = att\notherwise = unreachable\n"
				    "[rule e]\ndport = 5\nwans = webpass,\n\tatt\n");

	ck_assert_uint_eq(config.n_policies, 4);
	ck_assert(config.policies[0].wans[0] && config.policies[0].wans[1]);
	ck_assert_int_eq(config.policies[0].mode, BALANCE_SOURCE);
	ck_assert_uint_eq(config.rules[0].policy, 1);
	ck_assert_uint_eq(config.rules[1].policy, 1);
	ck_assert(config.policies[1].wans[0] && !config.policies[1].wans[1]);
	ck_assert_int_eq(config.policies[1].mode, BALANCE_SOURCE);
	ck_assert_uint_eq(config.rules[2].policy, 2);
	ck_assert_int_eq(config.policies[2].mode, BALANCE_FLOW);
	ck_assert_uint_eq(config.rules[3].policy, 3);
	ck_assert(config.policies[3].unreachable && !config.policies[2].unreachable);
	ck_assert_uint_eq(config.rules[4].policy, 0); /* as if there were no rule */
}
END_TEST

START_TEST(a_file_lists_networks_of_both_families)
{
	_cleanup_(config_done) struct config config = {};

	write_list("list.txt", "# servers\n192.0.2.1\n\n  198.51.100.0/24 ; all of them\r\n"
			       "2001:db8::/32#x\n192.0.2.1\n");
	config =
		load_text(LAN6 WANS "[rule b]\ndestination = @list.txt, 203.0.113.7\nwans = att\n");
	unlink("list.txt");
	ck_assert_str_eq(met(&config, first4, "192.0.2.1", 6, 9, 80, 0), "b");
	ck_assert_str_eq(met(&config, first4, "192.0.2.2", 6, 9, 80, 0), "none");
	ck_assert_str_eq(met(&config, first4, "198.51.100.255", 6, 9, 80, 0), "b");
	ck_assert_str_eq(met(&config, first6, "2001:db8::1", 6, 9, 80, 0), "b");
	ck_assert_str_eq(met(&config, first4, "203.0.113.7", 6, 9, 80, 0), "b");
	ck_assert_uint_eq(config.rules[0].fields[IPV4][RULE_DESTINATION].n, 3);
}
END_TEST

static void refuse_list(const char *list, size_t n, const char *message)
{
	static const char text[] = LAN6 WANS "[rule b]\nwans = att\ndestination = @list.txt\n";
	_cleanup_(fclosep) FILE *file = fopen("list.txt", "we");

	ck_assert_ptr_nonnull(file);
	fwrite(list, 1, n, file);
	fflush(file);
	refuse(text, strlen(text), message);
	unlink("list.txt");
}
#define REFUSE(list, message)                                                                      \
	refuse_list(list, sizeof(list) - 1, "site.conf:19: [rule b] destination: list.txt" message)

START_TEST(a_mistake_in_a_file_names_its_line)
{
	REFUSE("192.0.2.1\n192.0.2.0/33\n", ":2: \"192.0.2.0/33\" is not an address or a prefix");
	REFUSE("192.0.2.1, 192.0.2.2\n",
	       ":1: \"192.0.2.1, 192.0.2.2\" is not an address or a prefix");
	REFUSE(";\n\n192.0.2.1/24", ":3: \"192.0.2.1/24\" has bits beyond its length: "
				    "write 192.0.2.0/24");
	REFUSE("192.0.2.1\0\n", ":1: a NUL byte: this is not a text file");
	/* It would be a rule for everything, or for nothing. */
	REFUSE("# none\n", ": there is no address or prefix in the file");
	REFUSE("", ": there is no address or prefix in the file");
}
END_TEST

START_TEST(a_file_that_is_none_is_refused_and_not_waited_for)
{
	static const char text[] = LAN6 WANS "[rule b]\nwans = att\ndestination = @list.txt\n";
	static const char start[] = "site.conf:19: [rule b] destination: list.txt: ";
	char message[200];

	ck_assert_int_eq(mkfifo("list.txt", 0600), 0);
	snprintf(message, sizeof(message), "%s%s", start, "this is no regular file");
	refuse(text, strlen(text), message);
	unlink("list.txt");
	ck_assert_int_eq(symlink("list.txt", "list.txt"), 0);
	snprintf(message, sizeof(message), "%s%s", start, strerror(ELOOP));
	refuse(text, strlen(text), message);
	unlink("list.txt");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("rules");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, the_first_rule_that_matches_in_all_of_its_keys_counts);
	tcase_add_test(tcase, rules_that_say_the_same_of_wans_share_a_policy);
	tcase_add_test(tcase, a_file_lists_networks_of_both_families);
	tcase_add_test(tcase, a_mistake_in_a_file_names_its_line);
	tcase_add_test(tcase, a_file_that_is_none_is_refused_and_not_waited_for);

	return run_case(tcase, "rules");
}
