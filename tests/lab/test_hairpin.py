# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts inside reach services inside by the addresses that these have on the WANs, and no WAN has to be there."""

import itertools
import socket
import struct

import pytest

import wans
from icmp import ping
from lab import CLIENT2_4, CLIENT2_6, CLIENT4, CLIENT6, FORWARDED, SERVERS4, SERVERS6, Lab
from test_tunnels import ESP, End
from traffic import PATIENCE, Load, TcpFlow, UdpFlow, close_all, readable, refused, wait_until

AF = {4: socket.AF_INET, 6: socket.AF_INET6}
NEW = "2600:1700:aaaa:50::/60"
MANY6_HOST = "3d06:bad:b01:7:1234:5678:9abc:def0"

ESCAPED = """
table inet escaped {{
    chain ingress {{
        type filter hook prerouting priority raw + 2; policy accept;
        iifname != "mwan" accept
        ip daddr {{ {own4} }} counter
        ip6 daddr {{ {own6} }} counter
    }}
}}
"""
REDIRECTS = """
table inet redirects {
    chain ingress {
        type filter hook prerouting priority raw; policy accept;
        icmp type redirect counter
        icmpv6 type nd-redirect counter
    }
}
"""


def counted(namespace, table):
    """Packets that the rules of a table have counted."""
    words = namespace.command(["nft", "list", "table", "inet", table]).split()
    return sum(int(words[i + 1]) for i, word in enumerate(words) if word == "packets")


def listen(lab):
    """Counts what each provider gets from the router for an address of this site, and redirects to OPNsense."""
    own4 = {address for one in lab.wans for address in one.sources4()}
    own6 = {address for one in lab.wans for address in (one.prefix6, one.address6)}
    for isp in lab.isps:
        isp.nft(ESCAPED.format(own4=", ".join(own4), own6=", ".join(own6)))
    lab.opnsense.nft(REDIRECTS)
    return lab


def escaped(lab):
    return sum(counted(isp, "escaped") for isp in lab.isps)


def nothing_escaped(lab):
    return escaped(lab) == 0 and counted(lab.opnsense, "redirects") == 0 and lab.leaks() == {}


@pytest.fixture(scope="module")
def lab():
    """One lab for all that change nothing."""
    with Lab() as one:
        yield listen(one.up())
        assert nothing_escaped(one)


def by_all(namespace, target, source, port=FORWARDED):
    """{(server's address, source that it sees)} by UDP and by TCP; a ping is answered, too."""
    with UdpFlow(namespace, target, source, port=port) as flow:
        seen = {(udp := flow.ask()) and (udp.local, udp.source)}
    with TcpFlow(namespace, target, source, port=port) as flow:
        assert flow.echo("x") == "x"
        seen.add((flow.greeting.local, flow.greeting.source))
    assert ping(namespace, target, source)
    return seen


def test_each_identity_reaches_each_public_address_and_shows_its_own_on_that_wan(lab):
    for one in lab.wans:
        for (i, inside), (k, source) in itertools.product(enumerate(wans.INSIDE4), enumerate(wans.INSIDE4)):
            with UdpFlow(lab.opnsense, one.public4[i], source) as flow:
                seen = flow.ask()
            assert (seen.server, seen.local, seen.source) == ("opnsense", inside, one.public4[k])
        for k in (1, 2):  # another one's address, and its own
            assert by_all(lab.opnsense, one.public4[1], wans.INSIDE4[k], 7) == {(wans.INSIDE4[1], one.public4[k])}


def test_tunnels_without_ports_are_turned_round_too(lab):
    for one in lab.wans:
        for inside, source, target, shown in ((wans.INSIDE4[1], wans.INSIDE4[0], one.public4[1], one.public4[0]),
                                              (wans.ROUTER6, CLIENT6, one.edge(), one.host(CLIENT6))):
            machine = lab.client if source == CLIENT6 else lab.opnsense
            with End(lab.opnsense, inside, ESP) as service, End(machine, source, ESP) as host:
                host.send(target, one.name)
                assert service.receive() == (shown, one.name)
                service.send(shown, "answer")
                assert host.receive() == (target, "answer")


def test_clients_reach_a_port_forward_by_each_public_address(lab):
    for one, client in itertools.product(lab.wans, (lab.client, lab.client2)):
        for local, source in by_all(client, one.public4[2], None):
            assert local == CLIENT4 and source in one.public4


@pytest.mark.parametrize("inside", [CLIENT6, MANY6_HOST, CLIENT2_6])
def test_clients_reach_any_host_by_each_prefix(lab, inside):
    for one in lab.wans:
        assert ping(lab.client, one.host(inside), CLIENT6)
        if inside != CLIENT2_6:  # it has no server
            assert by_all(lab.client2, one.host(inside), CLIENT2_6) == {(inside, one.host(CLIENT2_6))}
            assert by_all(lab.client, one.host(inside), CLIENT6) == {(inside, one.host(CLIENT6))}


def test_clients_and_opnsense_reach_each_edge(lab):
    for one in lab.wans:
        assert by_all(lab.client2, one.edge(), CLIENT2_6, 7) == {(wans.ROUTER6, one.host(CLIENT2_6))}
        assert by_all(lab.client2, one.edge(), CLIENT2_6) == {(CLIENT6, one.host(CLIENT2_6))}
        assert by_all(lab.opnsense, one.host(CLIENT6), wans.ROUTER6) == {(CLIENT6, one.edge())}
        assert by_all(lab.opnsense, one.edge(), wans.ROUTER6, 7) == {(wans.ROUTER6, one.edge())}


def test_everything_else_goes_where_it_went(lab):
    for server, source in ((SERVERS4[0], None), (SERVERS6[0], CLIENT6)):
        with UdpFlow(lab.client, server, source) as flow:
            assert lab.wan_of(flow.ask().source)
    for one in lab.wans:
        assert refused(lab.client, one.address6, CLIENT6, seconds=0.3), "the router's own"
    with UdpFlow(lab.router, SERVERS4[0]) as flow:
        assert flow.ask()


def test_a_source_that_is_not_inside_is_refused(lab):
    """As on its way to a WAN: the answer would go to a stranger."""
    lab.opnsense.ip("addr add 10.99.0.1/32 dev wan0\naddr add 2001:db8:99::1/128 dev wan0 nodad\n")
    for one in lab.wans:
        for family, inside, target, strange, known in (
                (4, wans.INSIDE4[1], one.public4[1], "10.99.0.1", wans.INSIDE4[0]),
                (6, wans.ROUTER6, one.edge(), "2001:db8:99::1", wans.ROUTER6)):
            with lab.opnsense.socket(AF[family], socket.SOCK_DGRAM) as service:
                service.bind((inside, 4000))
                for source in (strange, known):
                    with lab.opnsense.socket(AF[family], socket.SOCK_DGRAM) as sock:
                        sock.bind((source, 0))
                        sock.sendto(source.encode(), (target, 4000))
                assert readable(service, PATIENCE) and service.recv(99) == known.encode()


def mtu_of(sock, family):
    return sock.getsockopt(socket.IPPROTO_IP, 14) if family == 4 else sock.getsockopt(socket.IPPROTO_IPV6, 24)


@pytest.mark.parametrize("family", [4, 6])
def test_errors_find_their_way_back(lab, family):
    """That a packet is too big, behind OPNsense, and that nobody listens."""
    lab.opnsense.ip("link set lan1 mtu 1300\n")
    for one in lab.wans:
        target = {4: one.public4[3], 6: one.host(CLIENT6)}[family]
        with UdpFlow(lab.client2, target, {4: CLIENT2_4, 6: CLIENT2_6}[family], port=FORWARDED) as flow:
            level, option = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}[family]
            flow.sock.setsockopt(level, option, 2)  # never fragment
            assert flow.ask() and mtu_of(flow.sock, family) == 1500

            def told():
                try:
                    flow.sock.send(b"x" * 1400)
                except OSError:
                    pass
                return mtu_of(flow.sock, family) == 1300
            wait_until(told, "the packet is too big")
        closed = {4: one.public4[1], 6: one.edge()}[family]
        with lab.opnsense.socket(AF[family], socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.bind(({4: wans.INSIDE4[0], 6: wans.ROUTER6}[family], 0))
            sock.connect((closed, 9))
            sock.send(b"x")
            with pytest.raises(ConnectionRefusedError):
                sock.recv(1)


def test_a_second_run_changes_nothing(lab):
    before = lab.router.snapshot()
    with UdpFlow(lab.opnsense, lab.wans[0].public4[1], wans.INSIDE4[0]) as flow:
        assert flow.ask()
        with lab.router.monitor() as monitor:
            lab.router.update()
            assert monitor.events() == {}
        assert flow.ask()
    assert lab.router.snapshot() == before


# What changes

def open_flows(lab):
    """A flow by each WAN and kind of address: ({flow's identity: WAN's name}, flows)."""
    flows, homes = [], {}
    for one in lab.wans:
        for space, target, source in ((lab.opnsense, one.public4[1], wans.INSIDE4[0]),
                                      (lab.client2, one.host(CLIENT6), CLIENT2_6),
                                      (lab.client2, one.edge(), CLIENT2_6)):
            flows.append(UdpFlow(space, target, source))
            assert flows[-1].ask()
            homes[flows[-1].identity] = one.name
    return homes, flows


def test_flows_go_on_and_new_ones_begin_while_wans_are_lost(make_lab):
    lab = listen(make_lab().up())
    _, flows = open_flows(lab)
    streams = [TcpFlow(lab.opnsense, one.public4[1], wans.INSIDE4[0]) for one in lab.wans]
    with Load(flows, rounds_per_second=100) as load:
        lab.router.load_base()
        lab.router.health(att4="down", att6="down")
        lab.router.update()
        lab.cut("att")
        lab.lose_lease("att")
        lab.router.update()
        lab.unplug("webpass")
        lab.router.update()
        lab.router.load_base()
        close_all(open_flows(lab)[1])
        for one in lab.wans:
            assert by_all(lab.opnsense, one.public4[1], wans.INSIDE4[0], 7) == {(wans.INSIDE4[1], one.public4[0])}
            assert by_all(lab.client2, one.host(CLIENT6), CLIENT2_6) == {(CLIENT6, one.host(CLIENT2_6))}
        assert all(stream.echo("x") == "x" for stream in streams)
    close_all(flows + streams)
    assert load.lost == {} and load.moved == set()
    assert nothing_escaped(lab)


def test_flows_of_an_old_prefix_end_and_others_go_on(make_lab):
    lab = listen(make_lab([wans.att(prefix_key="auto"), wans.webpass()]))
    att, webpass = lab.wans
    lab.router.run("update-npt", att.interface, att.prefix6)
    homes, flows = open_flows(lab)
    lab.give_prefix("att", NEW)
    assert "removed 2 flows" in lab.router.run("update-npt", att.interface, NEW).err
    old = wans.translate(CLIENT6, wans.PREFIX6, att.prefix6)
    for flow in flows:
        ended = homes[flow.identity] == "att" and flow.sock.family == socket.AF_INET6
        assert (flow.ask(seconds=0.3 if ended else PATIENCE) is None) == ended
    close_all(flows)
    assert refused(lab.client2, old, CLIENT2_6, seconds=0.3)
    lab.take_prefix("att", NEW)
    for one in (att, webpass):
        assert by_all(lab.client2, one.host(CLIENT6), CLIENT2_6) == {(CLIENT6, one.host(CLIENT2_6))}


def test_a_delegated_prefix_is_known_inside_while_its_lease_is_away(make_lab):
    """networkd forgets it with the carrier. Whatever else happens, no packet leaves, until its lifetime ends."""
    lab = listen(make_lab([wans.att(prefix_key="auto"), wans.webpass()]))
    att, bus, daemon = lab.wan("att"), lab.networkd(), lab.daemon()
    bus.renumber(att.interface, att.prefix6)
    daemon.wait(lambda: daemon.family("att", "ipv6").get("prefix") == att.prefix6)
    _, flows = open_flows(lab)

    def gone():
        return "prefix" not in daemon.family("att", "ipv6")
    with Load(flows) as load:
        bus.describe(att.interface, {"DUID": [0, 4]}, CarrierState="no-carrier")
        bus.announce(att.interface)
        daemon.wait(gone)
        assert by_all(lab.client2, att.host(CLIENT6), CLIENT2_6) == {(CLIENT6, att.host(CLIENT2_6))}
        assert by_all(lab.client2, att.edge(), CLIENT2_6, 7) == {(wans.ROUTER6, att.host(CLIENT2_6))}
        # It is so for another program and another daemon, and while networkd asks again.
        lab.router.load_base()
        assert lab.router.run("update-npt", "--check").out == ""
        lab.end_daemons()
        bus.describe(att.interface, {"DUID": [0, 4]})
        daemon = lab.daemon()
        daemon.wait(gone)
        assert by_all(lab.client2, att.host(CLIENT6), CLIENT2_6) == {(CLIENT6, att.host(CLIENT2_6))}
        bus.renumber(att.interface, att.prefix6)
        daemon.wait(lambda: daemon.family("att", "ipv6").get("prefix") == att.prefix6)
    assert load.lost == {} and load.moved == set()
    close_all(flows)
    assert nothing_escaped(lab)
    # A lease without it: the provider has taken it away.
    bus.renumber(att.interface)
    daemon.wait(gone)
    wait_until(lambda: refused(lab.client2, att.host(CLIENT6), CLIENT2_6, seconds=0.3))


def test_without_it_they_leave_as_any_other_flow_and_it_can_be_switched_on(make_lab):
    lab = listen(make_lab(lan={"hairpin": "no"}).up())
    targets = [(lab.opnsense, lab.wan("att").public4[1], wans.INSIDE4[0]),
               (lab.client2, lab.wan("webpass").host(CLIENT6), CLIENT2_6)]
    flows = [UdpFlow(*target) for target in targets for _ in range(8)]
    for flow in flows:
        assert flow.ask(seconds=0.1) is None
    assert escaped(lab) > 0
    lab.configure()
    lab.router.run("update-routes")
    before = escaped(lab)
    assert all(flow.ask() for flow in flows), "also flows that had gone to a WAN"
    assert escaped(lab) == before
    lab.configure(lan={"hairpin": "no"})
    lab.router.run("update-routes")
    assert all(flow.ask(seconds=0.1) is None for flow in flows)
    close_all(flows)


def test_who_has_no_address_on_the_wan_shows_the_routers(make_lab):
    """An identity that is not mapped, and hosts without a prefix there, reach a WAN's own /128 that leads inside."""
    lab = listen(make_lab([wans.att(keys={"hairpin6": "yes"}, prefix_key="auto"),
                           wans.webpass(keys={"hairpin6": "yes"}, nat6="masquerade", prefix_key=None)], inside=4).up())
    for one in lab.wans:
        assert by_all(lab.opnsense, one.public4[1], wans.INSIDE4[4], 7) == {(wans.INSIDE4[1], "10.250.250.1")}
    assert by_all(lab.client2, lab.wan("att").address6, CLIENT2_6, 7) == {(wans.ROUTER6, "3d06:bad:b01:fe::1")}
    assert by_all(lab.client2, lab.wan("webpass").address6, CLIENT2_6, 7) == {(wans.ROUTER6, lab.wan("webpass").address6)}
    with UdpFlow(lab.opnsense, lab.wan("att").public4[1], wans.INSIDE4[4]) as flow:
        assert flow.ask()
        assert "of their WAN" not in lab.router.run("update-npt", "enatt0.3242", lab.wan("att").prefix6).err
        assert flow.ask()
    assert nothing_escaped(lab)


def test_a_lease_is_turned_round_where_others_are_masqueraded(make_lab):
    lab = listen(make_lab([wans.att(), wans.webpass(nat4="masquerade", routed4=False)], inside=0, further={
        wans.INSIDE4[0]: "att 104.57.226.194, webpass lease"}).up())
    lease = {one.name: one.address4.split("/")[0] for one in lab.wans}
    for source in wans.INSIDE4[:3]:
        assert by_all(lab.opnsense, lease["webpass"], source, 7) == {(wans.INSIDE4[0], lease["webpass"])}
    assert nothing_escaped(lab)


def test_hosts_on_the_link_and_networks_behind_opnsense(make_lab):
    """Hosts on one link would answer each other directly, were it not for the source that they see."""
    host6, other6 = "3d06:bad:b01::20", "3d06:bad:b01::30"
    link = listen(make_lab(lan={"router4": "none", "router6": None, "router6_linklocal": None}, inside=3))
    link.opnsense.ip(f"addr add {host6}/60 dev wan0 nodad\naddr add {other6}/60 dev wan0 nodad\n")
    link.router.ip("addr add 3d06:bad:b01::5/60 dev enmwanbr0 nodad\n")
    link.up()
    for one in link.wans:
        assert by_all(link.opnsense, one.public4[1], wans.INSIDE4[2], 7) == {(wans.INSIDE4[1], one.public4[2])}
        assert by_all(link.opnsense, one.public4[1], wans.INSIDE4[4], 7) == {(wans.INSIDE4[1], "10.250.250.1")}
        assert by_all(link.opnsense, one.host(host6), other6, 7) == {(host6, one.host(other6))}
        assert ping(link.opnsense, one.edge(), host6), "the router's own"
        assert refused(link.opnsense, one.edge(), host6, seconds=0.3)
    assert nothing_escaped(link)

    behind = listen(make_lab(lan={"inside4": "10.250.1.0/24, 10.250.2.0/24"}, inside=1,
                             further={CLIENT4: "att 104.57.226.196, webpass 136.25.91.246"}))
    behind.opnsense.nft("flush chain ip nat postrouting\n")
    behind.up()
    for one in behind.wans:
        public = {"att": "104.57.226.196", "webpass": "136.25.91.246"}[one.name]
        assert by_all(behind.client, public, CLIENT4) == {(CLIENT4, public)}
        assert by_all(behind.client2, public, CLIENT2_4) == {(CLIENT4, "10.250.250.1")}
        assert by_all(behind.opnsense, public, wans.INSIDE4[0]) == {(CLIENT4, one.public4[0])}
    assert nothing_escaped(behind)
