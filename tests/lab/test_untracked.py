# SPDX-License-Identifier: GPL-2.0-or-later
"""
A table of connections that is full keeps out no administrator and calls no WAN down: SSH on management, the leases and the
probes by echo need no entry in it. The table's size is the whole machine's, so a rule plays that it is full.
"""

import json
import socket
import struct
from contextlib import ExitStack

import pytest

import wans
from icmp import checksum, ping
from lab import OPNSENSE_LL, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from topology import router_linklocal
from traffic import PATIENCE, PORT, SSH, TcpFlow, UdpFlow, connects, family_of, listen, readable, refused, wait_until

FAMILIES = pytest.mark.parametrize("family", [4, 6])
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
SERVERS = {4: SERVERS4, 6: SERVERS6}
OWN = {4: "192.168.50.1", 6: "fd00:50::1"}
# Right behind connection tracking, where the kernel drops what it has no room for.
FULL = "".join(f"add table inet full\nadd chain inet full {hook} {{ type filter hook {hook} priority -199; }}\n"
               f"add rule inet full {hook} ct state new counter drop\n" for hook in ("prerouting", "output"))


def entries(lab, family, *options):
    return lab.router.run("conntrack", "-L", "-f", f"ipv{family}", *options).out.splitlines()


@FAMILIES
def test_an_administrator_gets_in(lab, family):
    lab.router.nft(FULL)
    with listen(lab.router, AF[family]) as server, lab.admin.socket(AF[family], socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE)
        client.connect((OWN[family], SSH))
        session, _ = server.accept()
        with session:
            session.settimeout(PATIENCE)
            for one, other in ((client, session), (session, client)):
                one.sendall(b"x" * 5000)
                assert len(other.recv(5000, socket.MSG_WAITALL)) == 5000
            assert entries(lab, family, "-p", "tcp") == []
            lab.router.load_base()
            client.sendall(b"y")
            assert session.recv(1) == b"y"


def test_the_base_alone_lets_an_administrator_in_as_well(bare):
    bare.router.nft(FULL)
    for family in (4, 6):
        with listen(bare.router, AF[family]):
            assert connects(bare.admin, OWN[family])


@FAMILIES
def test_only_ssh_on_management_is_not_tracked(lab, family):
    with listen(lab.router, AF[family], 2222), listen(lab.router, AF[family]):
        assert connects(lab.admin, OWN[family], 2222)
        assert len(entries(lab, family, "-p", "tcp", "--dport", "2222")) == 1
        inside = {4: "10.250.250.1", 6: "3d06:bad:b01:fe::1"}[family]
        assert not connects(lab.client, inside)


def test_probes_make_no_entries_and_every_wan_stays_up(watch):
    lab, daemon = watch()
    lab.router.nft(FULL)
    for isp in lab.isps:
        isp.count_echo()
    lab.router.load_base()
    asked = len(SERVERS4 + SERVERS6)
    for isp in lab.isps:  # several cycles, more than it takes for a verdict
        wait_until(lambda isp=isp: len(isp.echo()) == asked and min(isp.echo().values()) > 6, "probes")
    for one in lab.wans:
        for family in (4, 6):
            found = daemon.family(one.name, f"ipv{family}")
            assert found["state"] == "up" and found["failures"] == 0, (one.name, found)
            assert entries(lab, family, "-p", {4: "icmp", 6: "icmpv6"}[family]) == []
    assert refused(lab.client, SERVERS4[0], seconds=0.2)  # the rule plays well


def test_probes_of_a_router_do_not_take_the_answers_of_others(make_lab):
    """Both masquerade with the same address: an answer goes to who has asked, by its id."""
    lab = make_lab([wans.att(nat4="masquerade"), wans.webpass(nat4="masquerade")], health=wans.QUICK).up()
    lab.daemon().wait_states()
    for number in range(20):
        assert ping(lab.client, SERVERS4[number % 2], identifier=1000 + number)


@FAMILIES
def test_a_dead_target_is_still_seen(watch, family):
    lab, daemon = watch()
    lab.isp("att").uplink(False)
    daemon.wait(lambda: daemon.family("att", f"ipv{family}")["state"] == "down")
    assert daemon.family("webpass", f"ipv{family}")["state"] == "up"


def test_prefixes_are_renewed(lab):
    """DHCP for IPv4 asks past the filter before its lease ends."""
    lab.router.nft(FULL)
    with lab.router.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client, \
            lab.isp("webpass").socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        for sock, name, at in ((client, b"enwebpass0", ("fe80::ff:fe00:102", 546)), (server, b"mwan", ("fe80::1", 547))):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
            sock.bind(at)
        client.sendto(b"renew", ("fe80::1", 547))
        assert readable(server, PATIENCE)
        server.sendto(b"ack", ("fe80::ff:fe00:102", 546))
        assert readable(client, PATIENCE)


# What of the WANs' packets connection tracking has left out: DHCPv6's answers, and the rest.
COUNT_UNTRACKED = """
table inet seen {
    counter dhcpv6 { }
    counter rest { }
    chain prerouting {
        type filter hook prerouting priority -199; policy accept;
        iifname { "enatt0.3242", "enwebpass0" } ct state untracked ip6 saddr fe80::/10 udp dport 546 counter name dhcpv6 accept
        iifname { "enatt0.3242", "enwebpass0" } ct state untracked meta l4proto { tcp, udp } counter name rest
        iifname { "enatt0.3242", "enwebpass0" } ct state untracked icmp type echo-reply counter name rest
        iifname { "enatt0.3242", "enwebpass0" } ct state untracked ip6 saddr != fe80::/10 icmpv6 type echo-reply counter name rest
    }
}
"""
DHCP = [67, 68, 546, 547]
KNOCKED = [22, 53, *DHCP, 80, 161, 5353, 65535]


def untracked(lab, name):
    """How many packets there were since COUNT_UNTRACKED was loaded: "dhcpv6", or of the "rest"."""
    listed = json.loads(lab.router.command(["nft", "-j", "list", "counter", "inet", "seen", name]))
    return listed["nftables"][-1]["counter"]["packets"]


def reply(namespace, source, target):
    """An answer to an echo request that nobody has sent."""
    family = family_of(target)
    with namespace.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6) as sock:
        sock.bind((source, 0))
        body = struct.pack("!BBHHH", 0 if family == socket.AF_INET else 129, 0, 0, 4242, 1) + b"mwan lab"
        sock.sendto(body[:2] + struct.pack("!H", checksum(body)) + body[4:], (target, 0))


def knock(namespace, source, targets, scope=0):
    """Datagrams to KNOCKED of each of these addresses, from the ports of DHCP, and as answers of servers."""
    more = (0, scope) if ":" in source else ()
    for sport in (*DHCP, 53, 443, 4000):
        with namespace.socket(family_of(source), socket.SOCK_DGRAM) as sock:
            sock.bind((source, sport, *more))
            for target in targets:
                for port in KNOCKED:
                    sock.sendto(f"from {source}".encode(), (target, port, *more))


def texts(sock):
    """What has arrived."""
    found = set()
    while readable(sock, 0):
        found.add(sock.recv(100).decode())
    return found


@FAMILIES
def test_what_is_not_tracked_opens_nothing(lab, family):
    """From a WAN: no SSH, and no way in for who sends from a port of DHCP or an answer that nobody asked for."""
    lab.router.nft(COUNT_UNTRACKED)
    stranger = {4: STRANGER4, 6: STRANGER6}[family]
    with ExitStack() as stack:
        socks = {port: stack.enter_context(lab.router.socket(AF[family], socket.SOCK_DGRAM)) for port in KNOCKED}
        for port, sock in socks.items():
            sock.bind(("", port))
        stack.enter_context(listen(lab.router, AF[family]))
        for isp in lab.isps:
            own = {4: isp.wan.public4, 6: [isp.wan.address6, isp.wan.edge()]}[family]
            with isp.entered():
                scope = socket.if_nametoindex("mwan")
            knock(lab.internet, stranger, own)
            knock(isp, {4: isp.wan.gateway4, 6: isp.wan.gateway6}[family], own if family == 4 else [*own, router_linklocal(isp.wan)], scope)
            for address in own:
                reply(lab.internet, stranger, address)
                assert not connects(lab.internet, address, source=stranger)
            assert ping(lab.internet, own[0], stranger) and ping(isp, own[0])  # behind all of them
        arrived = {port: found for port, sock in socks.items() if (found := texts(sock))}
    # Answers of DHCPv6 come from the link; its clients listen on their own address alone.
    assert arrived == ({546: {"from fe80::1"}} if family == 6 else {})
    assert (untracked(lab, "dhcpv6") > 0) == (family == 6) and untracked(lab, "rest") == 0
    assert lab.leaks() == {}


def test_opnsenses_link_local_address_is_found(bare):
    bare.router.nft(FULL)
    bare.router.run("update-routes")
    assert OPNSENSE_LL in bare.router.command(["ip", "-6", "route", "show", wans.PREFIX6])


def test_tracked_flows_of_the_router_go_on(lab):
    for family in (4, 6):
        with UdpFlow(lab.router, SERVERS[family][0]) as udp, TcpFlow(lab.router, SERVERS[family][0]) as tcp:
            assert udp.ask() and tcp.echo("x") == "x"
            assert ping(lab.router, SERVERS[family][0])
