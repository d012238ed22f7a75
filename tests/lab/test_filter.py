# SPDX-License-Identifier: GPL-2.0-or-later
"""The base ruleset lets pass what a router needs, and counts what it drops."""

import json
import socket
import struct

import pytest

import topology
import wans
from icmp import ping
from lab import CLIENT6, SERVERS4, SERVERS6, SPREAD4, STRANGER4, STRANGER6
from traffic import PATIENCE, PORT, SSH, TcpFlow, UdpFlow, connects, listen, readable, refused

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SERVERS = {4: SERVERS4, 6: SERVERS6}
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
ICMP = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
UNREACHABLE, TOO_BIG, TIME_EXCEEDED = {4: 3, 6: 1}, {4: 3, 6: 2}, {4: 11, 6: 3}
ERRORS = {family: {UNREACHABLE[family], TOO_BIG[family], TIME_EXCEEDED[family]} for family in (4, 6)}
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PROBE = 10, 23, 3
NEVER_FRAGMENT = {4: (socket.IPPROTO_IP, IP_MTU_DISCOVER, PROBE), 6: (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PROBE)}
HOP_LIMIT = {4: (socket.IPPROTO_IP, socket.IP_TTL), 6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}


def drops(lab):
    """Packets counted by the filter's dropping and rejecting rules: {comment: packets}."""
    found = {}
    for item in lab.router.nft_json():
        rule = item.get("rule", {})
        counters = [part["counter"]["packets"] for part in rule.get("expr", [])
                    if isinstance(part.get("counter"), dict)]  # a named one, of what is accepted, is its name
        if rule.get("table") == "filter" and counters:
            found[rule["comment"]] = counters[0]
    return found


# Before update-routes has run

def test_the_base_alone_forwards_nothing(bare):
    for family in (4, 6):
        assert refused(bare.client, SERVERS[family][0], seconds=0.2)
        assert not connects(bare.client, SERVERS[family][0], PORT)
    for one in bare.wans:
        for target, source in ((one.public4[1], STRANGER4), (one.host(CLIENT6), STRANGER6)):
            assert refused(bare.internet, target, source, seconds=0.2)
    assert bare.servers.count == 0


def test_the_base_alone_lets_an_administrator_in(bare):
    with listen(bare.router, socket.AF_INET), listen(bare.router, socket.AF_INET6):
        assert connects(bare.admin, "192.168.50.1") and connects(bare.admin, "fd00:50::1")
        assert not connects(bare.opnsense, "10.250.250.1")


def test_a_base_with_another_management_interface_is_obeyed(make_lab):
    lab = make_lab()
    text, line = lab.router.read("/etc/mwan/nftables.conf"), 'define MANAGEMENT = { "eth0", "enmgmt0" }'
    assert text.count(line) == 1
    lab.router.write("/etc/mwan/nftables.conf", text.replace(line, f'define MANAGEMENT = "{wans.LAN}"'))
    lab.router.load_base()
    with listen(lab.router, socket.AF_INET):
        assert connects(lab.opnsense, "10.250.250.1")
        assert not connects(lab.admin, "192.168.50.1")


# To the router itself

@FAMILIES
def test_services_of_the_router_are_reached_from_management_only(lab, family):
    own = {4: ["10.250.250.1", "192.168.50.1"], 6: ["3d06:bad:b01:fe::1", "fd00:50::1"]}[family]
    with listen(lab.router, AF[family]):
        assert connects(lab.admin, own[1])
        for address in own:
            assert not connects(lab.client, address)
            assert not connects(lab.opnsense, address)
        if family == 6:
            for one in lab.wans:
                assert not connects(lab.internet, one.address6, source=STRANGER6)
                assert not connects(lab.isp(one.name), one.address6)


@FAMILIES
def test_the_router_answers_pings(lab, family):
    assert ping(lab.opnsense, {4: "10.250.250.1", 6: "3d06:bad:b01:fe::1"}[family])
    assert ping(lab.client, {4: "10.250.250.1", 6: "3d06:bad:b01:fe::1"}[family])
    assert ping(lab.admin, {4: "192.168.50.1", 6: "fd00:50::1"}[family])


@FAMILIES
def test_the_routers_own_traffic_is_answered(lab, family):
    with UdpFlow(lab.router, SERVERS[family][0]) as flow:
        assert lab.wan_of(flow.ask().source)
    with TcpFlow(lab.router, SERVERS[family][0]) as flow:
        assert flow.echo("x") == "x"


def test_dhcpv6_answers_reach_the_client_on_a_wan(lab):
    """From the provider to the port of DHCPv6, and to no others."""
    for port, wanted in ((1546, False), (546, True)):
        with lab.router.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client, \
                lab.isp("webpass").socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
            client.bind(("", port))
            with lab.isp("webpass").entered():
                server.bind(("fe80::1", 547, 0, socket.if_nametoindex("mwan")))
                server.sendto(b"advertise", ("fe80::ff:fe00:102", port))
            assert readable(client, PATIENCE if wanted else 0.2) == wanted


def test_a_lease_is_renewed_and_nobody_else_reaches_the_client_of_dhcp(lab):
    """What asks for a lease listens past the filter: test_prefix of the appliance. Over which it is renewed is a socket."""
    isp = lab.isp("webpass")
    isp.ip("addr add 10.9.9.9/32 dev lo\n")
    with lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"enwebpass0")
        client.bind(("", 68))
        for source, target in (("136.25.91.241", "136.25.91.242"), ("136.25.91.241", "255.255.255.255"),
                               ("10.9.9.9", "136.25.91.242"), (STRANGER4, "136.25.91.242")):
            space = lab.internet if source == STRANGER4 else isp
            with space.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.bind((source, 67))
                if target == "255.255.255.255":
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"mwan")
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                server.sendto(f"forged by {source}".encode(), (target, 68))
        assert ping(lab.internet, "136.25.91.242", STRANGER4)  # behind all of them
        for server4 in ("136.25.91.241", "10.9.9.9"):
            with isp.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.bind((server4, 67))
                client.sendto(b"renew", (server4, 67))
                assert readable(server, PATIENCE), "the renewal"
                _, peer = server.recvfrom(100)
                server.sendto(f"ack of {server4}".encode(), peer)
                assert readable(client, PATIENCE) and client.recv(100) == f"ack of {server4}".encode()


# What is forwarded

@FAMILIES
def test_the_lan_cannot_reach_management(lab, family):
    behind = {4: "192.168.50.10", 6: "fd00:50::10"}[family]
    with listen(lab.admin, AF[family]):
        assert not connects(lab.client, behind)
        assert not connects(lab.opnsense, behind)
        assert not ping(lab.client, behind, seconds=0.3)


@FAMILIES
def test_management_is_not_routed_to_the_internet_or_the_lan(lab, family):
    lab.admin.ip({4: "route add default via 192.168.50.1\n", 6: "route add default via fd00:50::1\n"}[family])
    assert refused(lab.admin, SERVERS[family][0], seconds=0.2)
    assert refused(lab.admin, {4: "10.250.250.2", 6: wans.ROUTER6}[family], seconds=0.2)


def test_the_internet_does_not_pass_through_from_wan_to_wan(lab):
    """A provider that routes other people's packets to us gets nothing carried, in nor out."""
    lab.isp("webpass").ip(f"route add {SPREAD4}0/24 via 136.25.91.242 dev mwan\n")
    lab.isp("webpass").ip("route add 2001:db8:cafe::/64 via fe80::ff:fe00:102 dev mwan\n", 6)
    for target in (f"{SPREAD4}9", "2001:db8:cafe::9"):
        assert refused(lab.isp("webpass"), target, seconds=0.2)
    assert lab.leaks() == {}


def test_the_internet_cannot_reach_inside_addresses_directly(lab):
    """A provider that guesses our inside addresses: only what is translated comes in."""
    lab.isp("webpass").ip("route add 10.250.250.0/29 via 136.25.91.242 dev mwan\n")
    lab.isp("webpass").ip(f"route add {wans.PREFIX6} via fe80::ff:fe00:102 dev mwan\n"
                          f"route add 3d06:bad:b01:fe::/64 via fe80::ff:fe00:102 dev mwan\n", 6)
    for target in ("10.250.250.2", CLIENT6, wans.ROUTER6):
        assert refused(lab.isp("webpass"), target, seconds=0.2)


def test_what_is_dropped_is_counted(lab):
    before = drops(lab)
    assert refused(lab.isp("webpass"), "2604:5500:c271:8000::72b", seconds=0.2)
    after = drops(lab)
    assert sum(after.values()) > sum(before.values())
    assert all(comment for comment in after), "each counter says what it counts"


@FAMILIES
def test_the_routers_own_packet_with_another_wans_address_is_dropped(lab, family):
    """Bound to one WAN's address and another's interface: nothing may leave, and it is counted."""
    source = {4: "104.57.226.193", 6: "2001:506:72f7:108c::1"}[family]
    before = sum(drops(lab).values())
    with UdpFlow(lab.router, SERVERS[family][0], source) as flow:
        flow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"enwebpass0")
        assert flow.ask(seconds=0.2) is None
    assert sum(drops(lab).values()) > before
    assert lab.leaks() == {}


@FAMILIES
def test_the_routers_own_packet_that_somebody_leads_to_another_wan_is_dropped(lab, family):
    """A mark that another program sets in the output hook routes the packet anew; its source stays."""
    lab.router.nft(f"table inet other {{\nchain out {{\ntype route hook output priority mangle;\n"
                   f"udp dport {PORT} meta mark set 2\n}}\n}}\n")
    with UdpFlow(lab.router, SERVERS[family][0], {4: "104.57.226.193", 6: "2001:506:72f7:108c::1"}[family]) as flow:
        assert flow.ask(seconds=0.2) is None
    assert lab.leaks() == {}


@FAMILIES
def test_the_routers_own_packet_with_a_wans_address_leaves_there(lab, family):
    for one in lab.wans:
        source = {4: one.address4.split("/")[0], 6: one.address6}[family]
        with UdpFlow(lab.router, SERVERS[family][0], source) as flow:
            assert lab.wan_of(flow.ask().source).name == one.name


# Errors and sizes

def errors(namespace, target, source=None, hops=64, size=1):
    """The types of the ICMP errors that one datagram of a new flow brings back."""
    family = 6 if ":" in target else 4
    with namespace.socket(AF[family], socket.SOCK_RAW, ICMP[family]) as sock, UdpFlow(namespace, target, source) as flow:
        flow.sock.setsockopt(*HOP_LIMIT[family], hops)
        flow.sock.setsockopt(*NEVER_FRAGMENT[family])
        flow.sock.send(b"x" * size)
        kinds = []
        while readable(sock, 0.3):
            data = sock.recv(4096)
            kinds.append(data[(data[0] & 15) * 4 if family == 4 else 0])
    return [kind for kind in kinds if kind in ERRORS[family]]


@FAMILIES
def test_traceroute_shows_the_router(lab, family):
    """A packet that dies here is answered with time exceeded, in both directions."""
    assert TIME_EXCEEDED[family] in errors(lab.client, SERVERS[family][0], hops=2)
    for one in lab.wans:
        target = {4: one.public4[1], 6: one.host(CLIENT6)}[family]
        assert TIME_EXCEEDED[family] in errors(lab.internet, target, {4: STRANGER4, 6: STRANGER6}[family], hops=2), one.name
    assert lab.leaks() == {}


def test_errors_of_a_providers_router_with_a_private_address_come_in(lab):
    """Many have one. No new flow from there comes in, but an error belongs to a flow of ours."""
    for isp in lab.isps:
        isp.ip("addr add 10.9.9.9/32 dev lo\n")
        own = isp.wan.address4.split("/")[0]
        isp.ip(f"route replace {own}/32 dev mwan src 10.9.9.9\n" if isp.wan.routed4 else
               f"route replace {topology.network4(isp.wan)} dev mwan src 10.9.9.9\n")
        if isp.wan.routed4:
            isp.ip(f"route replace {topology.network4(isp.wan)} via {own} dev mwan src 10.9.9.9\n")
    for server in SERVERS4:
        assert errors(lab.client, server, hops=3) == [TIME_EXCEEDED[4]]
        assert errors(lab.router, server, hops=1) == [TIME_EXCEEDED[4]]


# The first matches the flows here, and has a rank: the last one is in the same map, behind one in another.
RANKED = {
    "these": {"protocol": "udp", "dport": str(PORT), "wans": "att, webpass"},
    "host": {"source": f"10.250.250.6, {wans.ROUTER6}", "wans": "att"},
    "others": {"protocol": "udp", "dport": "500", "wans": "att"},
}


@pytest.fixture(scope="module")
def linklocal(share_lab):
    """The original's shape: the LAN's interface has no IPv6 address but its link-local one. WANs of 1,400 bytes."""
    lab = share_lab([wans.att(mtu=1400), wans.webpass(mtu=1400)], balance={"all_down": "unreachable"}, rules=RANKED)
    lab.router.ip(f"addr del 3d06:bad:b01:fe::1/64 dev {wans.LAN}\n")
    return lab.up()


@FAMILIES
def test_a_first_packet_that_is_too_big_is_answered_inside(linklocal, family):
    assert errors(linklocal.client, SERVERS[family][0], size=1445) == [TOO_BIG[family]]
    assert errors(linklocal.client, SERVERS[family][0], size=1200) == []


@FAMILIES
def test_traceroute_shows_a_router_without_an_address_inside(linklocal, family):
    assert errors(linklocal.client, SERVERS[family][0], hops=2) == [TIME_EXCEEDED[family]]


COUNT_ERRORS = """
table inet errors
delete table inet errors
table inet errors {
    counter seen { }
    chain ingress {
        type filter hook prerouting priority raw; policy accept;
        iifname "mwan" icmp type { destination-unreachable, time-exceeded, parameter-problem } counter name seen
        iifname "mwan" icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } counter name seen
    }
}
"""


def errors_at_providers(lab):
    """How many ICMP errors the providers have got from the router since COUNT_ERRORS was loaded there."""
    return sum(item["counter"]["packets"] for isp in lab.isps
               for item in json.loads(isp.command(["nft", "-j", "list", "counters", "table", "inet", "errors"]))["nftables"][1:])


@pytest.mark.parametrize("up", [True, False], ids=["WANs up", "WANs down"])
@FAMILIES
def test_inside_is_told_of_errors_and_nobody_else_is(linklocal, family, up):
    """A source that is not inside may be a stranger's: an error would go to him, and quote inside addresses."""
    lab, server = linklocal, SERVERS[family][0]
    mine, stranger, length = {4: ("10.250.250.4", "8.8.4.4", 32), 6: (wans.ROUTER6, "2600::53", 128)}[family]
    lab.opnsense.ip(f"addr replace {stranger}/{length} dev wan0 noprefixroute\n")
    if not up:
        lab.router.health(**{f"{one.name}{family}": "down" for one in lab.wans})
    lab.router.run("update-routes")
    for isp in lab.isps:
        isp.nft(COUNT_ERRORS)
    try:
        assert errors(lab.opnsense, server, mine) == ([] if up else [UNREACHABLE[family]])
        for hops, size in ((64, 1), (64, 1445), (1, 1)):
            errors(lab.opnsense, server, stranger, hops, size)
        assert errors_at_providers(lab) == 0
    finally:
        lab.router.run("rm", "-f", "/run/mwan/health.json")
        lab.router.run("update-routes")


def test_a_port_forward_does_not_open_more_than_it_says(lab):
    assert not connects(lab.internet, lab.wan("att").public4[0], SSH, STRANGER4)
    assert connects(lab.internet, lab.wan("att").public4[0], PORT, STRANGER4)
