# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the lab knows of a WAN, and mwan.conf made from it.

One list of Wan describes everything: links, addresses, the provider's side,
the configuration file, and what counts as a leak.
"""

import ipaddress
from dataclasses import dataclass, field

LAN = "enmwanbr0"
MANAGEMENT = "eth0"
INSIDE4 = ["10.250.250.2", "10.250.250.3", "10.250.250.4", "10.250.250.5", "10.250.250.6"]
PREFIX6 = "3d06:bad:b01::/60"
ROUTER6 = "3d06:bad:b01:fe::2"
# Verdicts for tests that wait for them: down after 0.6 s on average.
QUICK = {"interval": "200ms", "timeout": "150ms", "failure_threshold": 3, "recovery_threshold": 3}


@dataclass
class Wan:
    """One provider: what it gives us, and how mwan.conf describes it."""

    name: str
    interface: str
    mark: int
    table: int
    address4: str  # on the interface, with length
    gateway4: str
    public4: list  # the public addresses of INSIDE4, in the same order
    address6: str  # the DHCPv6 /128
    prefix6: str  # the delegated prefix
    routed4: bool = True  # the block is routed to us; otherwise the provider ARPs for each address
    gateway6: str = "fe80::1"
    weight: int = 1
    tier: int = 1
    nat4: str = "map"
    nat6: str = "npt"
    prefix_key: str = "fixed"  # what prefix6 is in mwan.conf: fixed, or auto
    mtu: int = 1500
    ptp: bool = False  # a point-to-point link; gateway4 is its peer
    altname: str = ""  # another name that the link has
    slaac: bool = False  # address6 is the router's own choice, and the provider delegates nothing at first
    metric: int = 100  # of the default routes that DHCP and RA leave in main
    keys: dict = field(default_factory=dict)  # further keys of the [wan …] section, or changed ones

    def edge(self):
        """The prefix's ::1, where services are reached."""
        return str(ipaddress.IPv6Network(self.prefix6)[1])

    def host(self, inside):
        """The outside address of an inside host."""
        return translate(inside, PREFIX6, self.prefix6)

    def owns(self, address):
        """Whether a packet with this source may leave through this WAN."""
        addr = ipaddress.ip_address(address)
        if addr.version == 4:
            return address in self.sources4()
        return addr.is_link_local or addr in ipaddress.ip_network(self.prefix6) or address == self.address6

    def sources4(self):
        """The IPv4 source addresses that are this WAN's."""
        own = [self.address4.split("/")[0]]
        return own if self.nat4 == "masquerade" else list(dict.fromkeys(own + self.public4))


def translate(address, source, target):
    """Moves an IPv6 address from one prefix to another of the same length."""
    host = int(ipaddress.IPv6Address(address)) & int(ipaddress.IPv6Network(source).hostmask)
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Network(target).network_address) | host))


def att(**changes):
    """The original's first WAN: a routed /29."""
    return Wan(**{
        "name": "att", "interface": "enatt0.3242", "mark": 1, "table": 100,
        "address4": "104.57.226.193/29", "gateway4": "104.57.226.198",
        "public4": [f"104.57.226.{n}" for n in range(193, 198)],
        "address6": "2001:506:72f7:108c::1", "prefix6": "2600:1700:2f71:c80::/60", **changes})


def webpass(**changes):
    """The original's second WAN: an on-link /29, answered for by ARP."""
    return Wan(**{
        "name": "webpass", "interface": "enwebpass0", "mark": 2, "table": 200, "metric": 101,
        "address4": "136.25.91.242/29", "gateway4": "136.25.91.241",
        "public4": [f"136.25.91.{n}" for n in range(242, 247)], "routed4": False,
        "address6": "2604:5500:c271:8000::72b", "prefix6": "2604:5500:c271:be00::/60", **changes})


def dsl(**changes):
    """PPPoE: one address, the link itself as gateway, and a delegated prefix."""
    return Wan(**{
        "name": "dsl", "interface": "ppp0", "mark": 3, "table": 300, "metric": 102, "ptp": True, "mtu": 1492,
        "address4": "198.51.100.9/32", "gateway4": "198.51.100.1", "public4": [], "nat4": "masquerade",
        "address6": "2001:db8:d51::9", "prefix6": "2001:db8:d:50::/60", **changes})


def lte(**changes):
    """A modem on USB: IPv4 behind one address that changes, and no IPv6. Its link is known by another name."""
    return Wan(**{
        "name": "lte", "interface": "wwan0", "altname": "lte0", "mark": 4, "table": 400, "metric": 103, "ptp": True,
        "address4": "100.70.1.2/32", "gateway4": "100.70.0.1", "public4": [], "nat4": "masquerade", "mtu": 1428,
        "address6": "2001:db8:17e::2", "prefix6": "2001:db8:17e:10::/60", "gateway6": None, "prefix_key": None, "nat6": None,
        "keys": {"interface": "lte0", "gateway6": "none"}, **changes})


def original():
    """The two WANs of the original design."""
    return [att(), webpass()]


def monkeybrains(**changes):
    """The original's third WAN: for emergencies, with one leased address, and no prefix until the provider delegates one."""
    return Wan(**{
        "name": "monkeybrains", "interface": "enmbrains0", "mark": 3, "table": 300, "metric": 300, "tier": 2,
        "address4": "162.217.74.42/24", "gateway4": "162.217.74.1", "public4": [], "nat4": "masquerade",
        "address6": "2607:f598:b000:a::42", "prefix6": "2607:f598:b0a0:50::/60", "prefix_key": "auto",
        "keys": {"nat6_fallback": "masquerade", "metered": "yes"}, **changes})


def many(weights, tiers=None):
    """As many WANs as there are weights, with made-up addresses; every other one on-link."""
    tiers = tiers or [1] * len(weights)
    return [Wan(
        name=f"isp{i}", interface=f"enwan{i}", mark=i, table=1000 + i, weight=weight, tier=tier,
        address4=f"198.18.{i}.2/29", gateway4=f"198.18.{i}.1",
        public4=[f"198.18.{i}.{n}" for n in range(2, 7)], routed4=i % 2 == 1, metric=100 + i,
        address6=f"2001:db8:ffff:{i:x}::2", prefix6=f"2001:db8:{i:x}:a0::/60")
        for i, (weight, tier) in enumerate(zip(weights, tiers), start=1)]


def _section(title, keys):
    lines = [f"{key:18} = {value}".rstrip() for key, value in keys.items() if value is not None]
    return "\n".join([f"[{title}]", *lines, ""])


def wan_section(wan):
    """The [wan …] section of one WAN."""
    keys = {"interface": wan.interface, "mark": wan.mark, "table": wan.table, "weight": wan.weight,
            "tier": wan.tier, "nat4": wan.nat4, "nat6": wan.nat6,
            "public4": ("routed" if wan.routed4 else "onlink") if wan.nat4 == "map" else None,
            "prefix6": wan.prefix6 if wan.prefix_key == "fixed" else wan.prefix_key}
    return _section(f"wan {wan.name}", {**keys, **wan.keys})


def config(wans, mwan=None, lan=None, balance=None, health=None, notify=None, inside=len(INSIDE4), further=None, rules=None,
           directs=None):
    """
    The text of mwan.conf. The dicts change or add keys of their sections; None
    leaves a key out. The first `inside` addresses of INSIDE4 are mapped, and `further` has other lines of [map4].
    `rules` has the keys of each rule by its name, and `directs` those of each [direct …] section.
    """
    lan_keys = {"interface": LAN, "prefix4": "10.250.250.0/29", "router4": "10.250.250.2", "prefix6": PREFIX6,
                "router6": ROUTER6, "router6_linklocal": "auto"}
    mapped = [wan for wan in wans if wan.nat4 == "map"]
    map4 = {INSIDE4[i]: ", ".join(f"{wan.name} {wan.public4[i]}" for wan in mapped) for i in range(inside)} if mapped else {}
    map4.update(further or {})
    sections = [_section("mwan", mwan or {}), _section("lan", {**lan_keys, **(lan or {})}),
                _section("balance", balance or {}), _section("health", health or {}),
                *(wan_section(wan) for wan in wans), *(_section(f"rule {name}", keys) for name, keys in (rules or {}).items()),
                *(_section(f"direct {name}", keys) for name, keys in (directs or {}).items()),
                _section("notify", notify or {})]
    if map4:
        sections.append(_section("map4", map4))
    return "\n".join(sections)
