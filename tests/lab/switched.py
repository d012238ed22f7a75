# SPDX-License-Identifier: GPL-2.0-or-later
"""
A lab with a switch between the router's WANs and the providers: a cable that is pulled out here leaves the
provider's router as it was, with all that it remembers. It may be one switch for all WANs.
"""

import socket
import struct

import topology
from lab import Isp, Lab
from traffic import readable, wait_until

OLD = "02:00:00:00:0f:ff"  # the hardware address of a router that is no more
ETH_P_ALL, ETH_P_ARP, ETH_P_IPV6, PACKET_OUTGOING = 3, 0x0806, 0x86DD, 4
SOLICIT, ADVERT = 135, 136


class SwitchedIsp(Isp):
    def links(self):
        mark = self.wan.mark
        return topology.veth(f"i{mark}", f"02:00:00:00:04:{mark:02x}", "mwan", f"02:00:00:00:02:{mark:02x}", self)

    def setup(self):
        """On a shared switch, what is for everybody comes from the other WAN's card too."""
        ip, nft = super().setup()
        return ip, nft.replace('iifname != "mwan" accept', 'iifname != "mwan" accept\nmeta pkttype != host accept')


class SwitchedLab(Lab):
    """`shared`: one switch for all WANs, instead of one for each."""

    shared = False

    def _make_isp(self, description):
        return SwitchedIsp(description)

    def _links(self):
        self.switch = self._space("switch")
        isps, self.isps = self.isps, []
        lines = super()._links()
        self.isps = isps
        self.router.ip(lines)
        for isp in isps:
            if not self.shared or isp is isps[0]:
                self.switch.ip(f"link add {self._bridge(isp.wan)} type bridge mcast_snooping 0\n"
                               f"link set {self._bridge(isp.wan)} up\n")
            self.switch.ip(f"{isp.links()}link set i{isp.wan.mark} master {self._bridge(isp.wan)} up\n")
            self._put_card(isp.wan, f"02:00:00:00:01:{isp.wan.mark:02x}")
        return ""

    def _bridge(self, one):
        return "sw0" if self.shared else f"sw{one.mark}"

    def _put_card(self, one, mac):
        port = f"r{one.mark}"
        self.router.ip(topology.veth(one.interface, mac, port, f"02:00:00:00:05:{one.mark:02x}", self.switch))
        self.switch.ip(f"link set {port} master {self._bridge(one)} up\n")

    def replace_card(self, name, mac):
        """Another card is in the place of a WAN's, and networkd has done its work. The cable comes last."""
        one = self.wan(name)
        self.unplug(name)
        self._put_card(one, mac)
        self.switch.ip(f"link set r{one.mark} down\n")
        self.router.ip(topology.router_wan(one, replace=True))
        self.put_back(name)

    def pull(self, name):
        """The cable between the router and the switch is out."""
        self.switch.ip(f"link set r{self.wan(name).mark} down\n")
        self._wait_carrier(name, False)

    def put_back(self, name):
        self.switch.ip(f"link set r{self.wan(name).mark} up\n")
        self._wait_carrier(name, True)


class SharedLab(SwitchedLab):
    shared = True


# Neighbours of a namespace, by its interface

def remember(space, interface, addresses, mac=OLD):
    """The namespace believes for an hour that these addresses are at `mac`, as a provider's router may."""
    space.sysctls({f"net/ipv{family}/neigh/{interface}/base_reachable_time_ms": 3600000 for family in (4, 6)})
    space.ip("".join(f"neigh replace {address} lladdr {mac} dev {interface} nud reachable\n" for address in addresses))


def neighbours(space, interface):
    """{address: hardware address}"""
    lines = space.command(["ip", "neigh", "show", "dev", interface]).splitlines()
    return {words[0]: words[2] for words in map(str.split, lines) if "lladdr" in words}


def mac_of(space, interface):
    return space.command(["ip", "-br", "link", "show", "dev", interface]).split()[2]


def learn(space, interface, addresses, mac):
    """Waits until the namespace knows that the addresses are at `mac`; it does not ask."""
    def known():
        found = neighbours(space, interface)
        return all(found.get(address) == mac for address in addresses)
    try:
        wait_until(known, "announced")
    except TimeoutError:
        raise TimeoutError(f"{addresses} should be at {mac}: {neighbours(space, interface)}") from None


# What is said on a link

class Ear:
    """Takes what comes in on an interface: announcements, and questions for an address by IPv6. Or ARP alone."""

    def __init__(self, space, interface, protocol=ETH_P_ALL):
        self.sock = space.socket(socket.AF_PACKET, socket.SOCK_RAW, 0, 1 << 20)
        self.sock.bind((interface, protocol))
        self.heard = []  # [(kind, address)] in order: "arp", "na", "dad"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def listen(self, seconds=0):
        """Takes all that is there, waiting at most so long for more."""
        while readable(self.sock, seconds):
            data, (_, protocol, direction, *_) = self.sock.recvfrom(2048)
            if direction != PACKET_OUTGOING:
                self._take(protocol, data[14:])
        return self.heard

    def wait(self, *what):
        """Until all of it was heard."""
        wait_until(lambda: set(what) <= set(self.listen()), f"{what} in {self.heard}")

    def _take(self, protocol, data):
        if protocol == ETH_P_ARP:
            if data[14:18] == data[24:28]:
                self.heard.append(("arp", socket.inet_ntoa(data[14:18])))
        elif protocol == ETH_P_IPV6 and data[6] == socket.IPPROTO_ICMPV6 and data[40] in (SOLICIT, ADVERT):
            source, target = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16]) for at in (8, 48))
            solicited = struct.unpack_from("!I", data, 44)[0] & 0x40000000
            if data[40] == SOLICIT and source == "::":
                self.heard.append(("dad", target))
            elif data[40] == ADVERT and not solicited:
                self.heard.append(("na", target))
