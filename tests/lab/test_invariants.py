# SPDX-License-Identifier: GPL-2.0-or-later
"""
What always holds, with traffic: I1 to I4, on the site that has everything at once (I5 to I7, on a plainer one, are in
test_hitless.py). That nothing leaks (I1) is checked at the end of every other lab test too.
"""

import os
import threading

import pytest

import rtnl
import wans
from everything import BACKUP, INSIDE4, Everything
from icmp import ping
from lab import CLIENT4, CLIENT6, FORWARDED, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import PORT, Load, TcpFlow, UdpFlow, answers, close_all, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture
def bare(make_lab):
    """Everything at once, as after boot."""
    return make_lab(kind=Everything)


@pytest.fixture
def lab(bare):
    """The same, up. What stands by is asked for nothing."""
    return bare.up()


def reached(wan, family):
    """Where a host inside is reached over the WAN; None: nowhere."""
    if family == 6:
        return wan.host(CLIENT6) if wan.gateway6 else None
    return wan.public4[1] if wan.public4 else wan.sources4()[0] if wan.name == "dsl" else None


# I1: no packet leaves a WAN with a source that is not that WAN's

def test_i1_nothing_leaks_before_the_programs_have_run(bare):
    flows = udp_flows(bare.client, 50, SERVERS4 + SERVERS6)
    assert not any(answers(flows, seconds=0.3))
    close_all(flows)
    assert bare.leaks() == {}


def test_i1_nothing_leaks_when_flows_begin_before_the_programs_run(bare):
    """WireGuard keeps sending: what began too early must come right, not leak."""
    flows = udp_flows(bare.client, 50, SERVERS4 + SERVERS6)
    assert not any(answers(flows, seconds=0.2))
    bare.up()
    for flow in flows:
        flow.send()
    assert all(answers(flows))
    close_all(flows)
    assert bare.leaks() == {}


def test_i1_nothing_leaks_while_everything_changes_at_once(lab):
    """Reloads, verdicts and prefixes change under load, again and again."""
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    assert all(answers(flows))
    with Load(flows, rounds_per_second=100):
        for turn in range(10):
            lab.router.health(att4="down" if turn % 2 else "up", webpass6="up" if turn % 2 else "down")
            lab.router.run("update-routes")
            fresh = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
            lab.router.load_base()
            lab.router.update()
            close_all(fresh)
    close_all(flows)
    assert lab.leaks() == {}


def test_i1_late_resets_of_forgotten_connections_do_not_leak(lab):
    """A RST that conntrack does not know has no translation: it must not leave as it is."""
    flows = [TcpFlow(lab.client, SERVERS[4 + 2 * (i % 2)][0]) for i in range(40)]
    rtnl.forget_flows(lab.router)
    for flow in flows:
        flow.close(reset=True)
    with UdpFlow(lab.client, SERVERS4[0]) as flow:  # whatever the resets did, it is done when this is answered
        assert flow.ask()
    assert lab.leaks() == {}


def test_i1_foreign_sources_from_the_lan_are_dropped(lab):
    lab.opnsense.ip("addr add 192.168.77.1/32 dev wan0\naddr add 2001:db8:77::1/128 dev wan0 nodad\n")
    for server, source in ((SERVERS4[0], "192.168.77.1"), (SERVERS6[0], "2001:db8:77::1"),
                           (SERVERS4[0], "10.250.250.2")):
        with UdpFlow(lab.opnsense, server, source) as flow:
            assert bool(flow.ask(seconds=0.3)) == (source == "10.250.250.2")
    assert lab.leaks() == {}


# I2: a flow keeps its WAN for life. One that moves keeps its translation, and shows as a leak on the other WAN.

@FAMILIES
def test_i2_udp_flows_that_nobody_answers_keep_their_wan(lab, family):
    """Until it is answered, conntrack calls every packet of a UDP flow new."""
    flows = udp_flows(lab.client, 500, SERVERS[family], kind="mute")
    for _ in range(4):
        for flow in flows:
            flow.send("mute")
    with UdpFlow(lab.client, SERVERS[family][0]) as last:
        assert last.ask()
    sources = [lab.servers.seen[flow.identity] for flow in flows]
    close_all(flows)
    assert all(len(seen) == 1 for seen in sources) and lab.leaks() == {}
    assert {lab.wan_of(next(iter(seen))[0]).name for seen in sources} == {"att", "webpass"}


@FAMILIES
def test_i2_udp_flows_that_are_answered_late_keep_their_wan(lab, family):
    flows = udp_flows(lab.client, 300, SERVERS[family], kind="late")
    for _ in range(3):
        for flow in flows:
            flow.send("late")
    wait_until(lambda: all(lab.servers.seen.get(flow.identity) for flow in flows), what="all requests at the server")
    lab.servers.release()
    assert all(answers(flows))
    for flow in flows:
        flow.send()
    assert all(answers(flows))
    sources = [lab.servers.seen[flow.identity] for flow in flows]
    close_all(flows)
    assert all(len(seen) == 1 for seen in sources) and lab.leaks() == {}


@FAMILIES
def test_i2_first_packets_that_race_on_two_cpus_take_one_wan(lab, family):
    """From OPNsense itself, so that the router is the first to see them."""
    source = "10.250.250.4" if family == 4 else "3d06:bad:b01:fe::2"
    flows = [UdpFlow(lab.opnsense, SERVERS[family][0], source) for _ in range(1000)]
    cpus = sorted(os.sched_getaffinity(0))
    start = threading.Barrier(2)

    def send(cpu):
        os.sched_setaffinity(0, {cpu})  # of this thread
        start.wait()
        for flow in flows:
            flow.send("mute")

    threads = [threading.Thread(target=send, args=(cpus[i % len(cpus)],)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with UdpFlow(lab.opnsense, SERVERS[family][0], source) as last:
        assert last.ask()
    sources = [lab.servers.seen[flow.identity] for flow in flows]
    close_all(flows)
    assert [seen for seen in sources if len(seen) != 1] == [] and lab.leaks() == {}


@FAMILIES
def test_i2_flows_keep_their_wan_when_shares_change(lab, family):
    flows = udp_flows(lab.client, 200, SERVERS[family])
    before = [(seen.source, seen.port) for seen in answers(flows)]
    lab.wan("webpass").weight = 9
    lab.configure()
    lab.router.run("update-routes")
    for flow in flows:
        flow.send()
    after = [(seen.source, seen.port) for seen in answers(flows)]
    close_all(flows)
    assert before == after and lab.leaks() == {}


@FAMILIES
def test_i2_tcp_connections_survive_a_verdict_and_its_end(lab, family):
    """Sessions on a WAN that is declared down drain; they don't move."""
    flows = [TcpFlow(lab.client, SERVERS[family][0]) for _ in range(30)]
    for state in ("down", "up"):
        lab.router.health(**{f"att{family}": state})
        lab.router.run("update-routes")
        assert all(flow.echo("still here") == "still here" for flow in flows)
    close_all(flows)


# I3: a flow that came in on a WAN is answered on it

@FAMILIES
def test_i3_inbound_flows_are_answered_where_they_came_in(lab, family):
    """A connected socket takes answers from nobody but the address it knocked at."""
    for target in filter(None, (reached(wan, family) for wan in lab.wans)):
        stranger = STRANGER4 if family == 4 else STRANGER6
        for _ in range(20):
            with UdpFlow(lab.internet, target, stranger) as flow:
                assert flow.ask()
            with TcpFlow(lab.internet, target, stranger, port=PORT) as flow:
                assert flow.echo("x") == "x"


def test_i3_inbound_flows_stay_when_their_wan_is_declared_down(lab):
    flows = [TcpFlow(lab.internet, lab.wan("att").public4[0], STRANGER4, port=FORWARDED),
             TcpFlow(lab.internet, lab.wan("att").host(CLIENT6), STRANGER6)]
    lab.router.health(att4="down", att6="down")
    lab.router.run("update-routes")
    assert all(flow.echo("x") == "x" for flow in flows)
    with TcpFlow(lab.internet, lab.wan("att").public4[0], STRANGER4, port=FORWARDED) as fresh:
        assert fresh.greeting.local == CLIENT4
    close_all(flows)


def test_i3_the_router_answers_pings_to_its_own_addresses_on_their_wan(lab):
    for wan in lab.wans:
        assert wan.gateway6 is None or ping(lab.internet, wan.address6, STRANGER6)


# I4: an ineligible WAN gets no new flows of that family, and the other family does not care

def shares(lab, family, count=100):
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = lab.shares(answers(flows))
    close_all(flows)
    return seen


@FAMILIES
def test_i4_a_wan_probed_down_is_avoided_in_that_family_only(lab, family):
    lab.router.health(**{f"att{family}": "down"})
    lab.router.run("update-routes")
    assert shares(lab, family) == {"webpass": 100}
    assert set(shares(lab, 10 - family)) == {"att", "webpass"}


@FAMILIES
def test_i4_a_wan_without_gateway_is_avoided_in_that_family_only(lab, family):
    lab.router.command(["ip", f"-{family}", "route", "del", "default", "dev", "enatt0.3242", "metric", "100"])
    lab.router.run("update-routes")
    assert shares(lab, family) == {"webpass": 100}
    assert set(shares(lab, 10 - family)) == {"att", "webpass"}


def test_i4_a_wan_without_prefix_is_avoided_in_ipv6_only(bare):
    lab = bare
    lab.wan("att").keys["prefix6"] = "auto"
    lab.configure()
    lab.up()
    assert shares(lab, 6) == {"webpass": 100}
    assert set(shares(lab, 4)) == {"att", "webpass"}


def test_i4_a_wan_without_carrier_is_avoided_in_both_families(lab):
    lab.cut("att")
    lab.router.run("update-routes")
    for family in (4, 6):
        assert shares(lab, family) == {"webpass": 100}
    lab.mend("att")
    lab.router.run("update-routes")
    for family in (4, 6):
        assert set(shares(lab, family)) == {"att", "webpass"}


def test_i4_the_routers_own_traffic_avoids_it_too(lab):
    for down, up in (("att", "webpass"), ("webpass", "att")):
        lab.router.health(**{f"{down}4": "down", f"{down}6": "down"})
        lab.router.run("update-routes")
        for family in (4, 6):
            with UdpFlow(lab.router, SERVERS[family][0]) as flow:
                assert lab.wan_of(flow.ask().source).name == up


def test_each_part_works_beside_the_others(lab):
    """Or what the tests above rely on is not there."""
    att, webpass, dsl, _ = lab.wans
    lab.opnsense.ip(f"route add {INSIDE4} via {CLIENT4} dev lan1\n")
    lab.opnsense.nft(f"insert rule ip nat postrouting ip saddr {INSIDE4} accept")
    lab.client.ip(f"route add local {INSIDE4} dev lo\n")
    for target, ports, rule, names in (
            (SERVERS4[0], ("4000", "5060"), "voice", "att"), (SERVERS6[0], ("4000", "10500"), "voice", "att"),
            (STRANGER4, ("4000", "7"), "backup", "webpass"), (SERVERS4[0], ("500", "500"), "ike", "att webpass"),
            (SERVERS4[0], ("4000", "7"), "none", "att webpass")):
        source = wans.INSIDE4[0] if "." in target else CLIENT6
        told = lab.router.run("update-routes", "--explain", source, target, "udp", *ports).out.splitlines()
        assert f"rule: {rule}" in told and told[0] in [f"wan: {name}" for name in names.split()], told
    flows = udp_flows(lab.client, 20, [STRANGER4])  # the rule `backup`
    assert lab.shares(answers(flows)) == {"webpass": 20}
    close_all(flows)
    flows = udp_flows(lab.client, 40, SERVERS4, [f"10.20.3.{number}" for number in range(1, 41)])
    assert {one.source for one in answers(flows)} == {att.public4[4], webpass.public4[4]}
    close_all(flows)
    with UdpFlow(lab.client, SERVERS4[0], "10.20.7.7") as flow:  # the rule `television`
        assert flow.ask().source == webpass.public4[4]
    with UdpFlow(lab.client2, att.public4[0], port=FORWARDED) as flow:  # from inside, to a service inside
        assert flow.ask().server == "client"
    with UdpFlow(lab.internet, dsl.sources4()[0], STRANGER4) as flow:  # a lease of [map4]
        assert flow.ask().local == wans.INSIDE4[1]
    with pytest.raises(OSError):  # [direct] without its interface
        TcpFlow(lab.client, "10.89.0.1").close()
    for name in ("att", "webpass"):
        lab.cut(name)
    lab.router.run("update-routes")
    for family in (4, 6):
        assert shares(lab, family, 40) == {"dsl": 40}
    lab.hang_up("dsl")
    lab.router.run("update-routes")
    assert shares(lab, 4, 40) == {"lte": 40}


# I5 to I7, with everything

def test_i5_to_i7_reloads_and_runs_change_nothing_and_cost_nothing(lab):
    """Also where each kind of rule, map and set has something in it."""
    before = lab.router.snapshot()
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    assert all(answers(flows))
    with Load(flows, rounds_per_second=50) as load:
        for _ in range(3):
            lab.router.load_base()
            lab.router.update()
        lab.router.wait_quiet()
        with lab.router.monitor() as monitor:
            lab.router.update()
            assert monitor.events() == {}
        lab.router.write("/etc/mwan/backup.txt", "192.0.2.0/24\n")
        lab.router.run("update-routes")
        lab.router.write("/etc/mwan/backup.txt", BACKUP)
        lab.router.run("update-routes")
        lab.hang_up("lte")
        lab.router.run("update-routes")
        lab.dial("lte", "100.70.9.9/32", "wwan5")
        lab.dial("lte", lab.wan("lte").address4, "wwan0")
        lab.router.update()
    close_all(flows)
    assert not load.lost and not load.moved
    lab.router.run("ip", "rule", "del", "pref", "101")
    lab.router.run("ip", "route", "flush", "table", "200")
    lab.router.nft("flush ruleset")
    lab.router.update()
    assert lab.router.snapshot() != [] and lab.router.run("update-npt", "--check").code == 0
    assert [line for line in before if "wwan" not in line and "100.70." not in line] == [
        line for line in lab.router.snapshot() if "wwan" not in line and "100.70." not in line]
