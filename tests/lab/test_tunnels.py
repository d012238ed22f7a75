# SPDX-License-Identifier: GPL-2.0-or-later
"""
Tunnels without ports: ESP, AH, GRE, 6in4, IPIP. Their flows are told apart by addresses alone, so what a peer sends over one
WAN is the same flow inside as what it has sent over another.
"""

import socket

import pytest

import rtnl
import wans
from lab import CLIENT6, SPREAD4, STRANGER4, STRANGER6
from traffic import PATIENCE, readable, wait_until

ESP, AH, GRE, IPIP, SIX = 50, 51, 47, 4, 41
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
PEER = {4: STRANGER4, 6: STRANGER6}
PAYLOADS = {GRE: b"\0\0\x08\0tunnel", ESP: b"\0\0\0\1\0\0\0\1", AH: b"\0" * 12, IPIP: b"\x45" + b"\0" * 19, SIX: b"\x60" + b"\0" * 39}


class End:
    """One end of a tunnel: a raw socket, from an address that is its own."""

    def __init__(self, namespace, address, protocol):
        self.family = 6 if ":" in address else 4
        self.start = PAYLOADS[protocol]
        self.sock = namespace.socket(AF[self.family], socket.SOCK_RAW, protocol)
        self.sock.bind((address, 0))

    def send(self, target, text):
        self.sock.sendto(self.start + text.encode(), (target, 0))

    def receive(self, seconds=PATIENCE):
        """(source, text) of the next packet; None: none came."""
        if not readable(self.sock, seconds):
            return None
        data, source = self.sock.recvfrom(4096)
        data = data[(data[0] & 15) * 4 if self.family == 4 else 0:]
        return source[0], data[len(self.start):].decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


# Who is meant by the outside address: OPNsense by a public address or by the edge, a host by the delegated prefix.
INSIDE = {"public": ("opnsense", "10.250.250.3", lambda one: one.public4[1]),
          "edge": ("opnsense", wans.ROUTER6, lambda one: one.edge()),
          "prefix": ("client", CLIENT6, lambda one: one.host(CLIENT6))}
CASES = [(name, protocol) for name in INSIDE for protocol in ((GRE, ESP, AH, IPIP, SIX) if name == "public" else (GRE, ESP, IPIP))]


@pytest.fixture(scope="module")
def shared(share_lab):
    return share_lab().up()


def ends(lab, name, protocol):
    machine, inside, outside = INSIDE[name]
    peer = End(lab.internet, PEER[6 if ":" in inside else 4], protocol)
    return peer, End(getattr(lab, machine), inside, protocol), [outside(one) for one in lab.wans]


def flush(lab):
    """No peer has been seen yet."""
    lab.router.nft("".join(f"flush set inet filter tunnels{name}\n" for name in ("4", "6", "6_prefix", "6_peers", "_seen")))


@pytest.mark.parametrize("name, protocol", CASES)
def test_a_peer_that_moves_to_another_wan_is_answered_there_at_once(shared, name, protocol):
    peer, host, addresses = ends(shared, name, protocol)
    with peer, host:
        for turn in range(6):
            peer.send(addresses[turn % 2], f"in {turn}")
            assert host.receive() == (PEER[peer.family], f"in {turn}")
            for number in range(2):
                host.send(PEER[peer.family], f"out {turn} {number}")
                assert peer.receive() == (addresses[turn % 2], f"out {turn} {number}")
    assert shared.leaks() == {}


@pytest.mark.parametrize("name, protocol", [("public", GRE), ("public", ESP), ("edge", ESP), ("prefix", GRE)])
def test_a_tunnel_that_begins_inside_keeps_its_wan(shared, name, protocol):
    """Before and after its peer's first answer, and with the other WAN eligible all the time."""
    peer, host, addresses = ends(shared, name, protocol)
    rtnl.forget_flows(shared.router)
    flush(shared)
    with peer, host:
        seen = set()
        for number in range(6):
            host.send(PEER[peer.family], f"first {number}")
            seen.add(peer.receive()[0])
        assert len(seen) == 1 and seen <= set(addresses)
        for number in range(4):
            peer.send(*seen, f"answer {number}")
            assert host.receive() == (PEER[peer.family], f"answer {number}")
            host.send(PEER[peer.family], f"more {number}")
            assert peer.receive() == (*seen, f"more {number}")


def test_several_peers_and_protocols_have_a_wan_each(shared):
    """What one tunnel does is nothing to another of the same host."""
    addresses = [one.public4[1] for one in shared.wans]
    with End(shared.opnsense, "10.250.250.3", GRE) as gre, End(shared.opnsense, "10.250.250.3", ESP) as esp, \
            End(shared.internet, STRANGER4, GRE) as peer_gre, End(shared.internet, STRANGER4, ESP) as peer_esp, \
            End(shared.internet, SPREAD4 + "9", GRE) as other:
        for turn in range(4):
            for peer, host, wan in ((peer_gre, gre, turn % 2), (peer_esp, esp, 1 - turn % 2), (other, gre, 1)):
                peer.send(addresses[wan], "in")
                assert host.receive()[1] == "in"
            for host, peer, target, wan in ((esp, peer_esp, STRANGER4, 1 - turn % 2), (gre, other, SPREAD4 + "9", 1),
                                            (gre, peer_gre, STRANGER4, turn % 2)):
                host.send(target, "out")
                assert peer.receive() == (addresses[wan], "out")


def test_a_tunnel_goes_on_after_a_reload_with_its_peers_next_packet(shared):
    peer, host, addresses = ends(shared, "public", ESP)
    with peer, host:
        for address in addresses:
            peer.send(address, "before")
            assert host.receive()[1] == "before"
            shared.router.load_base()
            peer.send(address, "after")
            assert host.receive()[1] == "after"
            host.send(STRANGER4, "answer")
            assert peer.receive() == (address, "answer")
    assert shared.router.run("update-routes", "--check").code == 0


def test_errors_from_inside_about_ipv6_tunnels_reach_the_peer(make_lab):
    """Also after he has moved to another WAN."""
    lab = make_lab().up()
    lab.opnsense.ip("link set lan1 mtu 1400\n")
    peer, host, addresses = ends(lab, "prefix", GRE)
    with peer, host, lab.internet.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as errors:
        peer.sock.setsockopt(socket.IPPROTO_IPV6, 23, 3)
        for address in addresses:
            peer.send(address, "in")
            assert host.receive()[1] == "in"
            peer.send(address, "x" * 1430)

            def quoted():
                data = errors.recv(4096)
                return data[0] == 2 and socket.inet_ntop(socket.AF_INET6, data[32:48])

            assert wait_until(lambda: readable(errors, PATIENCE) and quoted(), "packet too big") == address
    assert lab.leaks() == {}


def test_flows_of_tunnels_go_with_their_wan(make_lab):
    """down_flows = flush removes them, whatever zone they are in; the next packet takes another WAN."""
    lab = make_lab([wans.att(keys={"down_flows": "flush"}), wans.webpass()], health=wans.QUICK).up()
    daemon = lab.daemon()
    daemon.wait_states()
    peer, host, addresses = ends(lab, "public", GRE)
    with peer, host:
        peer.send(addresses[0], "in")
        assert host.receive()[1] == "in"
        lab.isp("att").uplink(False)
        daemon.wait(lambda: daemon.family("att", "ipv4")["state"] == "down")
        wait_until(lambda: not lab.router.run("conntrack", "-L", "-p", "gre", "-m", "1").out, "flows are gone")
        host.send(STRANGER4, "out")
        assert peer.receive() == (addresses[1], "out")
        peer.send(addresses[1], "in again")
        assert host.receive()[1] == "in again"


@pytest.mark.parametrize("name", INSIDE)
def test_a_tunnel_goes_on_over_a_wan_that_masquerades(make_lab, name):
    """From there, answers tell of nobody inside. The peer may come back to where he was."""
    lab = make_lab([wans.att(keys={"down_flows": "flush"}), wans.webpass(nat4="masquerade", nat6="masquerade", prefix_key=None)],
                   health=wans.QUICK).up()
    daemon = lab.daemon()
    daemon.wait_states()
    peer, host, addresses = ends(lab, name, GRE)
    with peer, host:
        peer.send(addresses[0], "in")
        assert host.receive()[1] == "in"
        lab.isp("att").uplink(False)
        daemon.wait(lambda: daemon.family("att", f"ipv{peer.family}")["state"] == "down")
        wait_until(lambda: not lab.router.run("conntrack", "-L", "-f", f"ipv{peer.family}", "-p", "gre").out, "flows are gone")

        def sent():
            host.send(PEER[peer.family], "out")
            return peer.receive(0.1)

        source = wait_until(sent, "another WAN")[0]
        assert lab.wan_of(source).name == "webpass"
        peer.send(source, "answer")
        assert host.receive() == (PEER[peer.family], "answer")
        lab.isp("att").uplink(True)
        daemon.wait_states()
        peer.send(addresses[0], "in again")
        assert host.receive()[1] == "in again"
        host.send(PEER[peer.family], "out again")
        wait_until(lambda: peer.receive() == (addresses[0], "out again"), "the first WAN")
    assert lab.leaks() == {}


@pytest.mark.parametrize("nat4", ["map", "masquerade"])
def test_a_lease_of_a_wan_that_masquerades_leads_a_tunnel_in(make_lab, nat4):
    """Its peer may move there and back. Whoever else has that address, and asks him, is answered as well."""
    first, second = "104.57.226.194" if nat4 == "map" else "104.57.226.193", "136.25.91.242"
    lab = make_lab([wans.att(nat4=nat4), wans.webpass(nat4="masquerade")], inside=0,
                   further={wans.INSIDE4[1]: f"att {first if nat4 == 'map' else 'lease'}, webpass lease"}).up()
    with End(lab.internet, STRANGER4, GRE) as peer, End(lab.opnsense, wans.INSIDE4[1], GRE) as host:
        for turn in range(6):
            address = (first, second)[turn % 2]
            peer.send(address, f"in {turn}")
            assert host.receive() == (STRANGER4, f"in {turn}")
            for number in range(2):
                host.send(STRANGER4, f"out {turn} {number}")
                assert peer.receive() == (address, f"out {turn} {number}")
        # He is remembered, the flow is not: whatever it draws, what the host sends arrives.
        rtnl.forget_flows(lab.router)

        def arrives():
            host.send(STRANGER4, "again")
            return peer.receive(0.1)

        wait_until(arrives, "the tunnel goes on")
    lab.router.health(att4="down")
    lab.router.run("update-routes")
    for namespace, source in ((lab.opnsense, wans.INSIDE4[3]), (lab.router, second)):
        with End(lab.internet, SPREAD4 + "9", ESP) as peer, End(namespace, source, ESP) as other:
            for number in range(3):
                other.send(SPREAD4 + "9", f"out {number}")
                assert peer.receive() == (second, f"out {number}")
                peer.send(second, f"in {number}")
                assert other.receive() == (SPREAD4 + "9", f"in {number}")
        rtnl.forget_flows(lab.router)
        flush(lab)
    assert lab.router.run("update-routes", "--check").code == 0
    assert lab.leaks() == {}


@pytest.mark.parametrize("at", ["provider", "router"])
@pytest.mark.parametrize("name", ["public", "prefix"])
def test_errors_about_tunnels_reach_who_they_are_for(make_lab, name, at):
    """A packet that is too big is answered, inside or outside; nobody outside reads an inside address in it."""
    lab = make_lab().up()
    family = 4 if name == "public" else 6
    peer, host, addresses = ends(lab, name, GRE)
    errors = (lab.internet if at == "router" else getattr(lab, INSIDE[name][0])).socket(
        AF[family], socket.SOCK_RAW, {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}[family])
    with peer, host, errors:
        for sock in (peer.sock, host.sock):
            sock.setsockopt(*{4: (socket.IPPROTO_IP, 10, 3), 6: (socket.IPPROTO_IPV6, 23, 3)}[family])
        for one, address in zip(lab.wans, addresses):
            peer.send(address, "in")
            assert host.receive()[1] == "in"
            if at == "router":
                lab.router.ip(f"link set {wans.LAN} mtu 1400\n")
                peer.send(address, "x" * 1430)
            else:
                lab.isp(one.name).ip("link set uplink mtu 1400\naddr add 2001:db8:77::1/128 dev lo nodad\n")
                host.send(PEER[family], "x" * 1430)
            wanted = {4: 3, 6: 2}[family]
            while True:
                assert readable(errors, PATIENCE)
                data = errors.recv(4096)
                data = data[(data[0] & 15) * 4 if family == 4 else 0:]
                if data[0] == wanted:
                    break
            quoted = socket.inet_ntop(AF[family], data[24:28] if family == 4 else data[32:48])
            assert quoted == {"router": address, "provider": PEER[family]}[at]
            if at == "provider":
                source = socket.inet_ntop(AF[family], data[20:24] if family == 4 else data[16:32])
                assert source == INSIDE[name][1]
