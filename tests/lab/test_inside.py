# SPDX-License-Identifier: GPL-2.0-or-later
"""What is inside: hosts on the LAN link itself, and networks behind OPNsense whose hosts keep their addresses."""

import errno

import pytest

import topology
import wans
from doctor import Doctor
from icmp import ping
from lab import CLIENT4, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from test_balance import expect
from traffic import Load, TcpFlow, UdpFlow, answers, close_all, refused, udp_flows

HOST6, FIRST6 = "3d06:bad:b01::20", "3d06:bad:b01::1"
HOST4 = "10.250.250.3"
FAR = "10.250.3."  # a /24 behind the client


def goes(lab, namespace, source, servers, count=40):
    """{WAN's name: flows} of what that source begins."""
    flows = udp_flows(namespace, count, servers, [source])
    seen = lab.shares(answers(flows))
    close_all(flows)
    return seen


def is_told_at_once(namespace, source):
    """A connection is refused by the router, and not only unanswered."""
    with pytest.raises(OSError) as refusal:
        TcpFlow(namespace, SERVERS4[0], source).close()
    return refusal.value.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)


# router4 = none

@pytest.fixture
def link(make_lab):
    """A lab whose OPNsense stand-in is no router, but hosts on the link, IPv6 too."""
    lab = make_lab(lan={"router4": "none", "router6": None, "router6_linklocal": None}, health=wans.QUICK)
    lab.opnsense.ip(f"addr add {HOST6}/64 dev wan0 nodad\naddr add {FIRST6}/64 dev wan0 nodad\n")
    lab.router.ip("addr add 3d06:bad:b01::5/64 dev enmwanbr0 nodad\n")
    return lab


def test_hosts_on_the_link_itself(link):
    lab, both = link, {"att", "webpass"}
    daemon = lab.daemon()
    daemon.wait_states()
    for servers, source in ((SERVERS4, HOST4), (SERVERS6, HOST6)):
        assert set(goes(lab, lab.opnsense, source, servers)) == both
    for one in lab.wans:
        # In, to the host that is meant.
        for outside, inside, stranger in ((one.public4[1], HOST4, STRANGER4), (one.host(HOST6), HOST6, STRANGER6)):
            with TcpFlow(lab.internet, outside, stranger) as flow:
                assert (flow.greeting.server, flow.greeting.local) == ("opnsense", inside)
        # The edge is the router: nobody else gets what comes for it, not even who has that number inside.
        assert ping(lab.internet, one.edge(), STRANGER6) and ping(lab.opnsense, one.edge(), HOST6)
        assert refused(lab.internet, one.edge(), STRANGER6, seconds=0.3)
    # Between the hosts and the router no WAN is needed.
    for router, host in (("10.250.250.1", HOST4), ("3d06:bad:b01::5", HOST6)):
        assert ping(lab.opnsense, router, host) and ping(lab.router, host, router)

    assert daemon.health()["lan"] | {"since": 0} == {
        "interface": wans.LAN, "carrier": True, "router4": None, "router6": None, "since": 0}
    assert lab.router.run("health-check", "--status").out.startswith("All well\n")
    assert Doctor(lab.router, ("links", "tables", "neighbours", "OPNsense", "flows")).complaints() == []
    assert lab.router.run("update-npt", "--check").out == ""

    # A WAN that fails takes nobody with it, and a reload takes nothing.
    flows = udp_flows(lab.opnsense, 40, SERVERS4, [HOST4]) + udp_flows(lab.opnsense, 40, SERVERS6, [HOST6])
    kept = [flow for flow, seen in zip(flows, answers(flows)) if lab.wan_of(seen.source).name == "webpass"]
    with Load(kept) as load:
        lab.cut("att")
        daemon.wait(lambda: not daemon.family("att", "ipv6")["eligible"] and not daemon.family("att", "ipv4")["eligible"])
        lab.router.load_base()
        for servers, source in ((SERVERS4, HOST4), (SERVERS6, HOST6)):
            assert set(goes(lab, lab.opnsense, source, servers)) == {"webpass"}
    assert not load.lost and not load.moved
    close_all(flows)
    assert lab.leaks() == {}


def test_hosts_on_the_link_without_a_map(make_lab):
    """The plainest site of all: nothing but two WANs that masquerade, and their prefixes."""
    lab = make_lab([wans.att(nat4="masquerade"), wans.webpass(nat4="masquerade", nat6="masquerade", prefix_key=None)],
                   lan={"router4": "none", "router6": None, "router6_linklocal": None})
    lab.opnsense.ip(f"addr add {HOST6}/64 dev wan0 nodad\n")
    lab.up()
    for servers, source in ((SERVERS4, HOST4), (SERVERS6, HOST6)):
        assert set(goes(lab, lab.opnsense, source, servers)) == {"att", "webpass"}
    with UdpFlow(lab.internet, lab.wan("att").host(HOST6), STRANGER6) as flow:
        assert flow.ask().local == HOST6
    assert lab.router.run("update-routes", "--check").out == ""
    assert lab.leaks() == {}


# inside4

def routed(lab):
    """OPNsense routes and does not translate; behind the client is a network of many hosts."""
    lab.opnsense.nft("flush chain ip nat postrouting\n")
    lab.opnsense.ip(f"route add {FAR}0/24 via {CLIENT4} dev lan1\n")
    lab.client.ip(f"route add local {FAR}0/24 dev lo\n")
    return lab


def test_clients_are_spread_and_not_five_identities(make_lab):
    """Weights 5:3:2 gave the WANs 3, 0 and 2 of OPNsense's five addresses."""
    descriptions = wans.many([5, 3, 2])
    for one in descriptions:
        one.nat4 = "masquerade"
    lab = routed(make_lab(descriptions, balance={"mode": "source"},
                          lan={"inside4": f"10.250.1.0/24,\n\t{FAR}0/24"})).up()
    hosts = [f"{FAR}{n}" for n in range(1, 251)]
    flows = udp_flows(lab.client, 500, SERVERS4, hosts)
    seen = answers(flows)
    close_all(flows)
    expect(lab.shares(seen[:250]), {"isp1": 5, "isp2": 3, "isp3": 2})
    # Each of them keeps to its WAN.
    assert [lab.wan_of(one.source).name for one in seen[:250]] == [lab.wan_of(one.source).name for one in seen[250:]]
    assert lab.router.run("update-routes", "--check").out == ""
    assert lab.leaks() == {}


def test_hosts_behind_opnsense_are_mapped_masqueraded_or_refused(make_lab):
    lab = routed(make_lab([wans.att(), wans.webpass(nat4="masquerade")], inside=0,
                          lan={"inside4": f"10.250.1.0/24, {FAR}0/24"}, further={CLIENT4: "att 104.57.226.196"}))
    lab.up()
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}
    assert goes(lab, lab.client, f"{FAR}7", SERVERS4) == {"webpass": 40}
    assert goes(lab, lab.client, CLIENT4, SERVERS4).keys() == {"att", "webpass"}
    with TcpFlow(lab.internet, "104.57.226.196", STRANGER4) as flow:
        assert (flow.greeting.server, flow.greeting.local) == ("client", CLIENT4)
        assert flow.echo("x") == "x"
    # The router itself reaches them, and hears of what they can't reach.
    assert ping(lab.router, f"{FAR}7", "10.250.250.1")

    # Where all WANs map, who is in no row is refused; what has begun goes on.
    one = UdpFlow(lab.client, SERVERS4[0], CLIENT4)
    kept = one.ask().source
    lab.wans[1].nat4 = "map"
    lab.configure(inside=0, lan={"inside4": f"10.250.1.0/24, {FAR}0/24"},
                  further={CLIENT4: "att 104.57.226.196, webpass 136.25.91.242"})
    lab.router.update()
    assert is_told_at_once(lab.client, f"{FAR}7")
    for namespace, source in ((lab.client, f"{FAR}7"), (lab.client2, topology.CLIENT2_4)):
        flows = udp_flows(namespace, 20, SERVERS4, [source])
        assert set(answers(flows, 0.3)) == {None}
        close_all(flows)
    doctor = Doctor(lab.router, ("refused",))
    doctor.finds("refused", "WRONG", f"LAN: what comes from {FAR}7 is refused: it is in no row of [map4]")
    found = doctor.finds("refused", "WRONG", f"LAN: what comes from 10.250.2.0/24, {topology.CLIENT2_4}, is refused")
    assert f"`inside4 = 10.250.1.0/24, {FAR}0/24, 10.250.2.0/24` in [lan] and `10.250.2.0/24 = att PUBLIC, ...` in [map4]" in found.fix
    with TcpFlow(lab.internet, "136.25.91.242", STRANGER4) as flow:
        assert flow.greeting.local == CLIENT4
    assert kept == one.ask().source
    one.close()
    assert lab.leaks() == {}
