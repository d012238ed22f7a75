# SPDX-License-Identifier: GPL-2.0-or-later
"""[map4] beyond one address for one host: networks that share an address, and leases, whatever they are now."""

import socket

import pytest

import topology
import wans
from doctor import Doctor
from icmp import ping
from lab import CLIENT4, SERVERS4, SERVERS6, SPREAD4, STRANGER4
from test_explain import explain
from test_inside import FAR, goes, is_told_at_once, routed
from test_sources import link, owns
from test_tunnels import ESP, GRE, End
from traffic import PORT, Load, TcpFlow, UdpFlow, answers, close_all, readable, refused, udp_flows, wait_until

NETWORKS = {"inside4": f"10.250.1.0/24, {FAR}0/24"}


def sources(namespace, source, count=40):
    """The addresses that servers see of a host inside."""
    flows = udp_flows(namespace, count, SERVERS4, [source])
    seen = {one.source for one in answers(flows)}
    close_all(flows)
    return seen


def from_port(namespace, source, port):
    """A UDP socket of that source and port, to a server."""
    sock = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, port))
    sock.connect((SERVERS4[0], PORT))
    return sock


def ask(sock):
    """(source, port) as the server sees them."""
    def answered():
        sock.send(b"echo x")
        return readable(sock, 1) and sock.recv(2048)
    words = wait_until(answered, "an answer").decode().split()
    return words[3], int(words[4])


# Networks

def test_networks_share_public_addresses(make_lab):
    further = {f"{FAR}0/24": "att 104.57.226.194, webpass 136.25.91.243",  # service 1's, too
               f"{FAR}128/25": "att 104.57.226.196, webpass 136.25.91.245",
               f"{FAR}200": "att 104.57.226.197, webpass 136.25.91.246",
               "10.250.1.0/24": "att 104.57.226.193, webpass 136.25.91.242"}
    lab = routed(make_lab(inside=3, lan=NETWORKS, further=further)).up()

    # Out: the longest prefix, a host before all.
    assert sources(lab.client, f"{FAR}7") == {"104.57.226.194", "136.25.91.243"}
    assert sources(lab.client, f"{FAR}130") == {"104.57.226.196", "136.25.91.245"}
    assert sources(lab.client, f"{FAR}200") == {"104.57.226.197", "136.25.91.246"}
    assert sources(lab.client, CLIENT4) == {"104.57.226.193", "136.25.91.242"}
    assert ping(lab.client, SERVERS4[0], f"{FAR}7")
    with TcpFlow(lab.client, SERVERS4[0], f"{FAR}130") as flow:
        assert flow.echo("x") == "x"
    # Many to one: the same port of many hosts is not the same outside.
    socks = [from_port(lab.client, f"{FAR}{n}", 5555) for n in range(1, 21)]
    seen = [ask(sock) for sock in socks]
    assert len(set(seen)) == len(seen) and {one for one, _ in seen} == {"104.57.226.194", "136.25.91.243"}
    assert [ask(sock) for sock in socks] == seen
    for sock in socks:
        sock.close()

    # In: to the host that has the address alone, and to nobody without such a one.
    for public in ("104.57.226.194", "136.25.91.243"):
        with TcpFlow(lab.internet, public, STRANGER4) as flow:
            assert (flow.greeting.server, flow.greeting.local) == ("opnsense", wans.INSIDE4[1])
    for public in ("104.57.226.196", "136.25.91.245"):
        assert refused(lab.internet, public, STRANGER4, seconds=0.3)
    # From inside, too; the service sees the address that the network has on that WAN.
    for public, shown in (("104.57.226.194", "104.57.226.196"), ("136.25.91.243", "136.25.91.245")):
        with UdpFlow(lab.client, public, f"{FAR}130") as flow:
            seen = flow.ask()
            assert (seen.local, seen.source) == (wans.INSIDE4[1], shown)

    said = explain(lab, f"{FAR}130", SERVERS4[0], "udp", "5555", "7")
    assert any("104.57.226.196 ([map4], line " in line or "136.25.91.245 ([map4], line " in line for line in said["why"])
    lab.router.wait_quiet()
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}

    # A reload that takes a line away takes no flow with it.
    flows = udp_flows(lab.client, 40, SERVERS4, [f"{FAR}130"])
    answers(flows)
    with Load(flows) as load:
        del further[f"{FAR}200"]
        further[f"{FAR}192/26"] = "att 104.57.226.197, webpass 136.25.91.246"
        lab.configure(inside=3, lan=NETWORKS, further=further)
        lab.router.update()
        lab.router.load_base()
        assert sources(lab.client, f"{FAR}200") == {"104.57.226.197", "136.25.91.246"}
        wait_until(lambda: load.sent > 400, "load")
    close_all(flows)
    assert not load.lost and not load.moved
    assert lab.leaks() == {}


@pytest.mark.parametrize("protocol", [ESP, GRE])
def test_tunnels_of_a_network_and_of_the_host_that_has_its_address(make_lab, protocol):
    """Without ports, only the peer tells whose they are: who has asked for him is answered, the host gets the rest."""
    lab = routed(make_lab(inside=2, lan=NETWORKS, further={f"{FAR}0/24": "att 104.57.226.194, webpass 136.25.91.243"})).up()
    with End(lab.client, f"{FAR}7", protocol) as inside, End(lab.opnsense, wans.INSIDE4[1], protocol) as host, \
            End(lab.internet, STRANGER4, protocol) as peer, End(lab.internet, SPREAD4 + "9", protocol) as other:
        inside.send(STRANGER4, "out")
        public = peer.receive()[0]
        assert public in ("104.57.226.194", "136.25.91.243")
        for turn in range(3):
            peer.send(public, f"back {turn}")
            assert inside.receive() == (STRANGER4, f"back {turn}")
            # The host's own peer moves from WAN to WAN meanwhile.
            for address in ("104.57.226.194", "136.25.91.243"):
                other.send(address, f"in {turn}")
                assert host.receive() == (SPREAD4 + "9", f"in {turn}")
                host.send(SPREAD4 + "9", f"answer {turn}")
                assert other.receive() == (address, f"answer {turn}")
            inside.send(STRANGER4, f"more {turn}")
            assert peer.receive() == (public, f"more {turn}")
    assert lab.leaks() == {}


# Leases

OLD, NEW = "104.57.226.193", "104.57.226.195"
COUNT_ECHO = """
table inet seen {
    counter echo { }
    chain input { type filter hook input priority filter; icmp type echo-request counter name echo; }
}
"""


def counted(namespace):
    return int(namespace.command(["nft", "list", "counter", "inet", "seen", "echo"]).split("packets ")[1].split()[0])


def leads_in(lab, public):
    """Whether opnsense's first address is reached there, by each protocol."""
    with TcpFlow(lab.internet, public, STRANGER4) as flow:
        assert (flow.greeting.server, flow.greeting.local) == ("opnsense", wans.INSIDE4[0])
    with UdpFlow(lab.internet, public, STRANGER4) as flow:
        assert flow.ask().local == wans.INSIDE4[0]
    before = counted(lab.opnsense)
    assert ping(lab.internet, public, STRANGER4)
    assert counted(lab.opnsense) > before


@pytest.mark.parametrize("nat4", ["map", "masquerade"])
def test_a_lease_is_somebodys_inside_whatever_it_is_now(make_lab, nat4):
    second = "webpass 136.25.91.243" + (", att 104.57.226.194" if nat4 == "map" else "")
    lab = make_lab([wans.att(nat4=nat4), wans.webpass()], health=wans.QUICK, inside=0,
                   further={wans.INSIDE4[0]: "att lease, webpass 136.25.91.242", wans.INSIDE4[1]: second})
    lab.opnsense.nft(COUNT_ECHO)
    owns(lab, NEW)
    lab.isp("att").ip(f"route replace {NEW}/32 dev mwan\n")
    daemon = lab.daemon()
    daemon.wait_states()

    # Out and in, while the router's own goes on.
    assert sources(lab.opnsense, wans.INSIDE4[0]) == {OLD, "136.25.91.242"}
    others = {"104.57.226.194" if nat4 == "map" else OLD, "136.25.91.243"}
    assert sources(lab.opnsense, wans.INSIDE4[1]) == others
    leads_in(lab, OLD)
    with TcpFlow(lab.router, SERVERS4[0], OLD) as flow:
        assert flow.echo("x") == "x"
    socks = [from_port(namespace, source, port) for port in range(5555, 5563)
             for namespace, source in ((lab.router, OLD), (lab.opnsense, wans.INSIDE4[0]))]
    seen = [ask(sock) for sock in socks]
    assert len(set(seen)) == len(socks) and [ask(sock) for sock in socks] == seen
    for sock in socks:
        sock.close()
    daemon.wait_cycles()
    assert daemon.are()
    assert explain(lab, STRANGER4, OLD)["kind"] == explain(lab, STRANGER4, "136.25.91.242")["kind"]
    daemon.wait(lambda: daemon.family("att", "ipv4").get("address") == OLD, "the address is told")
    assert lab.router.run("update-routes", "--check").out == ""

    # Another lease: the line follows, and flows of the old address begin anew. No other flow does.
    flows = udp_flows(lab.opnsense, 40, SERVERS4, [wans.INSIDE4[0]])
    before = answers(flows)
    kept = [flow for flow, one in zip(flows, before) if one.source != OLD] + udp_flows(lab.client, 20, SERVERS6)
    flows = [flow for flow, one in zip(flows, before) if one.source == OLD]
    answers(kept[-20:])
    with Load(kept) as load:
        link(lab, f"addr del {OLD}/29 dev DEV", f"addr add {NEW}/29 dev DEV",
             "route replace default via 104.57.226.198 dev DEV proto dhcp metric 100")
        lab.isp("att").nft(f"delete element inet lab own4 {{ {OLD} }}\n")
        probe = flows.pop()
        wait_until(lambda: probe.send() or getattr(probe.answer(0.2), "source", OLD) != OLD, "another address")
        assert OLD not in {flow.ask().source for flow in flows}
    close_all([*flows, *kept, probe])
    assert not load.lost and not load.moved
    daemon.wait(lambda: daemon.family("att", "ipv4").get("address") == NEW, "the new address is told")
    leads_in(lab, NEW)
    assert sources(lab.opnsense, wans.INSIDE4[0]) == {NEW, "136.25.91.242"}
    assert refused(lab.internet, OLD, STRANGER4, seconds=0.3)
    assert lab.router.run("update-routes", "--check").out == ""
    assert lab.leaks() == {}


def test_leases_of_wans_that_all_masquerade(make_lab):
    """The plainest site: one host is reached, and all share the addresses."""
    lab = make_lab([wans.att(nat4="masquerade"), wans.webpass(nat4="masquerade")],
                   further={wans.INSIDE4[0]: "att lease, webpass lease"}).up()
    lab.opnsense.nft(COUNT_ECHO)
    for public in (OLD, "136.25.91.242"):
        leads_in(lab, public)
    for source in wans.INSIDE4[:2]:
        assert sources(lab.opnsense, source) == {OLD, "136.25.91.242"}
    assert lab.router.run("update-routes", "--check").out == ""
    assert lab.leaks() == {}


def test_nothing_leaves_with_a_lease_that_has_gone_before_a_run(make_lab):
    """Nobody has looked yet: new flows are dropped, not sent with what was the WAN's a moment ago."""
    lab = make_lab(inside=0, further={wans.INSIDE4[0]: "att lease, webpass 136.25.91.242"}).up()
    link(lab, f"addr add {NEW}/32 dev DEV", f"addr del {OLD}/29 dev DEV",
         "route replace default via 104.57.226.198 dev DEV onlink metric 100",
         "route replace default via 104.57.226.198 dev DEV onlink table 100")
    lab.isp("att").nft(f"delete element inet lab own4 {{ {OLD} }}\n")
    flows = udp_flows(lab.opnsense, 12, SERVERS4, [wans.INSIDE4[0]])
    seen = answers(flows, 0.2)
    close_all(flows)
    assert set(lab.shares(seen)) == {"lost", "webpass"}
    assert lab.leaks() == {}


def test_a_lease_that_another_line_has_is_left_out(make_lab):
    """And so is one that has not come: the host uses the other WAN, and nobody else is moved."""
    lab = make_lab(inside=0, further={wans.INSIDE4[0]: f"att {OLD}, webpass 136.25.91.242",
                                      wans.INSIDE4[1]: "att lease, webpass 136.25.91.243"})
    result = lab.router.run("update-routes")
    assert f"map4: {wans.INSIDE4[1]}: the lease is {OLD}, which is that of {wans.INSIDE4[0]}; left out" in result.err
    assert sources(lab.opnsense, wans.INSIDE4[1]) == {"136.25.91.243"}
    assert sources(lab.opnsense, wans.INSIDE4[0]) == {OLD, "136.25.91.242"}
    with UdpFlow(lab.internet, OLD, STRANGER4) as flow:
        assert flow.ask().local == wans.INSIDE4[0]
    assert "have the lease" in " ".join(lab.router.run("health-check", "--once", check=False).out.split())
    Doctor(lab.router).finds("conflicts", "WRONG", f"the lease is {OLD}")
    lab.router.ip("addr flush dev enatt0.3242\nroute add 104.57.226.198 dev enatt0.3242\n"
                  "route add default via 104.57.226.198 dev enatt0.3242 metric 100\n", 4)
    lab.router.run("update-routes")
    assert sources(lab.opnsense, wans.INSIDE4[1]) == {"136.25.91.243"}
    assert lab.leaks() == {}
