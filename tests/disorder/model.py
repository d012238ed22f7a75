# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is so at a site while events happen to it, and what must hold after each. Pure: nothing here acts.

A State knows of each WAN what its provider and its link do, and of the router who runs there. From this follows which
WANs can carry a family, which of them new flows may choose, and which flows an event may touch. All others lose nothing.
"""

import copy
from dataclasses import dataclass, field

ATT, WEBPASS, MONKEY = "att", "webpass", "monkeybrains"
NAMES = (ATT, WEBPASS, MONKEY)
FAMILIES = (4, 6)
EVERYWHERE = frozenset((name, family) for name in NAMES for family in FAMILIES)
PREFIXES = {ATT: ("2600:1700:2f71:c80::/60", "2600:1700:aaaa:50::/60"), WEBPASS: ("2604:5500:c271:be00::/60",),
            MONKEY: ("2607:f598:b0a0:50::/60", "2607:f598:b0a0:90::/60")}
# What each configuration does to flows on its way in and out, beside the plain one: nothing to all others.
CONFIGS = {
    "plain": frozenset(),
    "weights": frozenset(),
    "tiers": frozenset(),
    "rules": frozenset(),
    "logging": frozenset(),
    "sticky": frozenset(),
    "masquerade6": frozenset({(WEBPASS, 6)}),
    "two": frozenset({(MONKEY, 4), (MONKEY, 6)}),
    "mark": frozenset({(ATT, 4), (ATT, 6)}),
}
TIERS = {"tiers": {ATT: 2, WEBPASS: 1, MONKEY: 1}}
USUAL_TIERS = {ATT: 1, WEBPASS: 1, MONKEY: 2}


@dataclass
class Wan:
    """One WAN, and what its provider does."""

    link: str = "up"  # up, cut, gone
    gateway: dict = field(default_factory=lambda: {4: True, 6: True})
    fault: dict = field(default_factory=lambda: {4: None, 6: None})  # drop: all is lost; echo: probes are
    prefix: int = 0  # which of PREFIXES the provider delegates; -1: none
    drained: bool = False


@dataclass
class State:
    """The site. `impaired` names what keeps runs from their work or their files: then a run's result isn't judged."""

    wans: dict = field(default_factory=lambda: {name: Wan() for name in NAMES})
    config: str = "plain"
    daemon: bool = True
    networkd: str = "up"  # up, down, failing
    bus: bool = True
    names: str = "up"
    lan: bool = True
    impaired: frozenset = frozenset()
    foreign: bool = False
    known: bool = True  # the verdicts are those of the present
    verdicts: dict = field(default_factory=lambda: {pair: "up" for pair in EVERYWHERE})

    def members(self):
        """The WANs of the configuration."""
        return [name for name in NAMES if not (self.config == "two" and name == MONKEY)]

    def tier(self, name):
        return TIERS.get(self.config, USUAL_TIERS)[name]

    def translates(self, name):
        """Whether IPv6 of the WAN has a translation."""
        return name == MONKEY or self.wans[name].prefix >= 0 or (name == WEBPASS)

    def usable(self, name, family):
        """It has carrier, gateway and translation."""
        one = self.wans[name]
        return (name in self.members() and one.link == "up" and one.gateway[family]
                and (family == 4 or self.translates(name)))

    def carries(self, name, family, kind="udp"):
        """What is sent there is answered."""
        fault = self.wans[name].fault[family]
        return self.usable(name, family) and (fault is None or (fault == "echo" and kind != "icmp"))

    def _rank(self, name, family):
        if not self.usable(name, family):
            return 3
        if self.verdicts[name, family] == "down":
            return 2
        return 1 if self.wans[name].drained else 0

    def eligible(self, family):
        """The WANs of the best rank: good ones, else drained ones, else those that are down (I8)."""
        ranks = {name: self._rank(name, family) for name in self.members()}
        best = min(ranks.values())
        return {name for name, rank in ranks.items() if rank == best and best < 3}

    def chosen(self, family):
        """Who new flows go to: the eligible WANs of the lowest tier that has one."""
        names = self.eligible(family)
        lowest = min((self.tier(name) for name in names), default=0)
        return {name for name in names if self.tier(name) == lowest}

    def judge(self):
        """What the daemon's verdicts are when it has had its time. Without gateway there is nothing to judge."""
        if not self.daemon or self.blind():
            return
        for name, family in EVERYWHERE:
            if self.usable(name, family):
                self.verdicts[name, family] = "down" if self.wans[name].fault[family] else "up"
        self.known = True

    def broken(self, kind="udp"):
        """Where a flow of this kind isn't answered."""
        return {(name, family) for name, family in EVERYWHERE if not self.carries(name, family, kind)}

    def blind(self):
        """Nobody can bring about what follows from the state, or tell."""
        return bool(self.impaired - {"config"}) or ("config" in self.impaired and not self.daemon)

    def heard(self):
        """Whether networkd's news reach anybody."""
        return self.bus and self.networkd == "up"

    def copy(self):
        return copy.deepcopy(self)


@dataclass
class Effect:
    """What an event may do: to which flows. Nothing may leak, whatever it is."""

    touched: frozenset = frozenset()

    def __or__(self, other):
        return Effect(self.touched | other.touched)


def both(name):
    return frozenset({(name, 4), (name, 6)})
