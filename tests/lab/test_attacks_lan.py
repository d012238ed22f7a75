# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine on the LAN link may send, and what comes of it: SECURITY.md, *From the LAN*."""

import socket
import struct

import frames
import topology
import wans
from frames import EVERYBODY, Forger
from icmp import ping
from lab import OPNSENSE_LL, ROUTER_LL, SERVERS4, SERVERS6
from machine import OWNER
from test_pair import port
from traffic import PORT, TcpFlow, answers, close_all, connects, listen, readable, udp_flows, wait_until

OPNSENSE, ROUTER, STRANGE = "02:00:00:00:0b:01", "02:00:00:00:0a:01", "02:00:00:00:66:66"
FALSE_LL, STRANGE_LL = "fe80::bad", "fe80::ff:fe00:6666"


def inside_routes(lab):
    """The link-local addresses that lead inside, of all tables."""
    return {route["gateway"] for route in lab.router.own_routes(6)
            if route["dst"] == wans.PREFIX6 and "gateway" in route}


def neighbour(lab, address):
    """The hardware address that the router has for it on the LAN."""
    words = lab.router.command(["ip", "neigh", "show", "to", address, "dev", wans.LAN]).split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else None


# Who is OPNsense, with router6_linklocal = auto

def test_a_stranger_does_not_take_opnsenses_place(watch):
    """He says that OPNsense's address is his, then that OPNsense has his; at last that somebody has asked for it."""
    lab, daemon = watch()
    daemon.wait(lambda: inside_routes(lab) == {OPNSENSE_LL}, "OPNsense is found")
    daemon.wait(lambda: daemon.health()["lan"]["router6"] == OPNSENSE_LL, "and seen")
    flows = udp_flows(lab.client, 10, SERVERS6)
    assert all(answers(flows))
    with lab.router.monitor() as monitor, Forger(lab.opnsense, "wan0") as forger:
        for forged in (frames.advertise(STRANGE, OPNSENSE_LL, ROUTER_LL),
                       frames.solicit(OPNSENSE, FALSE_LL, ROUTER_LL),
                       frames.advertise(OPNSENSE, FALSE_LL, ROUTER_LL, frames.OVERRIDE | frames.SOLICITED),
                       frames.advertise(STRANGE, OPNSENSE_LL, ROUTER_LL)):
            forger.send(STRANGE, ROUTER, forged)
            # It asks for itself, and the answer puts right what the kernel believes.
            daemon.wait(lambda: neighbour(lab, OPNSENSE_LL) == OPNSENSE, "OPNsense has answered")
        assert neighbour(lab, FALSE_LL) == OPNSENSE, "the kernel has not believed him: nothing is tested"
        daemon.reload()
        daemon.wait_cycles()
        assert monitor.events(OWNER) == {}
    assert inside_routes(lab) == {OPNSENSE_LL}
    close_all(flows)




def test_a_stranger_who_answers_for_router4_does_not_take_ipv6_along(watch):
    """Two machines answer for it; OPNsense's link-local address and its router4 still come from one."""
    lab, daemon = watch()
    daemon.wait(lambda: inside_routes(lab) == {OPNSENSE_LL}, "OPNsense is found")
    lab.opnsense.sysctls({"net/ipv4/conf/all/arp_ignore": 1, "net/ipv4/conf/all/arp_announce": 2})
    lab.opnsense.ip("link set wan0 down\nlink set wan0 name trunk address 02:00:00:00:0b:03\nlink add br0 type bridge\n"
                    "link set br0 arp off addrgenmode none\nlink set br0 up\naddr flush dev trunk\nlink set trunk master br0 up\n"
                    + port("wan0", OPNSENSE) + topology.opnsense_wan()
                    + port("stranger", STRANGE, "10.250.250.2/32"))
    daemon.wait(lambda: daemon.health()["lan"]["carrier"], "the link is back")
    with lab.router.monitor() as monitor, Forger(lab.opnsense, "stranger") as forger:
        def believed():
            forger.send(STRANGE, ROUTER, frames.solicit(STRANGE, STRANGE_LL, ROUTER_LL))
            forger.send(STRANGE, EVERYBODY, frames.arp(STRANGE, "10.250.250.2", "10.250.250.2", operation=1))
            return neighbour(lab, "10.250.250.2") == neighbour(lab, STRANGE_LL) == STRANGE
        for _ in range(2):
            wait_until(believed, "the kernel believes him")  # it does not within a second of another answer
            daemon.reload()
            daemon.wait_cycles(2)
        assert monitor.events(OWNER) == {}
    assert inside_routes(lab) == {OPNSENSE_LL}


# What it sends to others, and to the router

HONEST4, HONEST6 = "10.250.250.3", "3d06:bad:b01:1::77"
SPOOFED = {
    4: ["203.0.113.9", "10.250.250.1", "10.250.250.0", "10.250.250.7", "104.57.226.193", "136.25.91.243", "136.25.91.241",
        "192.168.50.1", "192.168.50.10", "10.9.9.9", "127.0.0.1", "0.0.0.0", "224.0.0.5", "255.255.255.255"],
    6: ["2001:db8::9", "3d06:bad:b01:fe::1", "2001:506:72f7:108c::1", "2600:1700:2f71:c80::1", "2600:1700:2f71:c81::100",
        "2604:5500:c271:be01::5", "fe80::bad", "fd00:50::1", "fd00:50::10", "::1", "::", "ff02::1", "ff0e::1", "::ffff:192.0.2.1"],
}
ELSEWHERE = {  # where nothing from the LAN belongs
    4: ["192.168.50.10", "192.168.50.255", "136.25.91.255", "255.255.255.255", "224.0.0.1", "239.1.1.1", "127.0.0.1"],
    6: ["fd00:50::10", "ff02::1", "ff0e::1", "::1", "fe80::1"],
}


def routed_by_source():
    """Packets that say themselves by which ways they want to go: to the administrator, through the router."""
    lsrr = bytes([131, 7, 4]) + socket.inet_aton("192.168.50.10") + b"\0"
    yield "lsrr", frames.udp(HONEST4, "10.250.250.1", 4000, PORT, b"mute lsrr.", options=lsrr)
    for kind in (0, 4):
        segments = socket.inet_pton(socket.AF_INET6, "fd00:50::10")
        header = bytes([17, 2, kind, 1, 0, 0, 0, 0]) + segments
        yield f"routing header {kind}", frames.udp(HONEST6, "3d06:bad:b01:fe::1", 4000, PORT, f"mute routing header {kind}.".encode(),
                                                   headers=(43, header))


def hostile():
    """{text: packet}: each has its text in it."""
    found = dict(routed_by_source())
    for family, servers, honest in ((4, SERVERS4, HONEST4), (6, SERVERS6, HONEST6)):
        for source in SPOOFED[family]:
            for target in (servers[0], {4: "136.25.91.241", 6: "2001:db8:cafe::7"}[family]):
                text = f"{source}-{target}"
                found[text] = frames.udp(source, target, 4000, PORT, f"mute {text}.".encode())
        for target in ELSEWHERE[family]:
            text = f"{honest}-{target}"
            found[text] = frames.udp(honest, target, 4000, PORT, f"mute {text}.".encode())
    return found


class Watcher:
    """The frames that arrive in these namespaces: with a text in them, or errors that quote it."""

    def __init__(self, places):
        self.frames, self._socks = [], []
        for namespace, interface in places:
            self._socks.append(namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0, 1 << 22))
            self._socks[-1].bind((interface, frames.ETH_P_ALL))

    def seen(self, text):
        for sock in self._socks:
            while readable(sock, 0):
                self.frames.append(sock.recv(2048))
        return any(f"mute {text}.".encode() in frame for frame in self.frames)

    def close(self):
        for sock in self._socks:
            sock.close()


def lies(lab):
    """Frames about who has the router's addresses and who is a router: [(to, packet)]."""
    router4, router6 = "10.250.250.1", "3d06:bad:b01:fe::1"
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    advert = struct.pack("!BBHII", 64, 0x08, 1800, 0, 0) + b"\1\1" + frames.mac_bytes(STRANGE) + prefix
    better = socket.inet_pton(socket.AF_INET6, STRANGE_LL)
    away = socket.inet_pton(socket.AF_INET6, SERVERS6[0])
    redirect4 = socket.inet_aton("10.250.250.6") + frames.udp("10.250.250.1", SERVERS4[0], 53, 53, b"x" * 8)
    yield ROUTER, frames.arp(STRANGE, router4, router4, to=ROUTER)
    yield EVERYBODY, frames.arp(STRANGE, router4, router4, operation=1)
    for address in (router6, ROUTER_LL):
        yield frames.ALL_NODES, frames.advertise(STRANGE, address)
        yield ROUTER, frames.advertise(STRANGE, address, ROUTER_LL, frames.OVERRIDE | frames.SOLICITED)
        yield ROUTER, frames.solicit(STRANGE, address, ROUTER_LL)
    yield frames.ALL_NODES, frames.icmp6(STRANGE_LL, "ff02::1", 134, advert)
    yield ROUTER, frames.icmp6(OPNSENSE_LL, ROUTER_LL, 134, advert)
    for sender in (OPNSENSE_LL, "fe80::1"):
        yield ROUTER, frames.icmp6(sender, ROUTER_LL, 137, bytes(4) + better + away)
    for sender in ("10.250.250.2", "136.25.91.241"):
        yield ROUTER, frames.icmp4(sender, router4, 5, 1, redirect4)


def test_what_a_machine_on_the_lan_makes_up_goes_nowhere_and_changes_nothing(watch):
    lab, daemon = watch()
    daemon.wait(lambda: daemon.health()["lan"]["router6"] == OPNSENSE_LL, "OPNsense is seen")
    lab.router.wait_quiet()
    wanted, said, sent = lab.router.snapshot(), len(daemon.lines), hostile()
    admin, isps = Watcher([(lab.admin, "eth0")]), Watcher([(isp, "mwan") for isp in lab.isps])
    with Forger(lab.opnsense, "wan0") as forger:
        for text, packet in sent.items():
            assert f"mute {text}.".encode() in packet
            forger.send(OPNSENSE, EVERYBODY if text.endswith("255") else ROUTER, packet)
        for target, packet in lies(lab):
            forger.send(STRANGE, target, packet)
        for family, server in ((4, SERVERS4[1]), (6, SERVERS6[1])):
            forger.send(OPNSENSE, ROUTER, frames.udp({4: HONEST4, 6: HONEST6}[family], server, 4001, PORT, f"mute honest {family}.".encode()))
    wait_until(lambda: isps.seen("honest 4") and isps.seen("honest 6"), "what is honest has arrived, behind all the others")
    assert [text for text in sent if admin.seen(text)] == []
    # A provider may be asked for any address: what is for the administrator's goes there like all the rest, translated.
    assert [text for text in sent if isps.seen(text) and not text.endswith(("-192.168.50.10", "-fd00:50::10"))] == []
    admin.close()
    isps.close()
    daemon.reload()
    daemon.wait_cycles()
    lab.router.wait_quiet()
    assert lab.router.snapshot() == wanted
    assert [line for _, line in daemon.lines[said:] if line[:3] in ("<3>", "<4>")] == []
    assert daemon.are() and inside_routes(lab) == {OPNSENSE_LL}
    lab.carries()


def is_open(source, port):
    """Answers of DHCPv6, on any interface: its clients listen on those of the WANs alone."""
    return source.startswith("fe80") and port == 546


def test_nothing_on_the_router_is_open_to_the_lan(lab):
    """Whatever listens on all of its addresses. That a filter refuses it says nothing; what arrives does."""
    ports = [7, 22, 53, 67, 68, 80, 111, 123, 161, 443, 514, 546, 547, 1900, 5353, 9100, 33434, 65535]
    targets = {4: ["10.250.250.1", "192.168.50.1", "104.57.226.193", "136.25.91.242", "10.250.250.7", "255.255.255.255", "224.0.0.1"],
               6: ["3d06:bad:b01:fe::1", "fd00:50::1", ROUTER_LL, "2001:506:72f7:108c::1", "2600:1700:2f71:c80::1", "ff02::1"]}
    socks = {}
    for port in ports:
        for family in (socket.AF_INET, socket.AF_INET6):
            sock = lab.router.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("", port))
            socks[port, family] = sock
    with Forger(lab.opnsense, "wan0") as forger:
        for port in ports:
            for family in (4, 6):
                for target in targets[family]:
                    source = {4: "10.250.250.3", 6: OPNSENSE_LL if target.startswith(("fe80", "ff02")) else HONEST6}[family]
                    for sport in (4000, 53, 67, 547):
                        if not is_open(source, port):
                            mac = EVERYBODY if target in ("10.250.250.7", "255.255.255.255", "224.0.0.1", "ff02::1") else ROUTER
                            forger.send(OPNSENSE, mac, frames.udp(source, target, sport, port, b"x"))
        assert ping(lab.opnsense, "10.250.250.1")  # behind all the others
    assert [port for port, sock in socks.items() if readable(sock, 0)] == []
    for sock in socks.values():
        sock.close()
    for family, own in ((socket.AF_INET, ["10.250.250.1", "192.168.50.1", "104.57.226.193"]),
                        (socket.AF_INET6, ["3d06:bad:b01:fe::1", "fd00:50::1", "2600:1700:2f71:c80::1"])):
        for port in (22, 53, 80):
            with listen(lab.router, family, port):
                assert [address for address in own if connects(lab.opnsense, address, port)] == []


def test_nobody_inside_opens_the_router_to_the_internet_with_its_own_address(make_lab):
    """Its answers would come back to the router itself, as those of a flow that it has begun."""
    lab = make_lab(lan={"router4": "none", "router6": None, "router6_linklocal": None})
    own = {4: "10.250.250.1", 6: "3d06:bad:b01::5"}
    lab.router.ip(f"addr add {own[6]}/64 dev {wans.LAN} nodad\n", 6)
    lab.opnsense.ip("addr add 3d06:bad:b01::20/64 dev wan0 nodad\n", 6)
    lab.up()
    watcher = Watcher([(isp, "mwan") for isp in lab.isps])
    with Forger(lab.opnsense, "wan0") as forger:
        for family, server in ((4, SERVERS4[0]), (6, SERVERS6[0])):
            forger.send(OPNSENSE, ROUTER, frames.udp(own[family], server, 22, PORT, f"mute own {family}.".encode()))
            honest = {4: "10.250.250.3", 6: "3d06:bad:b01::20"}[family]
            forger.send(OPNSENSE, ROUTER, frames.udp(honest, server, 22, PORT, f"mute honest {family}.".encode()))
    wait_until(lambda: watcher.seen("honest 4") and watcher.seen("honest 6"), "the others")
    assert [family for family in own if watcher.seen(f"own {family}")] == []
    watcher.close()


# Floods

MOST = 1 << 19  # connections: they have to begin before the first of them are forgotten, after 30 s


def flood(lab, count):
    """So many flows begin, each with one packet that nobody answers."""
    for isp in lab.isps:
        isp.fault("udp dport 20000-29999 drop")
    packet = frames.udp(HONEST4, "203.0.113.9", 1, 20000)
    packet = bytearray(packet[:26] + b"\0\0" + packet[28:])  # without a checksum, which IPv4 allows
    head = frames.mac_bytes(ROUTER) + frames.mac_bytes(OPNSENSE) + b"\x08\x00"
    with Forger(lab.opnsense, "wan0") as forger:
        for n in range(count):
            struct.pack_into("!HH", packet, 20, 1 + n % 65535, 20000 + n // 65535)
            forger.sock.send(head + packet)


def test_a_full_table_of_connections_ends_nothing_that_works(watch):
    """Flows that were answered go on, no WAN is called down, an administrator gets in, and runs change nothing."""
    lab, daemon = watch()
    with lab.router.entered():
        with open("/proc/sys/net/netfilter/nf_conntrack_max", encoding="ascii") as file:
            most = int(file.read())
    assert most <= MOST, f"nf_conntrack_max = {most}: too many to fill it here, {MOST} is the most"
    flows = [TcpFlow(lab.client, server) for server in (*SERVERS4, *SERVERS6)]
    assert all(flow.echo("before") == "before" for flow in flows)
    lab.router.wait_quiet()
    wanted = lab.router.snapshot()
    flood(lab, most + 5000)
    with lab.router.entered(), open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as file:
        assert int(file.read()) > most * 0.9, "it is not full"
    assert all(flow.echo("after") == "after" for flow in flows)
    daemon.wait_cycles()
    assert daemon.are()
    for family, address in ((socket.AF_INET, "192.168.50.1"), (socket.AF_INET6, "fd00:50::1")):
        with listen(lab.router, family):
            wait_until(lambda a=address: connects(lab.admin, a), "an administrator gets in")
    assert lab.router.run("update-routes", "--check").out == ""
    assert lab.router.snapshot() == wanted
    for flow in flows:
        assert flow.echo("at last") == "at last"
        flow.close()
