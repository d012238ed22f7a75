# SPDX-License-Identifier: GPL-2.0-or-later
"""
What somebody can send who is a provider, or sits on a provider's link: SECURITY.md has the table. One site lives through all
of it, with flows of the inside that go on.
"""

import errno
import socket
import struct
import time

import pytest

import wans
from icmp import LateEcho, ping
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from topology import router_linklocal
from traffic import PATIENCE, PORT, Load, answers, close_all, connects, listen, refused, udp_flows, wait_until

ETH_IP, ETH_IPV6, ETH_ARP, EVERYTHING = 0x0800, 0x86DD, 0x0806, 3
LATE4, LATE6 = "192.0.2.99", "2001:db8:99::1"  # the targets of the probes
EVIL = bytes.fromhex("0200deadbeef")
# Right behind connection tracking, where the kernel drops what it has no room for. The table's size is the whole machine's.
FULL = "".join(f"add table inet full\nadd chain inet full {hook} {{ type filter hook {hook} priority -199; }}\n"
               f"add rule inet full {hook} ct state new counter drop\n" for hook in ("prerouting", "output"))


# Packets, by hand

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ip(source, target, protocol, body, options=b"", identity=1, offset=0, more=False):
    """An IPv4 packet, or a fragment of one."""
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(body), identity, (more << 13) | offset // 8, 64,
                       protocol, 0, packed(source), packed(target)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def ip6(source, target, following, body, hops=64):
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), following, hops, packed(source), packed(target)) + body


def with_sum(source, target, protocol, body, at):
    """The body of a transport with its checksum, over the addresses as well."""
    pseudo = packed(source) + packed(target) + struct.pack("!II", len(body), protocol)
    return body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]


def datagram(source, target, ports, payload):
    return with_sum(source, target, socket.IPPROTO_UDP,
                    struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload, 6)


def icmp(source, target, kind, code, rest, payload, hops=64):
    """An ICMP or ICMPv6 message in its IP packet."""
    body = struct.pack("!BBHI", kind, code, 0, rest) + payload
    if ":" in source:
        return ip6(source, target, socket.IPPROTO_ICMPV6, with_sum(source, target, socket.IPPROTO_ICMPV6, body, 2), hops)
    return ip(source, target, socket.IPPROTO_ICMP, body[:2] + struct.pack("!H", checksum(body)) + body[4:])


class Wire:
    """A provider's end of the link to the router, frame by frame."""

    def __init__(self, isp):
        self.isp = isp
        self.router = bytes.fromhex(f"0200000001{isp.wan.mark:02x}")
        self.own = bytes.fromhex(f"0200000002{isp.wan.mark:02x}")
        self.sock = isp.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
        with isp.entered():
            self.sock.bind(("mwan", EVERYTHING))

    def frame(self, kind, body, source=None, target=None):
        self.sock.send((target or self.router) + (source or self.own) + struct.pack("!H", kind) + body)

    def send(self, packet):
        self.frame(ETH_IPV6 if packet[0] >> 4 == 6 else ETH_IP, packet)

    def requests(self, seconds):
        """Echo requests of the router, as IP packets, for so long."""
        end = time.monotonic() + seconds
        self.sock.settimeout(0.05)
        while time.monotonic() < end:
            try:
                data, address = self.sock.recvfrom(2048)
            except TimeoutError:
                continue
            packet = data[14:]
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if (packet[0] >> 4 == 4 and packet[9] == 1 and packet[20] == 8) or \
                    (packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 128):
                yield packet

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def parts(request):
    """Source, target, identifier and sequence in one word, and payload of an echo request."""
    start, size, at = (20, 4, 12) if request[0] >> 4 == 4 else (40, 16, 8)
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    source, target = (socket.inet_ntop(family, request[i:i + size]) for i in (at, at + size))
    return source, target, struct.unpack_from("!I", request, start + 4)[0], request[start + 8:]


# The site

@pytest.fixture(scope="module")
def shared(share_lab):
    lab = share_lab(health={**wans.QUICK, "interval": "2s", "timeout": "1500ms", "ping4": LATE4, "ping6": LATE6})
    with LateEcho(lab.internet, LATE4, LATE6) as lab.late:
        daemon = lab.daemon()
        daemon.wait_states()
        flows = udp_flows(lab.client, 24, SERVERS4 + SERVERS6)
        assert all(answers(flows))
        yield lab, daemon, flows
        close_all(flows)


@pytest.fixture
def site(shared):
    """The lab and its daemon. All flows go on, on their WANs, whatever is sent. What a test has cut, slowed or filled is undone."""
    lab, daemon, flows = shared
    daemon.wait_states()
    sources = [flow.ask().source for flow in flows]
    yield lab, daemon
    lab.isp("att").uplink(True)
    lab.late.seconds = 0
    lab.router.nft("table inet full\ndelete table inet full")
    daemon.wait_states()
    assert [flow.ask().source for flow in flows] == sources and lab.leaks() == {}


def behind(lab, name="att"):
    """Whatever was sent from there before has been dealt with."""
    assert ping(lab.isp(name), lab.wan(name).address4.split("/")[0])


def arrived(lab, *names):
    """Which of these datagrams a host inside has got."""
    behind(lab)
    return {name for name in names if lab.servers.seen.get(name)}


def listen_inside(lab):
    """Hears each frame that the router sends to the LAN."""
    lan = lab.opnsense.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING), 1 << 22)
    lan.bind(("wan0", EVERYTHING))
    lan.settimeout(PATIENCE)
    return lan


def until_honest(lab, wire, lan):
    """Sends an honest datagram of each family, and returns the frames on the LAN until both are there: what was sent before them is."""
    att = lab.wan("att")
    for pack, source, target in ((ip, STRANGER4, att.public4[1]), (ip6, STRANGER6, att.host(CLIENT6))):
        wire.send(pack(source, target, 17, datagram(source, target, (7777, PORT), f"mute honest {source}.".encode())))
    frames, end = [], time.monotonic() + PATIENCE
    while not all(any(f"honest {source}".encode() in frame for frame in frames) for source in (STRANGER4, STRANGER6)):
        assert time.monotonic() < end, "an honest one arrives"
        frames.append(lan.recv(2048))
    return frames


# Probes

def forged_replies(request):
    """Answers that only look like one: to another id, sequence or key, from somebody else, or cut short."""
    source, target, rest, payload = parts(request)
    kind = 129 if ":" in target else 0
    other = "2001:db8:bad::1" if ":" in target else STRANGER4
    key = bytearray(payload)
    key[5] ^= 1
    for sender, word, data in ((target, rest + 0x10000 & 0xFFFFFFFF, payload), (target, rest ^ 1, payload),
                               (target, rest, bytes(key)), (other, rest, payload), (target, rest, payload[:4]),
                               (target, rest, b""), (target, rest, b"\0" * 56)):
        yield icmp(sender, source, kind, 0, word, data)


def forged_errors(request):
    """Errors about requests that were not sent: with another id, sequence or target, and with eight bytes of it only."""
    source, target, _, _ = parts(request)
    start = 20 if request[0] >> 4 == 4 else 40
    kind, gateway = (1, "fe80::1") if ":" in target else (3, target)
    for at in (start + 4, start + 7, start - 1):
        quote = bytearray(request)
        quote[at] ^= 0x11
        for size in (start + 8, len(quote)):
            yield icmp(gateway, source, kind, 1, 0, bytes(quote[:size]))


def test_forged_answers_keep_no_wan_up(site):
    lab, daemon = site
    with Wire(lab.isp("att")) as wire:
        lab.isp("att").uplink(False)
        replayed = []
        end = time.monotonic() + PATIENCE
        while not all(daemon.state("att", family) == "down" for family in ("ipv4", "ipv6")):
            assert time.monotonic() < end, "what is forged keeps it up"
            for request in wire.requests(0.1):
                source, target, rest, payload = parts(request)
                for packet in [*forged_replies(request), *replayed[-4:-2]]:
                    wire.send(packet)
                # The right answer, but only when the cycle is long over.
                replayed.append(icmp(target, source, 129 if ":" in target else 0, 0, rest, payload))
        assert len(replayed) > 4


def test_forged_errors_pull_no_wan_down(site):
    """They are there before the answers, which take a while."""
    lab, daemon = site
    with Wire(lab.isp("att")) as wire:
        lab.late.seconds = 0.15
        seen = 0
        for request in wire.requests(PATIENCE):
            for packet in forged_errors(request):
                wire.send(packet)
            seen += 1
            if seen == 12:  # six cycles; three that fail are enough
                break
    assert seen == 12, "the router does not ask"
    assert [daemon.state("att", family) for family in ("ipv4", "ipv6")] == ["up", "up"]


# Flows

def ways(lab):
    """Where packets of each WAN, and the router's own, go."""
    return [lab.router.command(["ip", "-o", "route", "get", server, *mark]).split(" uid")[0].split(" cache")[0]
            for server in SERVERS4 + SERVERS6 for mark in ([], ["mark", "1"], ["mark", "2"])]


def refuses(answer, server):
    """The error, of the server itself, that nobody listens to what this flow has sent."""
    right = datagram(answer.source, server, (answer.port, PORT), b"sent")
    if ":" in server:
        return icmp(server, answer.source, 1, 4, 0, ip6(answer.source, server, 17, right))
    return icmp(server, answer.source, 3, 3, 0, ip(answer.source, server, 17, right))


def test_errors_and_redirects_lead_no_flow_elsewhere(site, shared):
    """Errors about packets that nobody has sent, and redirects about some that somebody has. What is right does arrive."""
    lab, _ = site
    before = ways(lab)
    flows = [flow for flow in shared[2] if lab.wan_of(flow.ask().source).name == "att"]
    families = {flow.sock.family: flow for flow in flows}
    assert set(families) == {socket.AF_INET, socket.AF_INET6}, "no flow to lead elsewhere"
    with Wire(lab.isp("att")) as wire, listen_inside(lab) as lan:
        for flow in flows:
            answer = flow.ask()
            six = ":" in answer.source
            server = flow.sock.getpeername()[0]
            gateway = "fe80::1" if six else lab.wan("att").gateway4
            wrong = datagram(answer.source, server, (answer.port ^ 1, PORT), b"never sent")
            right = datagram(answer.source, server, (answer.port, PORT), b"led elsewhere")
            if six:
                wire.send(icmp(server, answer.source, 1, 4, 0, ip6(answer.source, server, 17, wrong)))
                wire.send(icmp(server, answer.source, 2, 0, 100, ip6(answer.source, server, 17, wrong)))
                for victim in (answer.source, lab.wan("att").address6):
                    wire.send(icmp(gateway, victim, 137, 0, 0, packed("fe80::bad") + packed(server)
                                   + ip6(answer.source, server, 17, right), hops=255))
            else:
                wire.send(icmp(server, answer.source, 3, 3, 0, ip(answer.source, server, 17, wrong)))
                wire.send(icmp(server, answer.source, 3, 4, 68, ip(answer.source, server, 17, wrong)))
                evil = struct.unpack("!I", packed("104.57.226.197"))[0]
                for code in (0, 1):
                    wire.send(icmp(gateway, answer.source, 5, code, evil, ip(answer.source, server, 17, right)))
        frames = until_honest(lab, wire, lan)
        assert [frame.hex() for frame in frames if b"never sent" in frame or b"led elsewhere" in frame] == []
        assert ways(lab) == before
        assert [error for flow in shared[2] if (error := flow.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))] == []
        for flow in families.values():
            wire.send(refuses(flow.ask(), flow.sock.getpeername()[0]))
            wait_until(lambda f=flow: f.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED, "the right error")


# Fragments, and routes that the sender wants

def fragments(source, target, name, identity, size=8, overlap=False):
    """A datagram for the servers in pieces of so many bytes; `overlap`: one comes twice, with something else in it."""
    body = datagram(source, target, (7777, PORT), f"mute {name}.".encode().ljust(88, b"x"))
    pieces = []
    for at in range(0, len(body), size):
        piece, more = body[at:at + size], at + size < len(body)
        for text in ([piece, b"\xff" * (len(piece) + 8)] if overlap and at == size else [piece]):
            head = struct.pack("!BBHI", 17, 0, at | more, identity)
            pieces.append(ip6(source, target, 44, head + text) if ":" in source else
                          ip(source, target, 17, text, identity=identity, offset=at, more=more))
    return pieces


def test_fragments(site, shared):
    """Tiny ones and out of order: put together. Overlapping ones: not. And a flood of them."""
    lab, _ = site
    att = lab.wan("att")
    targets = [(STRANGER4, att.public4[1]), (STRANGER6, att.host(CLIENT6))]
    with Wire(lab.isp("att")) as wire:
        for number, (source, target) in enumerate(targets):
            tag = f"family{number}"
            for packet in fragments(source, target, f"{tag}-tiny", 1):
                wire.send(packet)
            for packet in reversed(fragments(source, target, f"{tag}-reversed", 2, 24)):
                wire.send(packet)
            for packet in fragments(source, target, f"{tag}-overlap", 3, 24, overlap=True):
                wire.send(packet)
            wanted = {f"{tag}-tiny", f"{tag}-reversed"}
            wait_until(lambda t=tag, w=wanted: w <= arrived(lab, f"{t}-tiny", f"{t}-reversed", f"{t}-overlap"), "put together")
            assert not arrived(lab, f"{tag}-overlap")
        with Load(shared[2]) as traffic:
            for identity in range(1000, 6000):
                for source, target in targets:
                    wire.send(fragments(source, target, "flood", identity, 64)[0])
            behind(lab)
        assert traffic.moved == set()


def test_routes_that_a_sender_wants(site):
    """IPv4 source routes, loose and strict, and IPv6 routing headers, by the router and to who is mapped."""
    lab, _ = site
    att = lab.wan("att")
    own4 = att.address4.split("/")[0]
    with Wire(lab.isp("att")) as wire, listen_inside(lab) as lan:
        for kind in (131, 137):
            for target in (own4, att.public4[1]):
                options = bytes([kind, 7, 4]) + packed("10.250.250.3") + b"\1"
                wire.send(ip(STRANGER4, target, 17, datagram(STRANGER4, "10.250.250.3", (7777, PORT), b"mute routed4."), options))
        for kind in (0, 2, 4):
            for target in (att.address6, att.edge(), att.host(CLIENT6)):
                body = datagram(STRANGER6, CLIENT6, (7777, PORT), b"mute routed6.")
                head = struct.pack("!BBBBI", 17, 2, kind, 1, 0) + packed(CLIENT6)
                wire.send(ip6(STRANGER6, target, 43, head + body))
        frames = until_honest(lab, wire, lan)
    assert [frame.hex() for frame in frames if b"routed" in frame] == []


# Floods

def test_a_flood_of_new_flows_and_a_full_table(site, shared):
    """Flows that are there go on, also when there is room for no other; so do probes, and SSH on management."""
    lab, daemon = site
    att = lab.wan("att")
    with Wire(lab.isp("att")) as wire, Load(shared[2]) as traffic:
        for number in range(10000):
            source = f"198.51.{100 + number % 100}.{1 + number // 100}"
            wire.send(ip(source, att.public4[number % 5], 17, datagram(source, att.public4[number % 5], (number + 1, PORT), b"mute x")))
        behind(lab)
        lab.router.nft(FULL)
        with listen(lab.router, socket.AF_INET):
            assert connects(lab.admin, "192.168.50.1")
        daemon.wait_cycles(5)
        assert refused(lab.client, SERVERS4[0], seconds=0.2), "the table is full"
    assert traffic.moved == set() and daemon.are("up")


# The link to the provider

def claim(wire, address, mac):
    """ "That address is here": answers that nobody has asked for, to the router and to all."""
    if ":" not in address:
        for target in (wire.router, b"\xff" * 6):
            body = struct.pack("!HHBBH6s4s6s4s", 1, ETH_IP, 6, 4, 2, mac, packed(address), wire.router, packed(address))
            wire.frame(ETH_ARP, body, mac, target)
        return
    option = struct.pack("!BB6s", 2, 1, mac)
    for victim in (router_linklocal(wire.isp.wan), "ff02::1"):
        packet = icmp(address, victim, 136, 0, 0xA0000000, packed(address) + option, hops=255)
        wire.frame(ETH_IPV6, packet, mac)


def test_whoever_claims_our_addresses_gets_none(site):
    lab, _ = site
    before = lab.router.addresses()
    for isp in lab.isps:
        with Wire(isp) as wire:
            for address in (isp.wan.address4.split("/")[0], isp.wan.public4[1], isp.wan.address6, isp.wan.edge(),
                            router_linklocal(isp.wan)):
                claim(wire, address, EVIL)
        behind(lab, isp.wan.name)
    assert lab.router.addresses() == before


def test_whoever_claims_to_be_the_gateway_stops_one_wan_only(site, shared):
    """Neither ARP nor NDP knows who is right: what the WAN carried is lost. The probes see it, and the other WAN carries."""
    lab, daemon = site
    att = lab.wan("att")
    others = [flow for flow in shared[2] if lab.wan_of(flow.ask().source).name == "webpass"]
    with Wire(lab.isp("att")) as wire:
        def forge():
            for address in (att.gateway4, "fe80::1"):
                claim(wire, address, EVIL)
            return all(daemon.state("att", family) == "down" for family in ("ipv4", "ipv6"))

        try:
            with Load(others) as traffic:
                wait_until(forge, "the probes see it")
                assert set(lab.shares(answers(udp_flows(lab.client, 20, SERVERS4 + SERVERS6)))) == {"webpass"}
            assert traffic.moved == set()
        finally:
            for address in (att.gateway4, "fe80::1"):
                wait_until(lambda a=address: claim(wire, a, wire.own) or wire.own.hex(":") in lab.router.command(
                    ["ip", "neigh", "show", a, "dev", att.interface]), "the gateway is believed again")
    daemon.wait_states()


def test_the_kernel_believes_no_router_by_itself(site):
    """networkd listens to them, where a .network file says so; tests/lab/test_routers.py has what is made of that."""
    lab, _ = site
    before = lab.router.routes(6, "main")
    with Wire(lab.isp("att")) as wire:
        prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 1800, 1800, 0, packed("2001:db8:bad::"))
        for source, lifetime, mac in (("fe80::bad", 1800, EVIL), ("fe80::1", 0, wire.own)):
            flags = 0x40080000 | lifetime  # hop limit 64, preference high
            body = struct.pack("!II", 0, 0) + prefix
            wire.frame(ETH_IPV6, icmp(source, "ff02::1", 134, 0, flags, body, hops=255), mac, b"\x33\x33\0\0\0\1")
    behind(lab)
    assert lab.router.routes(6, "main") == before
