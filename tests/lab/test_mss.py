# SPDX-License-Identifier: GPL-2.0-or-later
"""What TCP's two ends are told of the size of segments: what the flow's own WAN carries, whichever WAN is the best one."""

import contextlib
import socket
import struct

import pytest

import wans
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import PATIENCE, TcpFlow, listen, wait_until

AF = {4: socket.AF_INET, 6: socket.AF_INET6}
SERVERS = {4: SERVERS4, 6: SERVERS6}
OVERHEAD = {4: 20 + 20 + 12, 6: 40 + 20 + 12}  # headers, and timestamps, which each segment has
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def size(sock):
    return struct.unpack("i", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 4))[0]


def connection(server, namespace, family, target, source=None):
    """Connects to a listening socket: (the source that it sees, what MTU either end goes by)."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(namespace.socket(AF[family], socket.SOCK_STREAM))
        sock.settimeout(PATIENCE)
        if source:
            sock.bind((source, 0))
        sock.connect((target, 8443))
        peer, address = server.accept()
        stack.enter_context(peer)
        return address[0], tuple(size(end) + OVERHEAD[family] for end in (sock, peer))


def outbound(lab, family, count=24):
    """{WAN: {(client, server)}}: the MTUs that both ends of connections from inside go by."""
    seen = {}
    with listen(lab.internet, family=AF[family], port=8443) as server:
        for number in range(count):
            source, mtus = connection(server, lab.client, family, SERVERS[family][number % 2])
            seen.setdefault(lab.wan_of(source).name, set()).add(mtus)
    return seen


def inbound(lab, family):
    """The same of connections to OPNsense over each WAN."""
    seen = {}
    with listen(lab.opnsense, family=AF[family], port=8443) as server:
        for one in lab.wans:
            target, source = {4: (one.public4[1], STRANGER4), 6: (one.edge(), STRANGER6)}[family]
            seen[one.name] = {connection(server, lab.internet, family, target, source)[1]}
    return seen


@FAMILIES
@pytest.mark.parametrize("mtus", [(1500, 1400, 1280), (1280, 1400, 1500)], ids=["the best is wide", "the best is narrow"])
def test_both_ends_are_told_what_the_wan_carries(make_lab, family, mtus):
    descriptions = wans.many([3, 2, 2])
    for one, mtu in zip(descriptions, mtus):
        one.mtu = mtu
    lab = make_lab(descriptions).up()
    wanted = {one.name: {(one.mtu, one.mtu)} for one in lab.wans}
    assert outbound(lab, family) == wanted
    assert inbound(lab, family) == wanted


@FAMILIES
def test_a_narrow_lan_counts_too(make_lab, family):
    lab = make_lab([wans.att(mtu=1400), wans.webpass()])
    for side, interface in ((lab.router, wans.LAN), (lab.opnsense, "wan0")):
        side.ip(f"link set {interface} mtu 1300\n")
    lab.up()
    wanted = {one.name: {(1300, 1300)} for one in lab.wans}
    assert outbound(lab, family, 12) == wanted
    assert inbound(lab, family) == wanted


@FAMILIES
def test_a_size_that_fits_is_left_alone(lab, family):
    lab.client.ip("link set eth0 mtu 1300\n")
    assert outbound(lab, family, 12) == {one.name: {(1300, 1300)} for one in lab.wans}


@FAMILIES
@pytest.mark.parametrize("gateway", ["auto", "fixed"])
def test_what_the_provider_says_of_the_mtu_counts(make_lab, family, gateway):
    """By DHCP or by hand, as a number of the default route; by router advertisement, as one of the link."""
    att = wans.att()
    if gateway == "fixed":
        att.keys = {"gateway4": att.gateway4, "gateway6": att.gateway6}
    lab = make_lab([att, wans.webpass()])
    if family == 4:
        lab.router.ip(f"route replace default via {att.gateway4} dev {att.interface} proto dhcp metric 100 mtu 1380\n")
    else:
        lab.router.sysctl(f"net/ipv6/conf/{att.interface.replace('/', '.')}/mtu", 1380)
    lab.up()
    assert outbound(lab, family, 12) == {"att": {(1380, 1380)}, "webpass": {(1500, 1500)}}


@FAMILIES
def test_the_daemon_follows_the_mtu(make_lab, family):
    lab = make_lab()
    lab.daemon()
    lab.router.ip("link set enwebpass0 mtu 1350\n")
    wait_until(lambda: "size set 1310" in "".join(lab.router.chain("inet", "filter", "mss")))
    assert outbound(lab, family, 12) == {"att": {(1500, 1500)}, "webpass": {(1350, 1350)}}


@FAMILIES
@pytest.mark.parametrize("narrow", ["att", "webpass"])
def test_transfers_pass_where_icmp_is_lost(make_lab, family, narrow):
    """Att is the best WAN. Nobody inside hears that a packet was too big."""
    lab = make_lab([wans.att(mtu=1400 if narrow == "att" else 1500), wans.webpass(mtu=1400 if narrow == "webpass" else 1500)])
    lab.isp(narrow).ip("link set mwan mtu 1400\n")
    lab.up()
    lab.opnsense.nft("table inet deaf { chain prerouting { type filter hook prerouting priority raw; iifname wan0 icmp "
                     "type destination-unreachable drop; iifname wan0 icmpv6 type packet-too-big drop; }; }")
    for _ in range(8):
        with TcpFlow(lab.client, SERVERS[family][0], seconds=PATIENCE) as flow:
            assert flow.echo("x" * 30000) == "x" * 30000
    for one in lab.wans:
        target, source = {4: (one.public4[1], STRANGER4), 6: (one.host(CLIENT6), STRANGER6)}[family]
        with TcpFlow(lab.internet, target, source, seconds=PATIENCE) as flow:
            assert flow.echo("x" * 30000) == "x" * 30000
