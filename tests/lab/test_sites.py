# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's sites, and odd ones: neighbours, gateways, names and prefixes that nobody would choose, and somebody has."""

import configparser

import pytest

import readme
import topology
import wans
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import UdpFlow, answers, close_all, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
GATEWAY_OF_ATT = {4: "104.57.226.198", 6: "fe80::1"}


def shares(lab, family, count=60):
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return seen


def router6(lab):
    """Where the internal prefix is said to be: {(link-local, interface)} over all tables."""
    return {(route["gateway"], route["dev"]) for route in lab.router.own_routes(6)
            if route["dst"] == wans.PREFIX6 and "gateway" in route}


def translations(lab):
    """{WAN's name: prefix} as the kernel translates now."""
    rules = [rule.split() for rule in lab.router.chain("ip6", "nat", "postrouting")]
    return {one.name: words[-1] for one in lab.wans for words in rules
            if "prefix" in words and f'"{one.interface}"' in words}


# The README's

def site_of(make_lab, text):
    """A lab with a README's mwan.conf as it stands there: the links are called as the file says, and DHCP has given addresses."""
    file = configparser.ConfigParser(inline_comment_prefixes=";")
    file.read_string(text)
    described = [(name.split()[1], file[name]) for name in file.sections() if name.startswith("wan ")]
    lab = make_lab([make(name=name, interface=keys["interface"], nat4=keys.get("nat4", "map"))
                    for make, (name, keys) in zip((wans.att, wans.webpass), described, strict=True)])
    if (lan := file["lan"]["interface"]) != wans.LAN:
        lab.router.ip(f"link set {wans.LAN} down\nlink set {wans.LAN} name {lan}\nlink set {lan} up\n")
    lab.router.configure(text)
    return lab


def test_the_plainest_site_of_the_readme_balances_and_fails_over(make_lab):
    lab = site_of(make_lab, readme.sites()[0])
    daemon = lab.daemon()
    names = {one.name for one in lab.wans}
    assert set(shares(lab, 4)) == names and len(names) == 2
    assert lab.router.run("update-routes", "--check").out == ""
    for one in lab.wans:
        lab.cut(one.name)
        daemon.wait(lambda name=one.name: not daemon.family(name, "ipv4")["eligible"])
        assert shares(lab, 4) == {(names - {one.name}).pop(): 60}
        lab.mend(one.name)
        daemon.wait(lambda name=one.name: daemon.family(name, "ipv4")["eligible"])
        assert set(shares(lab, 4)) == names


def test_the_other_site_of_the_readme_has_public_addresses_and_ipv6(make_lab):
    lab = site_of(make_lab, readme.sites()[1])
    bus = lab.networkd()
    for one in lab.wans:
        bus.delegate(one.interface, one.prefix6)
    lab.up()
    for one in lab.wans:
        for inside, public in list(zip(wans.INSIDE4, one.public4))[:2]:
            with UdpFlow(lab.internet, public, STRANGER4) as flow:
                assert flow.ask().local == inside
        for outside, inside in ((one.edge(), wans.ROUTER6), (one.host(CLIENT6), CLIENT6)):
            with UdpFlow(lab.internet, outside, STRANGER6) as flow:
                assert flow.ask().local == inside
    assert set(shares(lab, 6)) == {one.name for one in lab.wans}


# Neighbours

@FAMILIES
def test_a_permanent_neighbour_survives_runs_that_bring_the_default_route(bare, family):
    """Some modems answer no ARP; who has typed in their address wants it kept."""
    bare.router.ip(f"neigh replace {GATEWAY_OF_ATT[family]} lladdr 02:00:00:00:02:01 nud permanent "
                   "dev enatt0.3242\n", family)
    bare.isp("att").ip("link set mwan arp off\nneigh replace 104.57.226.193 lladdr 02:00:00:00:01:01 nud permanent "
                       f"dev mwan\nneigh replace {topology.router_linklocal(bare.wan('att'))} "
                       "lladdr 02:00:00:00:01:01 nud permanent dev mwan\n")
    for _ in range(2):
        bare.router.ip("route flush table all proto 77\n", family)
        bare.router.update()
        neighbours = bare.router.command(["ip", f"-{family}", "neigh", "show", "dev", "enatt0.3242"])
        assert f"{GATEWAY_OF_ATT[family]} lladdr 02:00:00:00:02:01 PERMANENT" in neighbours
    assert set(shares(bare, family)) == {"att", "webpass"}


def test_another_opnsense_is_found_after_a_quiet_night(lab):
    """Replaced while the router knew nobody on the LAN: nothing tells it but asking."""
    lab.replace_opnsense("02:00:00:00:0b:77", "fe80::ff:fe00:b77")
    for family in ("-4", "-6"):
        lab.router.command(["ip", family, "neigh", "flush", "dev", wans.LAN])
    lab.router.run("update-routes")
    assert router6(lab) == {("fe80::ff:fe00:b77", wans.LAN)}
    with UdpFlow(lab.internet, lab.wan("att").host(CLIENT6), STRANGER6) as flow:
        assert flow.ask()


def test_opnsense_is_looked_for_on_another_lan_interface(lab):
    """The link-local of the old one says nothing about who is on the new."""
    lab.router.ip(topology.veth("enlan9", "02:00:00:00:0a:09", "wan9", "02:00:00:00:0b:09", lab.opnsense))
    addresses = "".join(f"addr add 10.250.250.{n}/29 dev wan9\n" for n in range(2, 7))
    lab.opnsense.ip(f"link set wan0 down\naddr flush dev wan0\nlink set wan9 up\n{addresses}"
                    f"addr add {wans.ROUTER6}/64 dev wan9 nodad\n")
    lab.router.ip("addr flush dev enmwanbr0\nlink set enlan9 up\naddr add 10.250.250.1/29 dev enlan9\n"
                  "addr add 3d06:bad:b01:fe::1/64 dev enlan9 nodad\n")
    wait_until(lambda: "fe80::ff:fe00:b09" in lab.opnsense.command(["ip", "-6", "addr", "show", "dev", "wan9"]))
    lab.configure(lan={"interface": "enlan9"})
    lab.router.run("update-routes")
    assert router6(lab) == {("fe80::ff:fe00:b09", "enlan9")}


# Gateways

@FAMILIES
def test_a_run_that_fails_puts_back_the_gateway_it_had_replaced(lab, family):
    new = {4: "104.57.226.197", 6: "fe80::5"}[family]
    before = [lab.router.routes(family, table) for table in ("100", "200")]
    base = lab.router.read("/etc/mwan/nftables.conf")
    lab.router.write("/etc/mwan/nftables.conf", "nonsense\n")
    lab.router.ip(f"route replace default via {new} dev enatt0.3242 metric 100\n", family)
    lab.router.nft("flush chain inet filter guard; flush chain inet filter input; delete set inet filter wan; "
                   "add set inet filter wan { type mark; }")  # it takes no names
    result = lab.router.run("update-routes", check=False)
    assert result.code == 1 and "<3>" in result.err, result
    assert [lab.router.routes(family, table) for table in ("100", "200")] == before
    lab.router.write("/etc/mwan/nftables.conf", base)
    lab.router.run("update-routes")
    assert new in [route.get("gateway") for route in lab.router.routes(family, "100")]


IMPOSSIBLE = {"broadcast": {"gateway4": "104.57.226.199"}, "itself": {"gateway6": "2001:506:72f7:108c::1"},
              "other's address": {"gateway4": "136.25.91.242"}, "edge": {"gateway6": "2600:1700:2f71:c80::1"}}


@pytest.mark.parametrize("weight", [1, 9], ids=["best", "second best"])
@pytest.mark.parametrize("gateway", IMPOSSIBLE)
def test_an_impossible_gateway_is_named_and_keeps_no_other_wan_down(make_lab, gateway, weight):
    """The broken WAN is the router's own default when the other weighs no more."""
    lab = make_lab([wans.att(keys=IMPOSSIBLE[gateway]), wans.webpass(weight=weight)])
    broken = int(next(iter(IMPOSSIBLE[gateway]))[-1])
    for program in ("update-routes", "update-npt", "update-routes"):
        result = lab.router.run(program, check=False)
        assert result.code == 0, result
        assert any(line.startswith("<4>att: ") for line in result.err.splitlines()), result
        assert shares(lab, broken) == {"webpass": 60}
    assert set(shares(lab, 10 - broken)) == {"att", "webpass"}
    lab.router.wait_quiet()  # the kernel tells of a new carrier within a second
    with lab.router.monitor() as monitor:
        lab.router.run("update-routes")
        assert monitor.events() == {}


# Names and prefixes

@pytest.mark.parametrize("name", ["lan", "wan", "prerouting", "choose4", "share4", "filter", "1", "-x"])
def test_a_wan_may_be_called_anything(make_lab, name):
    lab = make_lab([wans.att(name=name), wans.webpass()]).up()
    for family in (4, 6):
        assert set(shares(lab, family)) == {name, "webpass"}
    assert lab.router.run("update-npt", "--check", check=False).code == 0
    lab.router.load_base()
    with UdpFlow(lab.internet, lab.wan(name).host(CLIENT6), STRANGER6) as flow:
        assert flow.ask()


@pytest.mark.parametrize("owner, other", [("att", "webpass"), ("webpass", "att")])
def test_a_prefix_that_two_wans_report_stays_with_the_one_that_had_it(make_lab, owner, other):
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")])
    bus = lab.networkd()
    for one in lab.wans:
        bus.delegate(one.interface, one.prefix6)
    lab.up()
    flows = udp_flows(lab.client, 60, SERVERS6)
    before = answers(flows)
    bus.delegate(lab.wan(other).interface, lab.wan(owner).prefix6)
    result = lab.router.run("update-npt", check=False)
    assert result.code == 1 and f"<3>{other}: " in result.err, result
    assert translations(lab) == {owner: lab.wan(owner).prefix6}
    for flow in flows:
        flow.send()
    after = answers(flows)
    close_all(flows)
    assert set(lab.shares(after)) == {owner} and lab.leaks() == {}
    for old, new in zip(before, after):
        if lab.wan_of(old.source).name == owner:
            assert new == old
