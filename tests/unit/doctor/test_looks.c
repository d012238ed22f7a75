// SPDX-License-Identifier: GPL-2.0-or-later
// What the doctor makes of what it sees beyond this machine's own settings.
// Findings are compared by their kinds, and by what their fixes name.

#include "doctor/check.h"
#include "root.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

static struct scene scene;
static struct diagnosis diagnosis;
static struct patient patient;

static void set_up(void)
{
	scene_make(&scene, "contract");
	ck_assert_int_eq(selections_make(&scene.site), 0);
	root_begin();
	diagnosis = (struct diagnosis){ .topic = "test" };
	patient = (struct patient){ .config_path = "mwan.conf",
				    .config = &scene.config,
				    .diagnosis = &diagnosis,
				    .site = &scene.site,
				    .root = root };
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	root_end();
	scene_done(&scene);
}

static void expect(size_t i, enum severity severity, const char *kind, const char *fix)
{
	ck_assert_uint_lt(i, diagnosis.n);
	ck_assert_int_eq(diagnosis.v[i].severity, severity);
	ck_assert_str_eq(diagnosis.v[i].kind, kind);
	if (fix)
		ck_assert_msg(strstr(diagnosis.v[i].fix, fix) != NULL, "%s", diagnosis.v[i].fix);
}

/* ---- path MTU ---- */

static struct path_mtu a_path(enum family family, unsigned carried, unsigned told)
{
	return (struct path_mtu){ .family = family, .mtu = 1500, .carried = carried, .told = told };
}

START_TEST(black_hole_of_both_families_is_one_of_the_link)
{
	const struct path_mtu paths[] = { a_path(IPV4, 1492, 0), a_path(IPV6, 1452, 0),
					  a_path(IPV4, 1500, 0), a_path(IPV6, 1500, 0) };
	const size_t wan[] = { 0, 0, 1, 1 };

	doctor_judge_path_mtus(&patient, paths, wan, 4);
	ck_assert_uint_eq(diagnosis.n, 1);
	expect(0, FINDING_WRONG, "path-mtu-black-hole", "`ip link set enatt0.3242 mtu 1452`");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "`MTUBytes=1452` in [Link]"));
}
END_TEST

START_TEST(mtu_that_is_larger_than_lines_are_is_not_the_isps_fault)
{
	struct path_mtu path = a_path(IPV4, 1500, 0);
	const size_t wan = 0;

	path.mtu = 9000;
	doctor_judge_path_mtus(&patient, &path, &wan, 1);
	ck_assert_uint_eq(diagnosis.n, 1);
	expect(0, FINDING_WRONG, "path-mtu-black-hole", "`ip link set enatt0.3242 mtu 1500`");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "MTU of enatt0.3242, 9000, is too"));
	ck_assert_ptr_null(strstr(diagnosis.v[0].text, "the ISP"));
}
END_TEST

START_TEST(black_hole_of_ipv6_alone_leaves_the_link_as_it_is)
{
	const struct path_mtu paths[] = { a_path(IPV4, 1500, 0), a_path(IPV6, 1480, 0) };
	const size_t wan[] = { 0, 0 };

	doctor_judge_path_mtus(&patient, paths, wan, 2);
	ck_assert_uint_eq(diagnosis.n, 1);
	expect(0, FINDING_WRONG, "path-mtu-black-hole",
	       "`sysctl -w net/ipv6/conf/enatt0.3242/mtu=1480`");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].fix, "`IPv6MTUBytes=1480` in [Network]"));
}
END_TEST

START_TEST(router_that_says_what_it_carries_is_as_it_should_be)
{
	const struct path_mtu paths[] = { a_path(IPV4, 1280, 1492), a_path(IPV6, 1500, 0),
					  a_path(IPV4, 0, 0), a_path(IPV6, 84, 0) };
	const size_t wan[] = { 0, 0, 1, 1 };

	doctor_judge_path_mtus(&patient, paths, wan, 4);
	ck_assert_uint_eq(diagnosis.n, 1);
	expect(0, FINDING_GOOD, "good", NULL);
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "att IPv4 1492, att IPv6 1500"));
}
END_TEST

/* ---- the resolver ---- */

/* What is found with that resolv.conf (NULL: none) after a look-up in vain. */
static void judge_resolver(const char *conf, const char *link)
{
	const struct name_answer silent = { .why = "no answer from name server 192.0.2.1" };

	root_remove("/etc/resolv.conf");
	if (link)
		root_link("/etc/resolv.conf", link);
	if (conf)
		root_put("/etc/resolv.conf", conf);
	doctor_judge_resolver(&patient, &silent);
}

START_TEST(reason_why_no_name_is_looked_up_is_found)
{
	static const struct {
		const char *conf, *link, *kind, *says;
	} cases[] = {
		{ NULL, NULL, "resolver-none", "there is no /etc/resolv.conf" },
		{ NULL, "../run/systemd/resolve/stub-resolv.conf", "resolver-none",
		  "/etc/resolv.conf leads to ../run/systemd/resolve/stub-resolv.conf" },
		{ "# nameserver 192.0.2.1\nsearch lan\n", NULL, "resolver-none",
		  "names no name server" },
		{ "nameserver\t192.0.2.1\n", NULL, "resolver-dead",
		  "no answer from name server 192.0.2.1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		judge_resolver(cases[i].conf, cases[i].link);
		expect(i, FINDING_NOTE, cases[i].kind, "nameserver 1.1.1.1");
		ck_assert_ptr_nonnull(strstr(diagnosis.v[i].text, cases[i].says));
	}
}
END_TEST

START_TEST(file_that_resolved_writes_is_not_to_be_edited)
{
	root_put("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
	judge_resolver(NULL, "../run/systemd/resolve/stub-resolv.conf");
	expect(0, FINDING_NOTE, "resolver-dead", "/etc/systemd/resolved.conf");
}
END_TEST

START_TEST(server_that_no_wan_leads_to_is_not_dead)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		for (size_t i = 0; i < scene.config.n_wans; i++)
			scene.site.selections.v[family].usable[i] = false;
	judge_resolver("nameserver 192.0.2.1\n", NULL);
	ck_assert_uint_eq(diagnosis.n, 0);
	judge_resolver(NULL, NULL);
	expect(0, FINDING_NOTE, "resolver-none", NULL);
}
END_TEST

START_TEST(resolver_that_probes_need_is_no_mere_note)
{
	struct target_conf *target = &scene.config.wans[0].health.targets[IPV4].v[0];
	_cleanup_(freep) char *was = target->name;
	static const struct {
		const char *name;
		enum severity severity;
	} cases[] = {
		{ "http://192.0.2.1:80/", FINDING_NOTE },
		{ "https://192.0.2.1", FINDING_NOTE },
		{ "http://[2001:db8::1]/", FINDING_NOTE },
		{ "http://example.net", FINDING_WRONG },
		{ "https://example.net:8443/x", FINDING_WRONG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		target->name = (char *)cases[i].name;
		judge_resolver(NULL, NULL);
		expect(i, cases[i].severity, "resolver-none", NULL);
	}
	target->name = TAKE(was);
}
END_TEST

START_TEST(name_server_that_knows_no_such_name_is_alive)
{
	const struct name_answer denied = { .denied = true, .why = "there is no such name" };

	doctor_judge_resolver(&patient, &denied);
	ck_assert_uint_eq(diagnosis.n, 1);
	expect(0, FINDING_GOOD, "good", NULL);
}
END_TEST

/* ---- the clock ---- */

static void judge_clock(time_t now, bool synchronised)
{
	const struct clock_seen seen = { .now = now,
					 .program = 1795824000,
					 .synchronised = synchronised };

	doctor_judge_clock(&patient, &seen);
}

START_TEST(clock_before_this_program_was_made_is_wrong)
{
	judge_clock(946684800, false);
	judge_clock(946684800, true);
	ck_assert_uint_eq(diagnosis.n, 2);
	expect(0, FINDING_WRONG, "clock-wrong", "hwclock -w");
	expect(1, FINDING_WRONG, "clock-wrong", NULL);
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "2000-01-01 00:00 UTC"));
	judge_clock(1795824000 - 3600, true); /* built an hour ahead, elsewhere */
	ck_assert_uint_eq(diagnosis.n, 2);
}
END_TEST

START_TEST(clock_that_nobody_synchronises_is_told_by_who_should)
{
	judge_clock(1795830000, false);
	expect(0, FINDING_NOTE, "clock-unsynchronised", "`apt install systemd-timesyncd`");
	root_put("/proc/17/comm", "systemd-timesyn\n");
	judge_clock(1795830000, false);
	expect(1, FINDING_NOTE, "clock-unsynchronised", "`timedatectl timesync-status`");
	root_put("/proc/17/comm", "chronyd\n");
	judge_clock(1795830000, false);
	expect(2, FINDING_NOTE, "clock-unsynchronised", "`chronyc sources`");
}
END_TEST

START_TEST(clock_of_a_container_is_its_hosts)
{
	root_put("/run/systemd/container", "systemd-nspawn");
	judge_clock(1795830000, false);
	expect(0, FINDING_GOOD, "good", NULL);
}
END_TEST

/* ---- DHCP ---- */

#define UDP                                                                                        \
	"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "     \
	"timeout inode ref pointer drops\n"
#define PACKET "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n"

/* A process with a socket, and its arguments, each ended by a newline here. */
static void put_process(unsigned pid, const char *name, const char *socket)
{
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	snprintf(line, sizeof(line), "%s\n", name);
	root_put(path, line);
	snprintf(path, sizeof(path), "/proc/%u/fd/7", pid);
	root_link(path, socket);
}

static void put_port(const char *local)
{
	char text[512];

	snprintf(text, sizeof(text),
		 UDP "  145: %s 00000000:0000 07 00000000:00000000 00:00000000 00000000     0      "
		     "  0 4711 2 00000000aa 0\n",
		 local);
	root_put("/proc/net/udp", text);
}

static void look_for_clients(size_t n)
{
	struct fault ignored = {};

	diagnosis_done(&diagnosis);
	diagnosis = (struct diagnosis){ .topic = "test" };
	ck_assert_int_eq(doctor_dhcp(&patient, &ignored), 0);
	ck_assert_uint_eq(diagnosis.n, n ?: 1);
	expect(0, n ? FINDING_WRONG : FINDING_GOOD, n ? "dhcp-second-client" : "good",
	       n ? "`kill 17`" : NULL);
}

START_TEST(second_client_is_found_by_its_sockets_and_arguments)
{
	struct link_fact *webpass = &scene.site.facts.wans[1].link;
	char packet[256];

	look_for_clients(0); /* nothing in /proc */
	/* It does not say on what link: by its arguments, or another socket of it. */
	put_port("00000000:0044");
	put_process(17, "pump", "socket:[4711]");
	look_for_clients(0);
	root_put("/proc/17/cmdline", "enwebpass0");
	look_for_clients(1);
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "webpass: pump (PID 17)"));
	root_put("/proc/17/cmdline", "eth0");
	look_for_clients(0);
	snprintf(packet, sizeof(packet),
		 PACKET "00000000aa 3      3    0003   %u     1 0      0      4711\n",
		 webpass->link.index);
	root_put("/proc/net/packet", packet);
	look_for_clients(1);
	/* A packet socket alone may be tcpdump's; a client is known by its name. */
	root_remove("/proc/net/udp");
	look_for_clients(0);
	put_process(17, "udhcpc", "socket:[4711]");
	look_for_clients(1);
}
END_TEST

START_TEST(networkd_and_other_ports_are_no_second_client)
{
	put_port("00000000:0044");
	put_process(17, "systemd-network", "socket:[4711]");
	root_put("/proc/17/cmdline", "enwebpass0");
	look_for_clients(0);
	put_process(17, "dnsmasq", "socket:[4711]");
	put_port("00000000:0043");
	look_for_clients(0);
	put_port("00000000:0044");
	put_process(17, "dnsmasq", "socket:[4712]");
	look_for_clients(0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("looks");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, black_hole_of_both_families_is_one_of_the_link);
	tcase_add_test(tcase, mtu_that_is_larger_than_lines_are_is_not_the_isps_fault);
	tcase_add_test(tcase, black_hole_of_ipv6_alone_leaves_the_link_as_it_is);
	tcase_add_test(tcase, reason_why_no_name_is_looked_up_is_found);
	tcase_add_test(tcase, file_that_resolved_writes_is_not_to_be_edited);
	tcase_add_test(tcase, server_that_no_wan_leads_to_is_not_dead);
	tcase_add_test(tcase, resolver_that_probes_need_is_no_mere_note);
	tcase_add_test(tcase, name_server_that_knows_no_such_name_is_alive);
	tcase_add_test(tcase, clock_before_this_program_was_made_is_wrong);
	tcase_add_test(tcase, clock_that_nobody_synchronises_is_told_by_who_should);
	tcase_add_test(tcase, clock_of_a_container_is_its_hosts);
	tcase_add_test(tcase, second_client_is_found_by_its_sockets_and_arguments);
	tcase_add_test(tcase, networkd_and_other_ports_are_no_second_client);
	tcase_add_test(tcase, router_that_says_what_it_carries_is_as_it_should_be);
	return run_case(tcase, "looks");
}
