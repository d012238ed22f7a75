/*
 * What of the doctor is pure, or needs files only, which a test can make.
 */
#include "base_ruleset.h"
#include "doctor.h"
#include "foreign_tables.h"
#include "links.h"
#include "scene.h"
#include "suite.h"
#include "vlan.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static struct scene scene;
static struct diagnosis diagnosis;
static char root[] = "/tmp/mwan-doctor-XXXXXX";

static void set_up(void)
{
	scene_make(&scene, "contract");
	diagnosis = (struct diagnosis){ .topic = "test" };
	snprintf(root, sizeof(root), "/tmp/mwan-doctor-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	scene_done(&scene);
	ck_assert_int_eq(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* A file below the root, with the folders it takes. */
static void put(const char *path, const char *text)
{
	char whole[PATH_MAX];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		ck_assert(mkdir(whole, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(whole, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void expect_one(enum finding_kind kind, const char *says)
{
	ck_assert_uint_eq(diagnosis.n, 1);
	ck_assert_int_eq(diagnosis.v[0].kind, kind);
	ck_assert_msg(strstr(diagnosis.v[0].text, says) != NULL, "%s", diagnosis.v[0].text);
	ck_assert_ptr_nonnull(diagnosis.v[0].fix);
}

/* ---- words ---- */

START_TEST(what_to_do_stands_after_the_last_colon)
{
	ck_assert_int_eq(diagnosis_tell(&diagnosis, FINDING_NOTE, "att: %s: `%s`",
					"fe80::1: silent", "ping fe80::1"),
			 0);
	ck_assert_str_eq(diagnosis.v[0].text, "att: fe80::1: silent");
	ck_assert_str_eq(diagnosis.v[0].fix, "`ping fe80::1`");
	diagnosis_tell(&diagnosis, FINDING_WRONG, "nothing to be done");
	ck_assert_str_eq(diagnosis.v[1].text, "nothing to be done");
	ck_assert_ptr_null(diagnosis.v[1].fix);
}
END_TEST

/* ---- hardware addresses ---- */

static struct link_seen a_link(const char *name, unsigned index, uint8_t mac, uint8_t permanent)
{
	struct link_seen link = { .index = index,
				  .mac = { true, { 2, 0, 0, 0, 0, mac } },
				  .permanent = { permanent, { 2, 0, 0, 0, 0, permanent } } };

	snprintf(link.name, sizeof(link.name), "%s", name);
	return link;
}

START_TEST(wan_with_another_than_its_cards_own_address_is_noted)
{
	struct link_seen card = a_link("enwebpass0", 3, 7, 8);
	struct links links = { &card, 1 };

	ck_assert_int_eq(links_tell_macs(&links, &scene.config, &diagnosis), 0);
	expect_one(FINDING_NOTE, "has the address 02:00:00:00:00:07, its card's own is "
				 "02:00:00:00:00:08");
	ck_assert_ptr_nonnull(
		strstr(diagnosis.v[0].fix, "`ip link set enwebpass0 address 02:00:00:00:00:08`"));
}
END_TEST

START_TEST(card_of_its_own_address_and_a_vlan_on_it_are_as_they_should_be)
{
	struct link_seen v[] = { a_link("enatt0", 2, 7, 7),	a_link("enatt0.3242", 3, 7, 0),
				 a_link("enwebpass0", 4, 8, 8), a_link("br0", 5, 8, 0),
				 a_link("eth9", 6, 9, 1),	a_link("eth10", 7, 9, 1) };
	struct links links = { v, ARRAY_SIZE(v) };

	v[1].parent = 2; /* a VLAN */
	v[2].master = 5; /* a bridge and its port */
	ck_assert_int_eq(links_tell_macs(&links, &scene.config, &diagnosis), 0);
	ck_assert_uint_eq(diagnosis.n, 0);
}
END_TEST

START_TEST(links_that_stand_on_one_another_share_an_address)
{
	struct link_seen v[] = { a_link("enwebpass0", 2, 7, 7), a_link("bond0", 3, 7, 0),
				 a_link("bond0.7", 4, 7, 0), a_link("br0", 5, 7, 0),
				 a_link("br0.9", 6, 7, 0) };
	struct links links = { v, ARRAY_SIZE(v) };

	v[0].master = 3;
	v[2].parent = 3;
	v[2].master = 5;
	v[4].parent = 5;
	ck_assert_int_eq(links_tell_macs(&links, &scene.config, &diagnosis), 0);
	ck_assert_uint_eq(diagnosis.n, 0);

	v[4].parent = 0;
	ck_assert_int_eq(links_tell_macs(&links, &scene.config, &diagnosis), 0);
	expect_one(FINDING_NOTE, "enwebpass0 and br0.9 have one hardware address");
}
END_TEST

/* ---- VLANs ---- */

START_TEST(kernel_without_vlans_is_told_from_a_missing_file)
{
	struct fault fault = {};
	struct utsname kernel;
	char path[PATH_MAX];

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	put(path, "kernel/drivers/net/dummy.ko:\n");
	vlan_say_missing(root, "enatt0.3242", "enatt0", &fault);
	ck_assert_ptr_nonnull(strstr(fault.text, "this kernel has no VLANs"));

	put(path, "kernel/net/8021q/8021q.ko.xz: kernel/net/802/mrp.ko.xz\n");
	fault = (struct fault){};
	vlan_say_missing(root, "enatt0.3242", "enatt0", &fault);
	ck_assert_ptr_nonnull(strstr(fault.text, "a .netdev file"));
}
END_TEST

START_TEST(files_of_a_vlan_are_found_where_networkd_reads_them)
{
	static const struct {
		const char *netdev, *network, *text, *says;
	} cases[] = {
		{ "/etc/systemd/network/a.netdev", "/usr/lib/systemd/network/b.network",
		  "VLAN=a enatt0.3242\n", "though its files are there" },
		{ "/run/systemd/network/a.netdev", "/etc/systemd/network/b.network.d/c.conf",
		  "  VLAN = enatt0.3242\n", "though its files are there" },
		{ "/etc/systemd/network/a.netdev", "/etc/systemd/network/b.network",
		  "VLAN=enatt0.32420\n#VLAN=enatt0.3242\n", "`VLAN=enatt0.3242`" },
		{ "/etc/systemd/network/a.netdev.old", "/etc/systemd/network/b.network",
		  "VLAN=enatt0.3242\n", "a .netdev file" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fault fault = {};

		put(cases[i].netdev, "[NetDev]\nName=enatt0.3242\nKind=vlan\n");
		put(cases[i].network, cases[i].text);
		ck_assert_int_eq(vlan_say_missing(root, "enatt0.3242", "enatt0", &fault), -ENODEV);
		ck_assert_msg(strstr(fault.text, cases[i].says) != NULL, "%zu: %s", i, fault.text);
		tear_down();
		set_up();
	}
}
END_TEST

/* ---- nftables ---- */

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

	ck_assert_int_eq(foreign_tables_tell(listing, &scene.config, &diagnosis), 0);
	expect_one(FINDING_WRONG, "table ip mangle sets marks");
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

	ck_assert_int_eq(foreign_tables_tell(listing, &scene.config, &diagnosis), 0);
	ck_assert_uint_eq(diagnosis.n, 2);
	ck_assert_int_eq(diagnosis.v[0].kind, FINDING_WRONG);
	ck_assert_ptr_nonnull(
		strstr(diagnosis.v[0].text, "table ip filter drops what is forwarded"));
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "`nft delete table ip filter`"));
	ck_assert_int_eq(diagnosis.v[1].kind, FINDING_NOTE);
}
END_TEST

START_TEST(what_no_packet_comes_to_does_no_harm)
{
	static const char listing[] =
		"table inet idle {\n\tchain c {\n\t\tmeta mark set 0x00000001\n\t}\n}\n"
		"table inet local {\n\tchain c {\n"
		"\t\ttype filter hook input priority filter; policy drop;\n"
		"\t\ttcp dport 22 accept\n\t}\n}\n";

	ck_assert_int_eq(foreign_tables_tell(listing, NULL, &diagnosis), 0);
	ck_assert_int_eq(foreign_tables_tell("", &scene.config, &diagnosis), 0);
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
	ck_assert_int_eq(foreign_tables_tell(listing, &scene.config, &diagnosis), 0);
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
		expect_one(FINDING_WRONG, "table inet other drops what is forwarded");
	}
	look_at_rule("ingress device \"eth9\" priority filter; policy drop;", "accept");
	ck_assert_uint_eq(diagnosis.n, 0);
	look_at_rule(ANY_FORWARD, "counter reject with icmp type net-unreachable");
	expect_one(FINDING_WRONG, "drops what is forwarded");
	look_at_rule(ANY_FORWARD, "tcp dport 25 counter xt target \"REJECT\"");
	expect_one(FINDING_NOTE, "drops some");
}
END_TEST

START_TEST(flows_that_nobody_tracks_have_no_wan)
{
	look_at_rule(ANY_PREROUTING, "notrack");
	expect_one(FINDING_WRONG, "keeps flows out of conntrack");
	look_at_rule(ANY_PREROUTING, "udp dport 53 notrack");
	expect_one(FINDING_NOTE, "keeps some flows out of conntrack");
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
		enum finding_kind kind;
		const char *rule;
	} rules[] = {
		{ FINDING_NOTE, "oifname \"wg0\" masquerade" },
		{ FINDING_NOTE, "oifname { \"wg0\", \"tun1\" } masquerade" },
		{ FINDING_WRONG, "oifname { \"wg0\", \"enwebpass0\" } masquerade" },
		{ FINDING_WRONG, "oifname \"enwebpass0\" masquerade" },
		{ FINDING_WRONG, "oifname \"en*\" masquerade" },
		{ FINDING_WRONG, "oifname != \"lo\" masquerade" },
		{ FINDING_WRONG, "masquerade" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		look_at_rule("postrouting priority srcnat; policy accept;", rules[i].rule);
		expect_one(rules[i].kind, "translates addresses");
	}
}
END_TEST

START_TEST(table_that_is_switched_off_does_no_harm)
{
	static const char listing[] =
		"table inet other {\n\tflags dormant\n\n\tchain c {\n"
		"\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";

	ck_assert_int_eq(foreign_tables_tell(listing, &scene.config, &diagnosis), 0);
	ck_assert_uint_eq(diagnosis.n, 0);
}
END_TEST

START_TEST(chain_that_is_jumped_to_may_stand_first)
{
	static const char listing[] =
		"table inet other {\n\tchain bad {\n\t\tcounter drop\n\t}\n\n\tchain c {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\ttcp dport 25 jump bad\n\t}\n}\n";

	ck_assert_int_eq(foreign_tables_tell(listing, &scene.config, &diagnosis), 0);
	expect_one(FINDING_NOTE, "drops some of what is forwarded");
}
END_TEST

START_TEST(management_is_read_as_nft_reads_it)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
		{ "# x\ndefine MANAGEMENT = { \"eth0\", \"enmgmt0\" }\n\"no\"\n", "eth0 enmgmt0 " },
		{ "\ndefine MANAGEMENT = \"eth0\"\n\"no\" { \"no\" }\n", "eth0 " },
		{ "\ndefine MANAGEMENT={\n\t\"a*\",\n\t\"b\"\n}\n\"no\"\n", "a* b " },
		{ "\ndefine MANAGEMENT = { }\n\"no\"\n", "" },
		{ "\ndefine OTHER = \"eth0\"\n", "" },
		{ "\ndefine MANAGEMENT", "" },
		{ "\ndefine MANAGEMENT = { \"eth0", "eth0 " },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char names[64] = "", name[32];
		size_t at = 0, end = 0;

		while (base_ruleset_next_management(cases[i].text, &at, name, sizeof(name)))
			end += snprintf(names + end, sizeof(names) - end, "%s ", name);
		ck_assert_str_eq(names, cases[i].names);
	}
}
END_TEST

/* ---- flows ---- */

START_TEST(full_table_of_flows_is_told_before_it_is_full)
{
	put("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
	put("/proc/sys/net/netfilter/nf_conntrack_count", "200000\n");
	ck_assert_int_eq(doctor_room(root, &diagnosis), 0);
	ck_assert_uint_eq(diagnosis.n, 0);
	put("/proc/sys/net/netfilter/nf_conntrack_count", "250000\n");
	ck_assert_int_eq(doctor_room(root, &diagnosis), 0);
	expect_one(FINDING_WRONG, "250000 flows of at most 262144");
	ck_assert_ptr_nonnull(
		strstr(diagnosis.v[0].fix, "`sysctl net.netfilter.nf_conntrack_max=524288`"));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("doctor");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_to_do_stands_after_the_last_colon);
	tcase_add_test(tcase, wan_with_another_than_its_cards_own_address_is_noted);
	tcase_add_test(tcase, card_of_its_own_address_and_a_vlan_on_it_are_as_they_should_be);
	tcase_add_test(tcase, links_that_stand_on_one_another_share_an_address);
	tcase_add_test(tcase, kernel_without_vlans_is_told_from_a_missing_file);
	tcase_add_test(tcase, files_of_a_vlan_are_found_where_networkd_reads_them);
	tcase_add_test(tcase, tables_of_iptables_are_understood);
	tcase_add_test(tcase, docker_forwards_nothing_by_default_and_that_is_the_worst_of_it);
	tcase_add_test(tcase, what_no_packet_comes_to_does_no_harm);
	tcase_add_test(tcase, drops_are_found_wherever_forwarded_packets_pass);
	tcase_add_test(tcase, flows_that_nobody_tracks_have_no_wan);
	tcase_add_test(tcase, names_and_comments_are_no_verdicts);
	tcase_add_test(tcase, translation_on_the_way_to_a_tunnel_is_not_ahead_of_a_wan);
	tcase_add_test(tcase, table_that_is_switched_off_does_no_harm);
	tcase_add_test(tcase, chain_that_is_jumped_to_may_stand_first);
	tcase_add_test(tcase, management_is_read_as_nft_reads_it);
	tcase_add_test(tcase, full_table_of_flows_is_told_before_it_is_full);
	return run_case(tcase, "doctor");
}
