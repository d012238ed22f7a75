# SPDX-License-Identifier: GPL-2.0-or-later
"""update-routes finds the gateways however they are written, and what it does when something is missing."""

import errno
import ipaddress

import pytest

import wans
from lab import CLIENT6, OPNSENSE_LL, SERVERS4, SERVERS6, STRANGER6
from machine import rule_text
from traffic import TcpFlow, UdpFlow, answers, close_all, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
TABLES = {"att": "100", "webpass": "200"}


def inside_gateways(lab):
    """The next hops of all our routes to the internal prefix."""
    return {r["gateway"] for r in lab.router.own_routes(6) if r["dst"] == wans.PREFIX6 and "gateway" in r}


def defaults(lab, family, table):
    """The usable default routes of a table: [(gateway, interface)]."""
    return [(route.get("gateway"), route["dev"]) for route in lab.router.routes(family, table)
            if route["dst"] == "default" and route.get("type") != "7"]


def gateways(lab, family):
    return {name: defaults(lab, family, table) for name, table in TABLES.items()}


WANTED = {4: {"att": [("104.57.226.198", "enatt0.3242")], "webpass": [("136.25.91.241", "enwebpass0")]},
          6: {"att": [("fe80::1", "enatt0.3242")], "webpass": [("fe80::1", "enwebpass0")]}}


def shares(lab, family, count=80):
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return seen


def drop_defaults(lab, family):
    for one in lab.wans:
        lab.router.ip(f"route del default dev {one.interface} metric {one.metric}\n", family)


# Gateways

@FAMILIES
def test_gateways_come_from_single_defaults(lab, family):
    assert gateways(lab, family) == WANTED[family]


@FAMILIES
def test_gateways_come_from_a_multipath_default(bare, family):
    drop_defaults(bare, family)
    hops = " ".join(f"nexthop via {hops[0][0]} dev {hops[0][1]}" for hops in WANTED[family].values())
    bare.router.ip(f"route add default proto ra metric 1024 {hops}\n", family)
    bare.up()
    assert gateways(bare, family) == WANTED[family]
    assert set(shares(bare, family)) == {"att", "webpass"}


@FAMILIES
def test_gateways_come_from_nexthop_objects(bare, family):
    """As networkd installs its RA defaults."""
    drop_defaults(bare, family)
    for number, hops in enumerate(WANTED[family].values(), start=1):
        bare.router.ip(f"nexthop add id {number} via {hops[0][0]} dev {hops[0][1]}\n"
                       f"route add default nhid {number} proto ra metric {100 + number}\n", family)
    bare.up()
    assert gateways(bare, family) == WANTED[family]


@FAMILIES
def test_gateways_come_from_a_nexthop_group(bare, family):
    drop_defaults(bare, family)
    for number, hops in enumerate(WANTED[family].values(), start=1):
        bare.router.ip(f"nexthop add id {number} via {hops[0][0]} dev {hops[0][1]}\n", family)
    bare.router.ip("nexthop add id 9 group 1/2\n")
    bare.router.ip("route add default nhid 9 proto ra metric 1024\n", family)
    bare.up()
    assert gateways(bare, family) == WANTED[family]


def test_of_two_defaults_on_one_link_the_better_counts(bare):
    bare.router.ip("route add default via 104.57.226.197 dev enatt0.3242 metric 500\n", 4)
    bare.up()
    assert gateways(bare, 4) == WANTED[4]


def test_a_default_without_gateway_is_used_as_it_is(make_lab):
    """A point-to-point link has nobody to name."""
    lab = make_lab()
    lab.isp("att").sysctl("net/ipv4/conf/mwan/proxy_arp", 1)
    lab.router.ip("route replace default dev enatt0.3242 metric 100\n", 4)
    lab.up()
    assert defaults(lab, 4, "100") == [(None, "enatt0.3242")]
    assert set(shares(lab, 4)) == {"att", "webpass"}


def test_a_fixed_gateway_needs_no_default_route(make_lab):
    lab = make_lab([wans.att(keys={"gateway4": "104.57.226.198", "gateway6": "fe80::1"}), wans.webpass()])
    for family in (4, 6):
        lab.router.ip("route del default dev enatt0.3242 metric 100\n", family)
    lab.up()
    for family in (4, 6):
        assert gateways(lab, family) == WANTED[family]
        assert set(shares(lab, family)) == {"att", "webpass"}


@pytest.mark.parametrize("gateway4", ["136.25.91.241", "auto"])
def test_a_gateway_stays_when_the_address_beside_it_goes_and_comes(make_lab, gateway4):
    """Whether the kernel was told that the gateway is on the link is no reason to change the route for ever."""
    lab = make_lab([wans.att(), wans.webpass(keys={"gateway4": gateway4})]).up()
    for change in ("del", "add"):
        lab.router.ip(f"address {change} 136.25.91.242/29 dev enwebpass0\n")
        lab.router.update()
        with lab.router.monitor() as monitor:
            lab.router.update()
            assert monitor.events() == {}
        assert gateways(lab, 4) == WANTED[4]


@FAMILIES
def test_gateway_none_takes_the_wan_out_of_that_family(make_lab, family):
    """Its public addresses stay in [map4]; nothing of the family is carried or answered there."""
    lab = make_lab([wans.att(keys={f"gateway{family}": "none", **({"prefix6": None} if family == 6 else {})}),
                    wans.webpass()])
    result = lab.router.run("update-routes")
    lab.router.run("update-npt")
    assert gateways(lab, family)["att"] == []
    assert set(shares(lab, family)) == {"webpass"}
    assert set(shares(lab, 10 - family)) == {"att", "webpass"}
    assert "gateway" not in result.err, "what is configured so is not worth a warning"


@FAMILIES
def test_a_gateway_that_changes_is_followed(lab, family):
    new = {4: "104.57.226.197", 6: "fe80::7"}[family]
    lab.router.ip(f"route replace default via {new} dev enatt0.3242 metric 100\n", family)
    lab.router.run("update-routes")
    assert gateways(lab, family)["att"] == [(new, "enatt0.3242")]


def test_a_foreign_default_with_the_lowest_metric_does_not_take_flows(lab):
    """Somebody's VPN or management default in main: marked flows don't look there."""
    lab.router.ip("route add default via 192.168.50.10 dev eth0 metric 0\n", 4)
    lab.router.update()
    for family in (4, 6):
        assert gateways(lab, family) == WANTED[family]
        assert set(shares(lab, family)) == {"att", "webpass"}


# Link routes, and where a marked packet can go

def test_each_table_knows_the_links_and_ends_in_unreachable(lab):
    for name, table in TABLES.items():
        one = lab.wan(name)
        four = {(route["dst"], route.get("dev")) for route in lab.router.routes(4, table)}
        assert ("10.250.250.0/29", wans.LAN) in four
        assert (str(ipaddress.ip_interface(one.address4).network), one.interface) in four
        for family in (4, 6):
            last = [r for r in lab.router.routes(family, table) if r["dst"] == "default" and r.get("type") == "7"]
            assert len(last) == 1 and last[0]["metric"] > 1 << 31


def test_the_internal_prefix_is_behind_opnsense_everywhere(lab):
    for table in ("100", "200", "254"):
        routes = {route["dst"]: route for route in lab.router.routes(6, table) if "type" not in route}
        assert routes[wans.PREFIX6]["gateway"] == OPNSENSE_LL
    for table in ("100", "200"):
        routes = {route["dst"]: route for route in lab.router.routes(6, table) if "type" not in route}
        assert routes[wans.ROUTER6]["dev"] == wans.LAN and "gateway" not in routes[wans.ROUTER6]


def test_a_rule_of_somebody_elses_with_the_preference_that_ip_gives_it_is_followed(make_lab):
    """Such as that for the address by which the router is managed."""
    lab = make_lab()
    lab.router.ip("rule add from 192.168.50.1 lookup 77\nroute add default via 192.168.50.10 dev eth0 table 77\n")
    assert "32765:" in lab.router.command(["ip", "rule"])
    lab.up()
    assert "via 192.168.50.10" in lab.router.command(["ip", "route", "get", "9.9.9.9", "from", "192.168.50.1"])


@pytest.mark.parametrize("family", [4, 6])
def test_rules_come_in_the_promised_order(lab, family):
    rules = lab.router.own_rules(family)
    assert [rule_text(rule) for rule in rules if rule["priority"] < 1000] == \
        ["pref 101 fwmark 0x1/0xffffffff lookup 100", "pref 102 fwmark 0x2/0xffffffff lookup 200"]
    assert [rule_text(rule) for rule in rules if rule["priority"] > 1254] == \
        ["pref 32001 iif lo goto 32003", "pref 32002 fwmark 0/0xffffffff blackhole", "pref 32003 nop"]
    sources = {(rule["priority"], rule["src"], rule["table"]) for rule in rules if 1000 < rule["priority"] <= 1254}
    if family == 4:
        assert sources == {(1001, "104.57.226.193", "100"), (1002, "136.25.91.242", "200"), (1002, "136.25.91.243", "200"),
                           (1002, "136.25.91.244", "200"), (1002, "136.25.91.246", "200")}
    else:
        assert sources == {(1001, "2001:506:72f7:108c::1", "100"), (1001, "2600:1700:2f71:c80::", "100"),
                           (1002, "2604:5500:c271:8000::72b", "200"), (1002, "2604:5500:c271:be00::", "200")}


def test_the_routers_own_default_leads_through_the_best_wan(lab):
    for family in (4, 6):
        first = [r for r in lab.router.routes(family, "main") if r["dst"] == "default" and r["protocol"] == "77"]
        assert [(r["metric"], r["dev"]) for r in first] == [(1, "enatt0.3242")]


def test_onlink_addresses_stand_on_the_interface_and_routed_ones_do_not(lab):
    own = {(interface, address) for interface, address, _ in lab.router.own_addresses()}
    assert {("enwebpass0", f"136.25.91.{n}/32") for n in range(243, 247)} <= own
    assert not any(interface == "enatt0.3242" and "." in address for interface, address in own)


# What is missing

def test_a_missing_wan_is_a_warning_and_the_others_come_up(make_lab):
    lab = make_lab()
    lab.router.ip("link del enatt0.3242\n")
    for program in ("update-routes", "update-npt"):
        result = lab.router.run(program)
        assert "<4>" in result.err and "enatt0.3242" in result.err
    for family in (4, 6):
        assert shares(lab, family) == {"webpass": 80}


def test_a_wan_that_appears_later_joins_with_the_next_run(make_lab):
    lab = make_lab()
    lab.cut("att")
    assert "<4>" in lab.router.run("update-routes").err
    lab.router.run("update-npt")
    assert shares(lab, 4) == {"webpass": 80}
    lab.mend("att")
    assert lab.router.run("update-routes").err.count("<4>") == 0
    for family in (4, 6):
        assert set(shares(lab, family)) == {"att", "webpass"}


def test_no_wan_at_all_is_not_an_error(make_lab):
    lab = make_lab()
    for one in lab.wans:
        lab.cut(one.name)
    lab.up()
    assert not any(answers(udp_flows(lab.client, 10, SERVERS4 + SERVERS6), seconds=0.2))


# Verdicts

@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 1}', '{"wans": 5}', '{"wans": [1, null]}',
                                  '{"wans": [{"name": "att", "ipv4": "down"}]}', "\0\0\0"])
def test_a_broken_health_file_counts_as_all_up(lab, text):
    lab.router.write("/run/mwan/health.json", text)
    lab.router.run("update-routes")
    assert set(shares(lab, 4)) == {"att", "webpass"}


def test_verdicts_about_unknown_wans_are_nobodys(lab):
    lab.router.health(other4="down", att4="unknown", webpass4="up")
    lab.router.run("update-routes")
    assert set(shares(lab, 4)) == {"att", "webpass"}


@FAMILIES
def test_with_all_wans_down_those_that_can_still_carry(lab, family):
    lab.router.health(**{f"att{family}": "down", f"webpass{family}": "down"})
    lab.router.run("update-routes")
    assert set(shares(lab, family)) == {"att", "webpass"}


@FAMILIES
def test_all_down_unreachable_says_so_at_once(make_lab, family):
    lab = make_lab(balance={"all_down": "unreachable"})
    lab.router.health(**{f"att{family}": "down", f"webpass{family}": "down"})
    lab.up()
    with pytest.raises(OSError) as refusal:
        TcpFlow(lab.client, SERVERS[family][0])
    assert refusal.value.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    assert set(shares(lab, 10 - family)) == {"att", "webpass"}


# OPNsense's link-local

def test_the_link_local_is_found_without_anybody_having_spoken(bare):
    bare.router.command(["ip", "neigh", "flush", "all"])
    bare.router.command(["ip", "-6", "neigh", "flush", "all"])
    bare.up()
    assert inside_gateways(bare) == {OPNSENSE_LL}


def test_a_configured_link_local_is_taken_as_it_is(make_lab):
    lab = make_lab(lan={"router6_linklocal": "fe80::abcd"}).up()
    assert inside_gateways(lab) == {"fe80::abcd"}


def test_another_opnsense_is_found_and_flows_reach_it(lab):
    assert set(shares(lab, 6)) == {"att", "webpass"}
    lab.replace_opnsense("02:00:00:00:0b:77", "fe80::ff:fe00:b77")
    lab.router.command(["ip", "neigh", "flush", "dev", wans.LAN])
    lab.router.command(["ip", "-6", "neigh", "flush", "dev", wans.LAN])
    for family in (4, 6):  # it speaks, as any router does that has just come up
        shares(lab, family, 5)
    lab.router.run("update-routes")
    assert inside_gateways(lab) == {"fe80::ff:fe00:b77"}
    assert set(shares(lab, 6)) == {"att", "webpass"}
    with UdpFlow(lab.internet, lab.wans[0].host(CLIENT6), STRANGER6) as flow:
        assert flow.ask()


def test_another_opnsense_is_found_when_the_router_still_remembers_the_old(lab):
    """A swap takes a second; neighbour entries last longer."""
    lab.replace_opnsense("02:00:00:00:0b:77", "fe80::ff:fe00:b77")
    with UdpFlow(lab.opnsense, "10.250.250.1") as flow:  # it speaks, as any router does after it has come up
        flow.send()
    lab.router.run("update-routes")
    assert inside_gateways(lab) == {"fe80::ff:fe00:b77"}


def test_a_silent_opnsense_costs_two_seconds_and_a_warning(bare):
    bare.opnsense.ip("link set wan0 down\n")
    result = bare.router.run("update-routes")
    assert "<4>" in result.err
    assert not inside_gateways(bare)
    bare.opnsense.ip("link set wan0 up\naddr replace 3d06:bad:b01:fe::2/64 dev wan0 nodad\n")
    wait_until(lambda: "NO-CARRIER" not in bare.router.command(["ip", "link", "show", wans.LAN]), "carrier")
    bare.router.run("update-routes")
    assert inside_gateways(bare) == {OPNSENSE_LL}


# The tables' names for ip(8)

def named(lab, name):
    """The destinations in the table that ip knows by this name."""
    listed = lab.router.run("ip", "route", "show", "table", name, check=False)
    return {line.split()[0] for line in listed.out.splitlines()}


def test_ip_knows_each_table_by_its_wan_also_after_an_edit(lab):
    assert "default" in named(lab, "att") and "default" in named(lab, "webpass")
    lab.wan("webpass").name = "fibre"
    lab.wan("att").table = 1100
    lab.configure()
    lab.up()
    assert "lookup fibre" in lab.router.run("ip", "rule").out
    for name, number in (("att", "1100"), ("fibre", "200")):
        assert "default" in named(lab, name) and named(lab, name) == named(lab, number)
    assert named(lab, "webpass") == set()


def test_the_daemon_follows_with_the_names(watch):
    lab, daemon = watch()
    lab.wan("att").name = "cable"
    lab.configure(health=wans.QUICK)
    daemon.reload()
    daemon.wait(lambda: "default" in named(lab, "cable"), "the name")


def test_the_names_are_written_again_when_they_are_gone_and_only_then(lab):
    path = "/run/mwan/rt_tables.conf"
    kept = lab.router.path(path).stat()
    lab.router.run("update-routes")
    assert lab.router.path(path).stat() == kept
    lab.router.run("rm", path)
    lab.router.run("update-routes")
    assert "default" in named(lab, "att")


@pytest.mark.parametrize("name", ["main", "local", "default", "all", "cache", "300", "0x12c"])
def test_a_wan_hides_no_table_of_ips_own(make_lab, name):
    lab = make_lab([wans.att(name=name), wans.webpass()]).up()
    assert named(lab, "webpass") == named(lab, "200")
    assert named(lab, "300") == set()
    assert lab.router.run("ip", "route", "show", "table", "main").out == lab.router.run("ip", "route").out


def test_who_is_not_root_is_told_to_be(lab):
    """Each program, in the same words, and the kernel is as it was."""
    before = lab.router.snapshot()
    for command in (["update-routes"], ["update-npt"], ["update-routes", "--dry-run"], ["health-check", "--once"],
                    ["health-check", "--daemon"], ["health-check", "--drain", "att"]):
        result = lab.router.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command, check=False)
        assert result.code == 1 and result.err.splitlines()[-1].endswith(": run it as root"), (command, result)
    assert lab.router.snapshot() == before


def test_a_link_that_two_sections_name_is_the_first_ones(make_lab):
    """By its name, and by an alternative one: mwan.conf alone can't tell."""
    lab = make_lab().up()
    lab.router.ip("link property add dev enatt0.3242 altname fibre0\n")
    lab.wan("webpass").keys["interface"] = "fibre0"
    lab.configure()
    result = lab.router.run("update-routes")
    assert ("webpass: fibre0 is another name of the link that [wan att] has: a link can be in one section only, so correct "
            "interface in [wan webpass]") in result.err
    assert "there is no interface" not in result.err
