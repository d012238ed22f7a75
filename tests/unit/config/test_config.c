// SPDX-License-Identifier: GPL-2.0-or-later
// What good configurations mean, each key of them and each default.
// Some are written here, some are files: tests/golden/good-config and conf/mwan.conf.

#include "suite.h"
#include "written.h"

#include <errno.h>
#include <string.h>

static struct config load_golden(const char *name)
{
	_cleanup_(freep) char *path = golden_path(name);
	struct config config = {};
	struct fault fault = {};
	int r;

	r = config_load(path, &config, &fault);
	ck_assert_msg(r == 0, "%s", fault.text);
	return config;
}

static void check_addr(struct addr addr, const char *text)
{
	ck_assert_str_eq(addr_str(addr).s, text);
}

/* Each with its key, in their order. */
static void check_targets(const struct wan_conf *wan, enum family family, const char *expected)
{
	const struct target_list *list = &wan->health.targets[family];
	char text[512] = "";

	for (size_t i = 0; i < list->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s ", list->v[i].key,
			 list->v[i].name);
	ck_assert_str_eq(text, expected);
}

static void check_status(const struct target_conf *target, unsigned first, unsigned last)
{
	ck_assert_uint_eq(target->status.first, first);
	ck_assert_uint_eq(target->status.last, last);
}

START_TEST(a_minimal_site_gets_the_defaults)
{
	_cleanup_(config_done) struct config config = load_text(LAN ATT MAP);
	const struct wan_conf *wan = config.wans;

	ck_assert_str_eq(config.path, FILE_NAME);
	ck_assert(!config.debug_logging);
	ck_assert_int_eq(config.balance, BALANCE_FLOW);
	ck_assert(!config.all_down_unreachable);
	ck_assert_ptr_null(config.notify_command);

	ck_assert_str_eq(config.lan.interface, "lan0");
	ck_assert_str_eq(prefix_str(config.lan.prefix4).s, "10.250.250.0/29");
	check_addr(config.lan.router4, "10.250.250.2");
	ck_assert_uint_eq(config.lan.prefix6.len, 0);
	ck_assert_int_eq(config.lan.router6.family, AF_UNSPEC);
	ck_assert_int_eq(config.lan.router6_linklocal.family, AF_UNSPEC);
	ck_assert(config.lan.hairpin);

	ck_assert_uint_eq(config.n_wans, 1);
	ck_assert_str_eq(wan->name, "att");
	ck_assert_str_eq(wan->interface, "wan0");
	ck_assert_uint_eq(wan->mark, 1);
	ck_assert_uint_eq(wan->table, 100);
	ck_assert_uint_eq(wan->weight, 1);
	ck_assert_uint_eq(wan->tier, 1);
	for (int f = 0; f < N_FAMILIES; f++) {
		ck_assert_int_eq(wan->gateway_mode[f], GATEWAY_AUTO);
		ck_assert_int_eq(wan->gateway[f].family, AF_UNSPEC);
	}
	ck_assert(!wan->masquerade4 && !wan->onlink4 && !wan->masquerade6 && !wan->fallback6);
	ck_assert(!wan->fixed6 && !wan->hairpin6 && !wan->flush_down && !wan->metered);
	ck_assert(!wan->flush_failback);
	ck_assert_uint_eq(wan->recovery_hold_us, 0);
	ck_assert_uint_eq(wan->prefix6_block, 0);

	ck_assert_uint_eq(wan->health.interval_us, 5000000);
	ck_assert_uint_eq(wan->health.timeout_us, 1000000);
	ck_assert_uint_eq(wan->health.failure_threshold, 3);
	ck_assert_uint_eq(wan->health.recovery_threshold, 5);
	ck_assert_uint_eq(wan->health.min_targets, 1);
	check_targets(wan, IPV6, "ping6 2606:4700:4700::1111 ping6 2001:4860:4860::8888 ");
	check_targets(wan, IPV4, "ping4 1.1.1.1 ping4 8.8.8.8 ");
	ck_assert_int_eq(wan->health.max_loss, -1);
	ck_assert_uint_eq(wan->health.max_rtt_us, 0);

	ck_assert_uint_eq(config.n_map4, 1);
	check_addr(config.map4[0].inside.addr, "10.250.250.2");
	check_addr(config.map4[0].publics[0].addr, "192.0.2.1");
}
END_TEST

START_TEST(the_contracts_example_loads)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/contract.conf");

	ck_assert_uint_eq(config.n_wans, 2);
	ck_assert_str_eq(config.wans[1].name, "webpass");
	ck_assert(!config.wans[0].onlink4 && config.wans[1].onlink4);
	ck_assert_str_eq(prefix_str(config.lan.prefix6).s, "3d06:bad:b01::/60");
	check_addr(config.lan.router6, "3d06:bad:b01:fe::2");
	ck_assert_uint_eq(config.n_map4, 2);
	check_addr(config.map4[1].publics[1].addr, "136.25.91.243");
	ck_assert_ptr_eq(config_wan_by_interface(&config, "enwebpass0"), &config.wans[1]);
	ck_assert_ptr_null(config_wan_by_interface(&config, "enmwanbr0"));
}
END_TEST

START_TEST(direct_sections_have_networks_of_both_families)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/direct.conf");
	const struct direct_conf *vpn = config.directs;

	ck_assert_uint_eq(config.n_directs, 1);
	ck_assert_str_eq(vpn->name, "vpn");
	ck_assert_str_eq(vpn->interface, "wg0");
	ck_assert_uint_eq(vpn->networks.n, 3);
	ck_assert_str_eq(prefix_str(vpn->networks.v[1]).s, "fd00:89::/48");
	ck_assert_str_eq(prefix_str(vpn->networks.v[2]).s, "192.168.7.7/32");
	ck_assert_ptr_eq(config_direct_of(&config, vpn->networks.v[2].addr), vpn);
	ck_assert_ptr_null(config_direct_of(&config, config.lan.router4));
	ck_assert_uint_eq(config.wans[0].modem.n, 2);
	ck_assert_uint_eq(config_modem_of(&config, config.wans[0].modem.v[1].addr), 0);
	ck_assert_uint_eq(config_modem_of(&config, config.lan.router4), 2);
}
END_TEST

START_TEST(the_installed_example_loads)
{
	_cleanup_(config_done) struct config config = load_golden("../../conf/mwan.conf");

	ck_assert_uint_eq(config.n_wans, 2);
	ck_assert_uint_eq(config.n_map4, 5);
	check_addr(config.map4[4].inside.addr, "10.250.250.6");
	check_addr(config.map4[4].publics[0].addr, "104.57.226.197");
	check_addr(config.map4[4].publics[1].addr, "136.25.91.246");
}
END_TEST

START_TEST(three_wans_share_by_weight)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/three-wans.conf");
	const struct wan_conf *radio = &config.wans[2];

	ck_assert_uint_eq(config.n_wans, 3);
	ck_assert_uint_eq(config.wans[0].weight, 5);
	ck_assert_uint_eq(config.wans[1].weight, 3);
	ck_assert_uint_eq(radio->weight, 2);
	check_addr(config.lan.router6_linklocal, "fe80::2");

	ck_assert(config.wans[0].fixed6 && config.wans[1].fixed6 && !radio->fixed6);
	ck_assert_str_eq(prefix_str(config.wans[1].prefix6).s, "2001:db8:200::/48");
	ck_assert(config.wans[1].flush_down);
	ck_assert(config.wans[1].flush_failback);
	ck_assert_uint_eq(config.wans[1].recovery_hold_us, 2UL * 3600 * 1000000);

	ck_assert_int_eq(radio->gateway_mode[IPV4], GATEWAY_FIXED);
	check_addr(radio->gateway[IPV4], "203.0.113.225");
	ck_assert_int_eq(radio->gateway_mode[IPV6], GATEWAY_NONE);
	ck_assert_uint_eq(radio->health.interval_us, 30000000);
	ck_assert_uint_eq(radio->health.targets[IPV4].n, 1);
	ck_assert_int_eq(radio->health.max_loss, 20);
	ck_assert_uint_eq(radio->health.max_rtt_us, 800000);
	ck_assert_uint_eq(config.wans[0].health.interval_us, 5000000);

	/* Both ways to wrap an entry. */
	check_addr(config.map4[0].publics[2].addr, "203.0.113.226");
	check_addr(config.map4[1].publics[0].addr, "192.0.2.11");
	check_addr(config.map4[1].publics[2].addr, "203.0.113.227");
}
END_TEST

START_TEST(a_wan_overrides_health_whatever_the_order)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/tiers.conf");
	const struct wan_conf *modem = &config.wans[0], *fibre = &config.wans[1];

	ck_assert_int_eq(config.balance, BALANCE_SOURCE_DESTINATION);
	ck_assert(config.all_down_unreachable);
	ck_assert_str_eq(config.notify_command, "/usr/local/bin/tell-me");

	ck_assert_uint_eq(modem->tier, 9);
	ck_assert_uint_eq(modem->mark, 254);
	ck_assert_uint_eq(modem->table, 65535);
	ck_assert(modem->masquerade4 && modem->masquerade6 && modem->metered);
	ck_assert_uint_eq(modem->health.interval_us, 60000000);
	ck_assert_uint_eq(modem->health.min_targets, 1);
	check_targets(modem, IPV4, "http4 http://198.51.100.1/up?from=modem ");

	ck_assert(fibre->onlink4 && fibre->hairpin6 && fibre->fallback6);
	ck_assert_uint_eq(fibre->prefix6_block, 7);
	ck_assert_uint_eq(fibre->health.interval_us, 1500000);
	ck_assert_uint_eq(fibre->health.timeout_us, 500000);
	ck_assert_uint_eq(fibre->health.min_targets, 3);
	ck_assert_uint_eq(fibre->health.failure_threshold, 3);
	ck_assert_uint_eq(fibre->health.targets[IPV6].n, 3);
	ck_assert_str_eq(fibre->health.targets[IPV6].v[2].name, "2620:fe::fe");
	ck_assert_uint_eq(fibre->health.targets[IPV4].n, 6);
	check_status(&fibre->health.targets[IPV4].v[3], 200, 299);
	check_status(&fibre->health.targets[IPV4].v[4], 204, 204);
	check_status(&fibre->health.targets[IPV4].v[5], 300, 399);

	ck_assert_int_eq(config.map4[0].publics[0].addr.family, AF_UNSPEC);
	check_addr(config.map4[0].publics[2].addr, "198.51.100.10");
}
END_TEST

START_TEST(a_site_that_masquerades_needs_no_map)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/masquerade.conf");

	ck_assert(config.debug_logging);
	ck_assert_uint_eq(config.n_map4, 0);
	ck_assert_str_eq(config.wans[1].name, "b-2_B");
	ck_assert_int_eq(config.wans[1].gateway_mode[IPV4], GATEWAY_NONE);
}
END_TEST

START_TEST(a_site_without_ipv6_loads)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/no-ipv6.conf");

	ck_assert_uint_eq(config.lan.prefix6.len, 0);
	ck_assert_int_eq(config.wans[0].gateway_mode[IPV6], GATEWAY_NONE);
	ck_assert_uint_eq(config.wans[0].health.targets[IPV6].n, 0);
}
END_TEST

START_TEST(networks_behind_the_router_inside_are_inside)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/inside4.conf");
	struct addr host = {}, stranger = {};

	ck_assert_uint_eq(config_n_inside4(&config), 3);
	ck_assert_str_eq(prefix_str(config_inside4(&config, 2)).s, "192.168.7.0/24");
	addr_parse("192.168.7.9", AF_INET, &host);
	addr_parse("192.168.8.9", AF_INET, &stranger);
	ck_assert_uint_eq(config_inside_of(&config, host).len, 24);
	ck_assert_uint_eq(config_inside_of(&config, stranger).len, 0);
	ck_assert(config_overlaps_inside(&config, prefix_host(host)));
	ck_assert(!config_overlaps_inside(&config, prefix_host(stranger)));
}
END_TEST

START_TEST(hosts_on_the_link_need_no_router)
{
	_cleanup_(config_done) struct config config = load_golden("good-config/on-link.conf");

	ck_assert_int_eq(config.lan.router4.family, AF_UNSPEC);
	ck_assert_uint_eq(config.lan.prefix6.len, 64);
	ck_assert(!config_has_router6(&config));
}
END_TEST

START_TEST(as_many_wans_as_marks)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	fputs(LAN, out);
	for (unsigned i = 1; i <= 254; i++)
		fprintf(out,
			"[wan w%u]\ninterface = w%u\nmark = %u\ntable = %u\nnat4 = masquerade\n", i,
			i, i, 1000 + i);
	fflush(out);
	ck_assert_int_eq(load_bytes(text, n, &config, &fault), 0);
	ck_assert_uint_eq(config.n_wans, 254);
	ck_assert_str_eq(config.wans[253].name, "w254");

	fputs("[wan w255]\n", out);
	fclose(out);
	refuse(text, n,
	       "site.conf:1275: [wan w255]: the section is one too many: 254 are possible");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_says_why)
{
	struct config config;
	struct fault fault = {}, other = {};

	ck_assert_int_eq(config_load("nowhere.conf", &config, &fault), -ENOENT);
	ck_assert_str_eq(fault.text, "nowhere.conf: No such file or directory");
	ck_assert_int_eq(config_load("/", &config, &other), -EISDIR);
	ck_assert_str_eq(other.text, "/: Is a directory");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, a_minimal_site_gets_the_defaults);
	tcase_add_test(tcase, the_contracts_example_loads);
	tcase_add_test(tcase, direct_sections_have_networks_of_both_families);
	tcase_add_test(tcase, the_installed_example_loads);
	tcase_add_test(tcase, three_wans_share_by_weight);
	tcase_add_test(tcase, a_wan_overrides_health_whatever_the_order);
	tcase_add_test(tcase, a_site_that_masquerades_needs_no_map);
	tcase_add_test(tcase, a_site_without_ipv6_loads);
	tcase_add_test(tcase, networks_behind_the_router_inside_are_inside);
	tcase_add_test(tcase, hosts_on_the_link_need_no_router);
	tcase_add_test(tcase, as_many_wans_as_marks);
	tcase_add_test(tcase, a_file_that_cannot_be_read_says_why);

	return run_case(tcase, "config");
}
