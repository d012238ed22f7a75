# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lab that events happen to: the original's three WANs, two with a prefix that networkd knows, files on small file systems of their
own, and a clock that can be stepped. Remembers what it has to in order to undo it.
"""

import dataclasses
import ipaddress
import mmap
import os
import shutil
import signal
import struct

import rtnl
import topology
import wans
from lab import CLIENT6, Lab, default_destdir
from machine import OWNER
from model import ATT, FAMILIES, MONKEY, NAMES, PREFIXES, WEBPASS

PLACES = ("/run/mwan", "/var/lib/mwan", "/var/log")
STEPPING = "/run/stepping"
HEALTH = {"interval": "300ms", "timeout": "280ms", "failure_threshold": 2, "recovery_threshold": 2}
RULES = {"voice": {"protocol": "udp", "dport": "5060-5061", "wans": "att"},
         "backup": {"destination": "203.0.113.200, 2001:db8:cafe::200", "wans": "webpass, monkeybrains"}}
FAULTS = {"drop": "meta nfproto ipv{0} drop", "refuse": "meta nfproto ipv{0} reject with icmpx host-unreachable"}
ECHO = {4: "icmp type echo-request drop", 6: "icmpv6 type echo-request drop"}


class Site(Lab):
    """`process` is the daemon that runs, or None."""

    def __init__(self, destdir=None):
        self.process, self.variant, self.stepped = None, "plain", None
        super().__init__([wans.att(prefix_key="auto"), wans.webpass(), wans.monkeybrains(keys={"nat6_fallback": "masquerade"})], destdir)
        build = os.path.dirname(os.path.abspath(destdir or default_destdir()))
        library = os.environ.get("MWAN_STEPPING") or os.path.join(build, "tests", "lab", "stepping.so")
        self.router.environment.update(LD_PRELOAD=library, STEPPING=STEPPING)
        self.owners = {address: one.name for one in self.wans for address in one.sources4()}
        self.networks = [(ipaddress.ip_network(prefix), name) for name in NAMES for prefix in PREFIXES[name]]
        self.networks += [(ipaddress.ip_network(one.address6), one.name) for one in self.wans]
        for one in self.wans:
            self.route_prefixes(one.name)
        self.networkd()
        for name in (ATT, MONKEY):
            self.delegate(name, 0)

    def _begin(self):
        self.router.write(STEPPING, "\0" * 8)
        with open(self.router.path(STEPPING), "r+b") as file:
            self.stepped = mmap.mmap(file.fileno(), 8)
        for place in PLACES:
            self.router.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", place)
        super()._begin()

    def close(self):
        if self.process:
            self.process.signal(signal.SIGCONT)
        super().close()

    # Configuration

    def configure(self, **config):
        """mwan.conf of the variant in force; lab.wans stay as they are."""
        changes = {"weights": {ATT: {"weight": 9}, WEBPASS: {"weight": 2}}, "tiers": {ATT: {"tier": 2}, MONKEY: {"tier": 1}},
                   "masquerade6": {WEBPASS: {"nat6": "masquerade"}}, "mark": {ATT: {"mark": 7, "table": 777}}}.get(self.variant, {})
        described = [dataclasses.replace(one, **changes.get(one.name, {})) for one in self.wans
                     if self.variant != "two" or one.name != MONKEY]
        sections = {"rules": {"rules": RULES}, "logging": {"mwan": {"debug_logging": "yes"}},
                    "sticky": {"balance": {"mode": "source"}}}.get(self.variant, {})
        self.marks = {one.mark: one.name for one in described}
        self.router.configure(wans.config(described, **{"health": HEALTH, **sections, **config}))

    # Whose is what

    def owner(self, source):
        """The name of the WAN that a source address belongs to, now or with another prefix; None: nobody's."""
        if ":" not in source:
            return self.owners.get(source)
        address = ipaddress.ip_address(source)
        return next((name for network, name in self.networks if address in network), None)

    def outside(self, name, family, which):
        """Where a host inside is reached over the WAN."""
        one = self.wan(name)
        return one.public4[1] if family == 4 else wans.translate(CLIENT6, wans.PREFIX6, PREFIXES[name][which])

    # Providers

    def route_prefixes(self, name):
        """The provider routes all prefixes that it might delegate."""
        one = self.wan(name)
        self.isp(name).ip("".join(f"route replace {prefix} via {topology.router_linklocal(one)} dev mwan\n"
                                  for prefix in PREFIXES[name]), 6)
        self.internet.ip("".join(f"route replace {prefix} via fe80::a dev i{one.mark}\n" for prefix in PREFIXES[name]), 6)

    def mend(self, name):
        super().mend(name)
        self.route_prefixes(name)

    def lose_lease(self, name):
        """As far as it is there."""
        one = self.wan(name)
        lines = [(4, f"addr del {one.address4} dev {one.interface}"), (6, f"addr del {one.address6}/128 dev {one.interface}"),
                 (6, f"route del {self.default_route(name, 6)}")]
        for family, line in lines:
            self.try_ip(line, family)

    def try_ip(self, line, family=None):
        try:
            self.router.ip(line + "\n", family)
        except RuntimeError:
            pass  # it isn't there

    def default_route(self, name, family):
        one = self.wan(name)
        via, protocol = (one.gateway4, "dhcp") if family == 4 else (one.gateway6, "ra")
        return f"default via {via} dev {one.interface} proto {protocol} metric {one.metric}"

    def set_faults(self, name, faults):
        """What the provider does to each family: {4: "drop", 6: None}"""
        rules = [ECHO[family] if how == "echo" else FAULTS[how].format(family) for family, how in faults.items() if how]
        self.isp(name).fault(*rules)

    def allow(self, name, *which):
        """Which of its prefixes may be sources; anything else is a leak."""
        self.isp(name).accept_only([PREFIXES[name][number] for number in which if number >= 0])

    def delegate(self, name, which, announce=False):
        interface = self.wan(name).interface
        self.bus.delegate(interface, *([PREFIXES[name][which]] if which >= 0 else []))
        if announce:
            self.bus.announce(interface)

    # The router

    def wipe(self):
        """As after boot, but for verdicts. Others' tables go as well."""
        self.router.command(["nft", "flush", "ruleset"])
        for family in FAMILIES:
            self.router.ip(f"rule flush protocol {OWNER}\nroute flush table all proto {OWNER}\n", family)
        for interface, address, _ in self.router.own_addresses():
            rtnl.change_address(self.router, rtnl.RTM_DELADDR, interface, address)
        self.empty("/run/mwan", but=("health.json", "health.lock", "lock"))
        self.router.load_base()

    def empty(self, place, but=()):
        """Removes all that is in a folder."""
        for path in self.router.path(place).iterdir():
            if path.name not in but:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def step(self, seconds):
        """The clock of all programs of the router."""
        self.stepped[:] = struct.pack("=q", struct.unpack("=q", self.stepped)[0] + seconds)

    def start_daemon(self, ready=True):
        self.process = self.daemon(ready=ready)

    def reload(self):
        """What the service manager does, which waits until the daemon is ready."""
        if self.process:
            self.process.wait_ready().reload()

    def end_daemon(self, how):
        process, self.process = self.process, None
        process.kill() if how == "kill" else process.stop()
        self._daemons.remove(process)
        process.close()

    def start_networkd(self):
        self.bus.start()

    def restart_bus(self):
        self.bus.start_bus()
        if self.bus._standin:
            self.bus.stop()
        self.bus.start()
