# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine on the LAN link may send, and what comes of it: SECURITY.md, *From the LAN*."""

import socket
import struct

import frames
import topology
import wans
from frames import EVERYBODY, Forger
from machine import OWNER
from lab import CLIENT4, CLIENT6, OPNSENSE_LL, ROUTER_LL, SERVERS4, SERVERS6, STRANGER6
from test_pair import port
from traffic import PATIENCE, PORT, Load, UdpFlow, answers, close_all, readable, udp_flows, wait_until

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
