# SPDX-License-Identifier: GPL-2.0-or-later
"""
The daemon through very many cycles, reloads and failovers: what it keeps in memory and open, early and late.

    for line in soak.run(EARLY, soak.Size(cycles=100_000, reloads=10_000, failovers=1_000)):
        print(line)
"""

import time
from collections import namedtuple

import wans
from lab import Lab
from traffic import wait_until

Size = namedtuple("Size", "cycles reloads failovers")
Figures = namedtuple("Figures", "rss files")
WANS = 8
# A cycle each 50 ms of each WAN and family is the fastest that mwan.conf allows.
FAST = {"interval": "50ms", "timeout": "40ms", "failure_threshold": 1000, "recovery_threshold": 1}


class Soak:
    """A daemon that probes as fast as it can."""

    def __init__(self, lab):
        self.lab = lab
        self.daemon = lab.daemon()
        self.daemon.wait_states()
        self.weight = 1
        for isp in lab.isps:
            isp.count_echo()

    def figures(self):
        """A file that is open for a moment, while a run goes on, is none."""
        def files():
            time.sleep(0.01)
            return self.daemon.descriptors()
        return Figures(self.daemon.rss(), min(files() for _ in range(100)))

    def as_before(self, before):
        """malloc() keeps a few pages more or less."""
        return self.daemon.descriptors() <= before.files and self.daemon.rss() <= before.rss + 256

    def cycles(self, count):
        """Until so many more cycles have sent their probes: an ISP sees them, of each target of each family."""
        def sent():
            return sum(sum(isp.echo().values()) for isp in self.lab.isps) // 2
        goal = sent() + count
        while (now := sent()) < goal:
            wait_until(lambda n=now: sent() > n, "more probes")
            time.sleep(0.2)  # counting costs the ISPs more than the probes do

    def reloads(self, count):
        """Each changes who gets how many of the new flows."""
        for _ in range(count):
            self.weight = 3 - self.weight
            self.lab.wans[0].weight = self.weight
            self.lab.configure(health=FAST)
            self.daemon.reload()
            share = self.weight / (WANS - 1 + self.weight)
            self.daemon.wait(lambda s=share: abs(self.daemon.wan(self.lab.wans[0].name)["ipv4"]["share"] - s) < 0.001, "the reload")

    def failovers(self, count):
        name = self.lab.wans[1].name
        for number in range(count):
            for up in (False, True):
                self.lab.isps[1].ip(f"link set mwan {'up' if up else 'down'}\n")
                self.daemon.wait(lambda u=up: self.daemon.family(name, "ipv4")["eligible"] == u, f"failover {number}: {up}")


def run(early, late):
    """Lines: what the daemon has after a few of each, and after many; TimeoutError when it has grown."""
    with Lab(wans.many([1] * WANS), health=FAST) as lab:
        lab.up()
        soak = Soak(lab)
        for what in Size._fields:
            getattr(soak, what)(getattr(early, what))
        before = soak.figures()
        yield f"after {early.cycles} cycles, {early.reloads} reloads, {early.failovers} failovers: {before.rss} KiB, {before.files} files"
        for what in Size._fields:
            getattr(soak, what)(getattr(late, what) - getattr(early, what))
            now = soak.figures()
            yield f"after {getattr(late, what)} {what}: {now.rss} KiB, {now.files} files"
            wait_until(lambda: soak.as_before(before), "no more memory or files than before")
