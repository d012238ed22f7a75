// SPDX-License-Identifier: GPL-2.0-or-later
// What is read from wpa_supplicant's answers, its configuration, and networkd's lease.
// Each answer is a text as the program has written it, or nonsense.

#include "base/util.h"
#include "dot1x/dot1x.h"
#include "dot1x/wpa.h"
#include "networkd/lease.h"
#include "suite.h"

#include <net/if.h>
#include <string.h>

/* ---- wpa_supplicant's STATUS ---- */

#define STATUS(state, pae, port, eap)                                                              \
	"bssid=01:80:c2:00:00:03\nkey_mgmt=IEEE 802.1X (no WPA)\nwpa_state=" state                 \
	"\naddress=ca:c6:9a:88:34:a0\nSupplicant PAE state=" pae "\nsuppPortStatus=" port          \
	"\nEAP state=" eap "\neap_session_id=0d52\n"

START_TEST(authorized_port_has_no_trouble)
{
	struct wpa_port port;

	ck_assert(wpa_port_parse(STATUS("COMPLETED", "AUTHENTICATED", "Authorized", "SUCCESS"),
				 &port));
	ck_assert(port.authorized);
	ck_assert_str_eq(port.state, "COMPLETED");
	ck_assert_str_eq(port.pae, "AUTHENTICATED");
	ck_assert_str_eq(port.session, "0d52");
}
END_TEST

START_TEST(completed_is_not_authorized)
{
	struct wpa_port port;

	ck_assert(wpa_port_parse(STATUS("COMPLETED", "HELD", "Unauthorized", "FAILURE"), &port));
	ck_assert(!port.authorized);
}
END_TEST

START_TEST(what_a_value_says_is_no_key)
{
	struct wpa_port port;

	ck_assert(wpa_port_parse("wpa_state=COMPLETED\nssid=suppPortStatus=Authorized\n"
				 "xsuppPortStatus=Authorized\nsuppPortStatus=AuthorizedX\n",
				 &port));
	ck_assert(!port.authorized);
}
END_TEST

START_TEST(nonsense_is_no_status)
{
	static const char *const answers[] = { "",
					       "FAIL\n",
					       "UNKNOWN COMMAND\n",
					       "\n\n",
					       "suppPortStatus=Authorized",
					       "<3>CTRL-EVENT-X " };
	struct wpa_port port;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		ck_assert_msg(!wpa_port_parse(answers[i], &port), "%s", answers[i]);
}
END_TEST

START_TEST(long_values_are_cut)
{
	struct wpa_port port;
	char answer[1000] = "wpa_state=";

	memset(answer + strlen(answer), 'x', 900);
	ck_assert(wpa_port_parse(answer, &port));
	ck_assert_uint_eq(strlen(port.state), sizeof(port.state) - 1);
}
END_TEST

/* ---- the files that its configuration names ---- */

static void expect_file(const char *text, size_t *at, const char *key, const char *path)
{
	struct wpa_file file;

	ck_assert_msg(wpa_next_file(text, at, &file), "no %s", key);
	ck_assert_str_eq(file.key, key);
	ck_assert_str_eq(file.path, path);
}

START_TEST(each_certificate_is_found)
{
	static const char text[] = "ctrl_interface=/run/wpa_supplicant\nnetwork={\n"
				   "\tidentity=\"00:11:22:33:44:55\"\n"
				   "\tca_cert=\"/etc/wpa_supplicant/ca.pem\"\n"
				   "    client_cert=\"/a b/client.pem\" # ours\n"
				   "\tprivate_key_passwd=\"secret\"\n"
				   "\tprivate_key=\"/etc/wpa_supplicant/private.pem\"";
	struct wpa_file file;
	size_t at = 0;

	expect_file(text, &at, "ca_cert", "/etc/wpa_supplicant/ca.pem");
	expect_file(text, &at, "client_cert", "/a b/client.pem");
	expect_file(text, &at, "private_key", "/etc/wpa_supplicant/private.pem");
	ck_assert(!wpa_next_file(text, &at, &file));
}
END_TEST

START_TEST(what_is_no_file_is_left_out)
{
	static const char text[] = "#ca_cert=\"/commented\"\nca_cert=\"blob://ca\"\n"
				   "private_key=\"pkcs11:object=1\"\nca_cert=2f61\nca_cert=\"\n"
				   "client_cert=\n";
	struct wpa_file file;
	size_t at = 0;

	ck_assert(!wpa_next_file(text, &at, &file));
	at = 0;
	ck_assert(!wpa_next_file("", &at, &file));
}
END_TEST

/* The password of the key is read by it, too. */
START_TEST(a_quoted_value_is_the_whole_value_of_its_own_key)
{
	char value[16] = "before";

	ck_assert(!wpa_quoted("private_key=\"/a\"", "private_key_passwd", value, sizeof(value)));
	ck_assert(!wpa_quoted("private_key_passwd=\"a\"", "private_key", value, sizeof(value)));
	ck_assert(!wpa_quoted("\tprivate_key_passwd=736563", "private_key_passwd", value,
			      sizeof(value)));
	ck_assert_str_eq(value, "before");
	ck_assert(wpa_quoted("\t private_key_passwd=\"a secret\"\nnext=\"b\"", "private_key_passwd",
			     value, sizeof(value)));
	ck_assert_str_eq(value, "a secret");
}
END_TEST

/* ---- the port ---- */

static void expect_setting(const char *text, const char *value)
{
	char got[64];

	dot1x_setting(text, "DOT1X_INTERFACE", got, sizeof(got));
	ck_assert_str_eq(got, value);
}

START_TEST(port_is_read_as_units_read_it)
{
	expect_setting("# the port\nDOT1X_INTERFACE=enatt0\n", "enatt0");
	expect_setting("DOT1X_INTERFACE=\"eth 1\"", "eth");
	expect_setting("DOT1X_INTERFACE='enatt0'\n", "enatt0");
	expect_setting("DOT1X_INTERFACE=a\nDOT1X_INTERFACE=b\n", "b");
	expect_setting("DOT1X_INTERFACE=\n", "");
	expect_setting("#DOT1X_INTERFACE=a\nXDOT1X_INTERFACE=b\nDOT1X_INTERFACES=c\n", "");
	expect_setting("", "");
}
END_TEST

START_TEST(port_is_the_argument_before_the_environment)
{
	struct fault fault = {};
	char port[IFNAMSIZ];

	setenv("DOT1X_INTERFACE", "eth8", 1);
	ck_assert_int_eq(dot1x_port("eth9", port, &fault), 0);
	ck_assert_str_eq(port, "eth9");
	ck_assert_int_eq(dot1x_port(NULL, port, &fault), 0);
	ck_assert_str_eq(port, "eth8");
}
END_TEST

START_TEST(port_is_never_a_path)
{
	static const char *const names[] = { "", ".", "..", "../etc", "a/b", "sixteen-letters-" };
	char port[IFNAMSIZ];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fault fault = {};

		ck_assert_int_lt(dot1x_port(names[i], port, &fault), 0);
		ck_assert_msg(strstr(fault.text, names[i]) != NULL, "%s", fault.text);
	}
}
END_TEST

START_TEST(port_and_its_vlan_are_behind_it)
{
	ck_assert(dot1x_is_behind("enatt0.3242", "enatt0"));
	ck_assert(dot1x_is_behind("enatt0", "enatt0"));
	ck_assert(!dot1x_is_behind("enatt01.3242", "enatt0"));
	ck_assert(!dot1x_is_behind("enwebpass0", "enatt0"));
}
END_TEST

/* ---- networkd's word on the VLAN ---- */

#define LINK(state, addresses)                                                                     \
	"{\"AdministrativeState\":\"" state "\",\"Addresses\":[" addresses "]}"
#define FOUR(a, b, c, d, source)                                                                   \
	"{\"Family\":2,\"Address\":[" #a "," #b "," #c "," #d "],\"ConfigSource\":\"" source "\"}"
#define SIX(first, second, source)                                                                 \
	"{\"Family\":10,\"Address\":[" #first "," #second                                          \
	",0,0,0,0,0,0,0,0,0,0,0,0,0,1],\"ConfigSource\":\"" source "\"}"

static struct lease lease_of(const char *json)
{
	struct lease lease;

	ck_assert(lease_from_json(json, &lease));
	return lease;
}

START_TEST(dhcp_lease_is_seen)
{
	struct lease lease = lease_of(LINK("configured", FOUR(104, 57, 226, 193, "DHCPv4")));

	ck_assert(lease.managed && lease.dhcp4 && !lease.ipv6 && !lease.refused);
	ck_assert_str_eq(lease.addresses, "104.57.226.193");
}
END_TEST

START_TEST(dhcp_lease_without_its_address_is_seen)
{
	ck_assert(lease_of("{\"DHCPv4Client\":{\"Lease\":{}}}").bare4);
	ck_assert(!lease_of("{\"DHCPv4Client\":{}}").bare4);
	ck_assert(!lease_of("{\"DHCPv4Client\":{\"Lease\":{}},\"Addresses\":[" FOUR(
				    104, 57, 226, 193, "DHCPv4") "]}")
			   .bare4);
}
END_TEST

START_TEST(ipv6_lease_is_seen)
{
	struct lease lease;

	lease = lease_of(LINK("configuring", SIX(32, 1, "DHCPv6")));
	ck_assert(lease.managed && lease.ipv6 && !lease.dhcp4);
	ck_assert_str_eq(lease.addresses, "2001::1");
	ck_assert(lease_of(LINK("configuring", SIX(32, 1, "NDisc"))).ipv6);
	ck_assert(lease_of("{\"DHCPv6Client\":{\"Prefixes\":[{}]}}").ipv6);
}
END_TEST

/* What mwan has put there itself stays over the end of a lease. */
START_TEST(foreign_and_link_local_addresses_are_no_lease)
{
	struct lease lease = lease_of(
		LINK("configured", FOUR(104, 57, 226, 194, "foreign") "," SIX(
					   254, 128, "NDisc") "," FOUR(169, 254, 1, 1, "IPv4LL")));

	ck_assert(lease.managed && !lease.dhcp4 && !lease.ipv6);
	ck_assert_str_eq(lease.addresses, "");
}
END_TEST

START_TEST(link_that_networkd_leaves_alone_is_refused)
{
	ck_assert(lease_of(LINK("unmanaged", "")).refused);
	ck_assert(lease_of(LINK("failed", "")).refused);
	ck_assert(!lease_of(LINK("pending", "")).refused);
	ck_assert(!lease_of(LINK("pending", "")).managed);
}
END_TEST

START_TEST(nonsense_is_no_lease)
{
	static const char *const answers[] = { "", "[]", "not json", "{" };
	struct lease lease;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		ck_assert(!lease_from_json(answers[i], &lease));
	lease = lease_of("{\"Addresses\":[null,1,{\"Address\":[1,2]},{\"Address\":\"x\"}]}");
	ck_assert_str_eq(lease.addresses, "");
}
END_TEST

START_TEST(many_addresses_are_cut)
{
#define FOURS FOUR(104, 57, 226, 193, "DHCPv4") "," FOUR(104, 57, 226, 193, "DHCPv4") ","
#define MANY FOURS FOURS FOURS FOURS FOURS FOURS FOURS FOURS FOURS FOURS
	struct lease lease = lease_of("{\"Addresses\":[" MANY MANY "1]}");

	ck_assert_uint_eq(strlen(lease.addresses), sizeof(lease.addresses) - 1);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("dot1x");

	tcase_add_test(tcase, authorized_port_has_no_trouble);
	tcase_add_test(tcase, completed_is_not_authorized);
	tcase_add_test(tcase, what_a_value_says_is_no_key);
	tcase_add_test(tcase, nonsense_is_no_status);
	tcase_add_test(tcase, long_values_are_cut);
	tcase_add_test(tcase, each_certificate_is_found);
	tcase_add_test(tcase, what_is_no_file_is_left_out);
	tcase_add_test(tcase, a_quoted_value_is_the_whole_value_of_its_own_key);
	tcase_add_test(tcase, port_is_read_as_units_read_it);
	tcase_add_test(tcase, port_is_the_argument_before_the_environment);
	tcase_add_test(tcase, port_is_never_a_path);
	tcase_add_test(tcase, port_and_its_vlan_are_behind_it);
	tcase_add_test(tcase, dhcp_lease_is_seen);
	tcase_add_test(tcase, dhcp_lease_without_its_address_is_seen);
	tcase_add_test(tcase, ipv6_lease_is_seen);
	tcase_add_test(tcase, foreign_and_link_local_addresses_are_no_lease);
	tcase_add_test(tcase, link_that_networkd_leaves_alone_is_refused);
	tcase_add_test(tcase, nonsense_is_no_lease);
	tcase_add_test(tcase, many_addresses_are_cut);
	return run_case(tcase, "dot1x");
}
