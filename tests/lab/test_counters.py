# SPDX-License-Identifier: GPL-2.0-or-later
"""Each forwarded packet is counted once, by its WAN, family and direction; what is not mwan's in the filter stays."""

import re

import pytest

import wans
from icmp import Echo, ping
from lab import CLIENT6, FORWARDED, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import TcpFlow, UdpFlow, answers, close_all, refused, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
HEADER = {4: 20, 6: 40}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def counters(lab, table="filter"):
    """{name: (packets, bytes)} of a table's named counters."""
    return {item["counter"]["name"]: (item["counter"]["packets"], item["counter"]["bytes"])
            for item in lab.router.nft_json() if "counter" in item and item["counter"]["table"] == table}


def names(lab):
    return {f"m{one.mark}_ipv{family}_{way}" for one in lab.wans for family in (4, 6) for way in ("out", "in")}


def meter(lab):
    """A table of our own that counts the same at the very end, by interfaces: what has really left."""
    lines = "add table inet witness\nadd chain inet witness postrouting { type filter hook postrouting priority 300; }\n"
    for one in lab.wans:
        for family in (4, 6):
            for way, ends in (("out", (wans.LAN, one.interface)), ("in", (one.interface, wans.LAN))):
                name = f"m{one.mark}_ipv{family}_{way}"
                lines += (f"add counter inet witness {name}\nadd rule inet witness postrouting iifname {ends[0]} "
                          f"oifname {ends[1]} meta nfproto ipv{family} counter name {name}\n")
    lab.router.nft(lines)


def growth(before, after):
    """What was counted in between; names with nothing are left out."""
    grown = {name: tuple(b - a for a, b in zip(before.get(name, (0, 0)), after[name])) for name in after}
    return {name: value for name, value in grown.items() if value != (0, 0)}


def outbound(lab):
    """UDP, TCP and ICMP of both families from inside, over all WANs."""
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    assert None not in answers(flows)
    close_all(flows)
    for server in 6 * (SERVERS4 + SERVERS6):
        with TcpFlow(lab.client, server) as flow:
            assert flow.echo("x" * 20000) == "x" * 20000
    for servers in SERVERS.values():
        for identifier in range(12):
            assert ping(lab.client, servers[0], identifier=7000 + identifier)


def inbound(lab, one):
    """The same from the internet, to addresses of one WAN."""
    for public, stranger in ((one.public4[1], STRANGER4), (one.host(CLIENT6), STRANGER6), (one.edge(), STRANGER6)):
        with UdpFlow(lab.internet, public, stranger) as flow:
            assert flow.ask()
        with TcpFlow(lab.internet, public, stranger) as flow:
            assert flow.echo("x" * 20000) == "x" * 20000
        assert ping(lab.internet, public, stranger)
    with TcpFlow(lab.internet, one.public4[0], STRANGER4, port=FORWARDED) as flow:
        assert flow.echo("x") == "x"


def same_as_meter(lab, before=None):
    """The filter's counters as soon as they say what the meter says: connections take a moment to end."""
    def compare():
        found, metered = counters(lab), counters(lab, "witness")
        return growth(before or {}, found) == growth({}, metered) and found
    return wait_until(compare, what="counters as metered")


def test_a_new_site_has_counted_nothing(lab):
    assert counters(lab) == {name: (0, 0) for name in names(lab)}


def test_what_is_counted_is_what_was_forwarded(make_lab):
    """By an independent meter, packets and bytes."""
    lab = make_lab().up()
    meter(lab)
    outbound(lab)
    found = same_as_meter(lab)
    assert all(packets > 10 for packets, _ in found.values()), found
    for one in lab.wans:
        before = counters(lab)
        inbound(lab, one)
        found = same_as_meter(lab)
        wanted = {f"m{one.mark}_ipv{family}_{way}" for family in (4, 6) for way in ("out", "in")}
        assert set(growth(before, found)) == wanted


@FAMILIES
def test_each_packet_counts_once_from_the_first_on(lab, family):
    """Datagrams of a known size: the first of a flow, those that nobody has answered, and those of a known flow."""
    for turn in range(12):
        with UdpFlow(lab.client, SERVERS[family][0]) as flow:
            before = counters(lab)
            for kind in ("mute", "mute", "echo"):
                flow.send(f"{kind:4}")
            one = lab.wan_of(flow.answer().source)
            for _ in range(5):
                assert flow.ask()
            sent = len(f"mute {flow.identity}")
            grown = growth(before, counters(lab))
            assert set(grown) == {f"m{one.mark}_ipv{family}_{way}" for way in ("out", "in")}, turn
            assert grown[f"m{one.mark}_ipv{family}_out"] == (8, 8 * (HEADER[family] + 8 + sent))
            assert grown[f"m{one.mark}_ipv{family}_in"][0] == 6


@FAMILIES
def test_what_comes_in_first_counts_once_too(lab, family):
    for one in lab.wans:
        target, stranger = {4: (one.public4[1], STRANGER4), 6: (one.host(CLIENT6), STRANGER6)}[family]
        before = counters(lab)
        with Echo(lab.internet, {4: 2, 6: 10}[family], stranger) as echo:
            for sequence in range(4):
                echo.send(target, 4711, sequence)
            assert len(echo.received()) == 4
        size = 4 * (HEADER[family] + 64)
        assert growth(before, counters(lab)) == {f"m{one.mark}_ipv{family}_{way}": (4, size) for way in ("in", "out")}


def test_what_is_refused_is_not_counted(lab):
    before = counters(lab)
    assert refused(lab.isp("webpass"), "10.250.250.2", seconds=0.2)
    lab.router.nft('insert rule inet filter forward ip daddr 1.1.1.1 drop')
    assert refused(lab.client, "1.1.1.1", seconds=0.2)
    assert growth(before, counters(lab)) == {}


# Over runs

def test_values_survive_runs_repairs_and_other_wans(lab):
    outbound(lab)
    before = wait_until(lambda: (lambda a, b: a == b and a)(counters(lab), counters(lab)))
    for number, damage in enumerate((
            lambda: None,
            lambda: lab.router.health(att4="down", webpass6="down"),
            lambda: lab.router.run("rm", "-r", "/run/mwan/nft"),
            lambda: lab.router.nft("flush chain inet filter exits; flush set inet filter lan"),
            lambda: lab.router.nft("delete table inet mangle"),
            lambda: lab.configure(lan={"router6": "3d06:bad:b01:fe::7"}))):
        damage()
        lab.router.update()
        assert counters(lab) == before, number
    lab.wan("webpass").mark = 9
    lab.configure()
    lab.router.update()
    found = counters(lab)
    assert set(found) == names(lab)
    assert {name: found[name] for name in found if name.startswith("m1_")} == \
        {name: before[name] for name in before if name.startswith("m1_")}


OWN = """
add set inet filter blocked { type ipv4_addr; flags interval; elements = { 198.18.0.0/15 }; }
add counter inet filter mine
add counter inet filter m1_ipv4_output
add chain inet filter exits_own
add rule inet filter exits_own ip daddr @blocked counter name mine drop
add chain inet filter late { type filter hook forward priority 10; policy accept; }
add rule inet filter late counter name m1_ipv4_output
insert rule inet filter forward jump exits_own
"""


def own(lab):
    """What the user has in the filter, and the chains of the base, as lines."""
    kept = re.sub(r"\tchain (tunnels\w*|exits6?|inside6?|masqueraded|mss|shared) \{.*?\n\t\}\n", "",
                  lab.router.command(["nft", "-s", "list", "table", "inet", "filter"]), flags=re.S)
    kept = re.sub(r"\tcounter m\d+_ipv[46]_(in|out) \{.*?\n\t\}\n", "", kept, flags=re.S)
    return re.sub(r"\t(?:set (?:lan|wan)|map tunnels\w+) \{.*?\n\t\}\n", "", kept, flags=re.S).split("\n")


def test_the_users_own_part_of_the_filter_survives_and_is_no_reason_for_a_change(lab):
    lab.router.nft(OWN)
    before = [line for line in own(lab) if line]
    with lab.router.monitor() as monitor:
        for program in ("update-routes", "update-npt"):
            assert lab.router.run(program, "--check", check=False).code == 0
            lab.router.run(program)
        assert monitor.events() == {}
    for change in (
            lambda: lab.router.nft("flush chain inet filter inside6"),
            lambda: lab.router.run("rm", "-r", "/run/mwan/nft"),
            lambda: (setattr(lab.wan("att"), "mark", 7), lab.configure()),
            lambda: (lab.wans.pop(), lab.configure())):
        change()
        lab.router.update()
        assert [line for line in own(lab) if line] == before
        assert set(counters(lab)) == names(lab) | {"mine", "m1_ipv4_output"}
    assert refused(lab.client, "198.18.0.1", seconds=0.2)
    assert counters(lab)["mine"][0] > 0


def test_counters_that_others_made_first_change_nothing_but_the_order(lab):
    """Who made what first shows in a listing, and is no difference."""
    wanted = lab.router.snapshot()
    lab.router.wipe()
    lab.router.nft("add counter inet filter m2_ipv6_in; add counter inet filter m1_ipv4_in")
    lab.router.update()
    assert lab.router.snapshot() == wanted
    lab.router.load_base()
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}


# From the version before

def test_another_versions_base_is_refused_and_named(lab):
    text = lab.router.read("/etc/mwan/nftables.conf")
    kept = {path.name: path.read_text() for path in lab.router.path("/run/mwan/nft").glob("*.nft")}
    wanted = lab.router.snapshot()
    lab.router.run("rm", "-r", "/run/mwan/nft")
    lab.router.write("/etc/mwan/nftables.conf", re.sub(r"\binside6", "indoors6", text))
    lab.router.load_base()
    before = lab.router.snapshot()
    for program in ("update-routes", "update-npt"):
        result = lab.router.run(program, check=False)
        assert result.code == 1 and re.fullmatch(r"<3>.*base ruleset.*/run/mwan/nft.*\n", result.err), result
    assert lab.router.snapshot() == before
    # And its kept rules keep the new one from loading, until they are removed.
    for name, rules in kept.items():
        lab.router.write(f"/run/mwan/nft/{name}", rules)
    lab.router.write("/run/mwan/nft/filter.nft", 'add element inet filter exits { 1 . "enatt0.3242" }\n')
    lab.router.write("/etc/mwan/nftables.conf", text)
    assert lab.router.run("nft", "-f", "/etc/mwan/nftables.conf", check=False).code == 1
    lab.router.run("rm", "-r", "/run/mwan/nft")
    lab.router.load_base()
    lab.router.update()
    assert lab.router.snapshot() == wanted
