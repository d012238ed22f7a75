// SPDX-License-Identifier: GPL-2.0-or-later
// What of the doctor is pure, or needs only files.
// Files are made below a root of the test's own; findings are compared by their kinds.

#include "doctor/check.h"
#include "doctor/links.h"
#include "model/management.h"
#include "networkd/vlan.h"
#include "root.h"
#include "scene.h"
#include "suite.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/utsname.h>

static struct scene scene;
static struct diagnosis diagnosis;

static void set_up(void)
{
	scene_make(&scene, "contract");
	diagnosis = (struct diagnosis){ .topic = "test" };
	root_begin();
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	scene_done(&scene);
	root_end();
}

/* Of that kind, with a fix, and nothing else. */
static void expect_one(enum severity severity, const char *kind)
{
	ck_assert_uint_eq(diagnosis.n, 1);
	ck_assert_int_eq(diagnosis.v[0].severity, severity);
	ck_assert_str_eq(diagnosis.v[0].kind, kind);
	ck_assert_ptr_nonnull(diagnosis.v[0].fix);
}

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

	links_compare_macs(&links, &scene.config, &diagnosis);
	expect_one(FINDING_NOTE, "mac-changed");
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
	links_compare_macs(&links, &scene.config, &diagnosis);
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
	links_compare_macs(&links, &scene.config, &diagnosis);
	ck_assert_uint_eq(diagnosis.n, 0);

	v[4].parent = 0;
	links_compare_macs(&links, &scene.config, &diagnosis);
	expect_one(FINDING_NOTE, "mac-twins");
}
END_TEST

/* ---- VLANs ---- */

START_TEST(kernel_without_vlans_is_no_missing_file)
{
	struct fault fault = {};
	struct utsname kernel;
	char path[PATH_MAX];

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	root_put(path, "kernel/drivers/net/dummy.ko:\n");
	vlan_say_missing(root, "enatt0.3242", "enatt0", &fault);
	ck_assert_ptr_nonnull(strstr(fault.text, "this kernel has no VLANs"));

	root_put(path, "kernel/net/8021q/8021q.ko.xz: kernel/net/802/mrp.ko.xz\n");
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
		  "[Network]\nVLAN=a enatt0.3242\n", "though its files are there" },
		{ "/run/systemd/network/a.netdev", "/etc/systemd/network/b.network.d/c.conf",
		  "[Network]\n  VLAN = enatt0.3242\n", "though its files are there" },
		{ "/etc/systemd/network/a.netdev", "/etc/systemd/network/b.network",
		  "[Network]\nVLAN=enatt0.32420\n#VLAN=enatt0.3242\n", "`VLAN=enatt0.3242`" },
		{ "/etc/systemd/network/a.netdev.old", "/etc/systemd/network/b.network",
		  "[Network]\nVLAN=enatt0.3242\n", "a .netdev file" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fault fault = {};

		root_put(cases[i].netdev, "[NetDev]\nName=enatt0.3242\nKind=vlan\n");
		root_put(cases[i].network, cases[i].text);
		ck_assert_int_eq(vlan_say_missing(root, "enatt0.3242", "enatt0", &fault), -ENODEV);
		ck_assert_msg(strstr(fault.text, cases[i].says) != NULL, "%zu: %s", i, fault.text);
		tear_down();
		set_up();
	}
}
END_TEST

/* ---- nftables ---- */

START_TEST(management_is_read_as_nft_reads_it)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
		{ "# x\ndefine MANAGEMENT = { \"eth0\", \"enmgmt0\" }\n\"no\"\n", "eth0, enmgmt0" },
		{ "\ndefine MANAGEMENT = \"eth0\"\n\"no\" { \"no\" }\n", "eth0" },
		{ "\ndefine MANAGEMENT={\n\t\"a*\",\n\t\"b\"\n}\n\"no\"\n", "a*, b" },
		{ "\ndefine MANAGEMENT = { }\n\"no\"\n", "" },
		{ "\ndefine OTHER = \"eth0\"\n", "" },
		{ "\ndefine MANAGEMENT", "" },
		{ "\ndefine MANAGEMENT = { \"eth0", "eth0" },
		{ "\ndefine MANAGEMENT = { \"eth0}\n\"no\" \"no\"\n", "eth0" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct management management = {};

		management_read_file(&management, cases[i].text);
		ck_assert_str_eq(management.names, cases[i].names);
		ck_assert_int_eq(management_is_missing(&management), *cases[i].names != '\0');
	}
}
END_TEST

/* ---- flows ---- */

START_TEST(full_table_of_flows_is_found_before_it_is_full)
{
	root_put("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
	root_put("/proc/sys/net/netfilter/nf_conntrack_count", "200000\n");
	doctor_room(root, &diagnosis);
	ck_assert_uint_eq(diagnosis.n, 0);
	root_put("/proc/sys/net/netfilter/nf_conntrack_count", "250000\n");
	doctor_room(root, &diagnosis);
	expect_one(FINDING_WRONG, "flows-many");
	ck_assert_ptr_nonnull(
		strstr(diagnosis.v[0].fix, "`sysctl net.netfilter.nf_conntrack_max=524288`"));
	diagnosis_done(&diagnosis);
	diagnosis = (struct diagnosis){ .topic = "test" };
	root_put("/proc/sys/net/netfilter/nf_conntrack_count", "262144\n");
	doctor_room(root, &diagnosis);
	expect_one(FINDING_WRONG, "flows-full");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("doctor");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, wan_with_another_than_its_cards_own_address_is_noted);
	tcase_add_test(tcase, card_of_its_own_address_and_a_vlan_on_it_are_as_they_should_be);
	tcase_add_test(tcase, links_that_stand_on_one_another_share_an_address);
	tcase_add_test(tcase, kernel_without_vlans_is_no_missing_file);
	tcase_add_test(tcase, files_of_a_vlan_are_found_where_networkd_reads_them);
	tcase_add_test(tcase, management_is_read_as_nft_reads_it);
	tcase_add_test(tcase, full_table_of_flows_is_found_before_it_is_full);
	return run_case(tcase, "doctor");
}
