# SPDX-License-Identifier: GPL-2.0-or-later
"""A site whose WANs answer probes and can fail, the daemon on it, and a watch on
what its router does."""

import os
import select
import subprocess
import sys
import tempfile
import time

from bench import BIN, BUILD, CONFIG, PEERS, SITE, Site

TARGETS4 = ["1.1.1.1", "8.8.8.8"]
TARGETS6 = ["2606:4700:4700::1111", "2001:4860:4860::8888"]
PATIENCE = 20 # seconds that anything may take to come about


class LiveSite(Site):
    """Neighbours that have the probes' targets, on every WAN. A WAN's outside end can go
    down and come up again; what it needs comes back with it."""

    def __init__(self, wans=2, health="", targets4=(), keys=""):
        """`health` is what mwan.conf has in [health], `keys` in each [wan]."""
        self.health, self.keys = health, keys
        super().__init__(wans)
        self.outside.run("nft", "flush", "ruleset") # the sinks
        settings = ["net/ipv6/conf/lo/disable_ipv6=0", "net/ipv4/conf/all/rp_filter=0"]
        for w in self.wans:
            settings += [f"net/ipv4/conf/{w.interface}/rp_filter=0", f"net/ipv6/conf/{w.interface}/keep_addr_on_down=1",
                         f"net/ipv6/conf/{w.interface}/disable_ipv6=0"]
        self.outside.run("sysctl", "-qw", *settings)
        self.outside.ip("".join(f"addr add {a}/32 dev lo\n" for a in [*TARGETS4, *targets4])
                        + "".join(f"addr add {w.gateway4}/30 dev {w.interface}\n" for w in self.wans), "-4")
        self.outside.ip("".join(f"addr add {a}/128 dev lo nodad\n" for a in TARGETS6) + "".join(
            f"addr add {a} dev {w.interface} nodad\n" for w in self.wans
            for a in (f"{w.gateway6}/64", f"{w.own6}ff/64", f"{w.edge6}ff/60")), "-6")
        # The daemon keeps its state there.
        self.router.run("sh", "-c", "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/mwan")

    def config(self):
        return super().config().replace("[wan ", "[health]\n" + self.health + "\n[wan ", 1).replace(
            "\nmark = ", f"\n{self.keys}mark = ")

    def reconfigure(self, health):
        self.health = health
        self.router.write(CONFIG, self.config())


class Daemon:
    """The health daemon, or what does its work, until it is stopped."""

    def __init__(self, site, name="mwan"):
        self.site, self.name = site, name
        if name == "mwan":
            site.load_mwan()
            self.shares = ["map inet mangle share4", "map inet mangle share6"]
            command = [BIN / "health-check", "--daemon", "--config", CONFIG]
        else:
            site.router.write(SITE, site.in_shell())
            site.load_base()
            site.router.run(PEERS / "batch-routes", SITE)
            self.shares = ["chain inet peer pick"]
            command = [PEERS / "hook", SITE]
        self.said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *site.router.argv(*command)],
                                        stdin=subprocess.DEVNULL, stderr=self.said)
        self.pid = self.process.pid

    def give_up(self, why):
        self.said.seek(0)
        sys.exit(f"bench: {self.name}: {why}; it has said\n{self.said.read()}")

    def wait(self, why, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None:
                self.give_up("it has ended")
            if time.monotonic() > deadline:
                self.give_up(f"not within {PATIENCE} s: {why}")
            time.sleep(0.05)

    def carries(self, wan):
        """Of the families that new flows come in, how many may choose the WAN."""
        return sum(f"0x{wan.mark:08x}" in self.site.router.run("nft", "list", *share.split(), check=False)
                   for share in self.shares)

    def wait_carries(self, wan, families):
        self.wait(f"{wan.name} carries {families} of the families", lambda: self.carries(wan) == families)

    def wait_ready(self):
        """All of the site's WANs are in use, and what starting takes is over."""
        state = f"/proc/{self.site.router.pid}/root/run/mwan/health.json"
        if self.name == "mwan":
            self.wait("its first state", lambda: os.path.exists(state))
        for wan in self.site.wans:
            self.wait_carries(wan, len(self.shares))
        time.sleep(2)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.said.close()


class Watch:
    """react.c on one WAN of a site."""

    def __init__(self, site, wan):
        self.process = subprocess.Popen(
            [BUILD / "tests/bench/react", str(site.router.pid), str(site.outside.pid), wan.interface],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rest = b""
        if not self.events(PATIENCE, lambda events: events):
            sys.exit("bench: react does not run")

    def say(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def events(self, seconds, enough=lambda events: False):
        """[(nanoseconds, event)] within that time, or until there are enough."""
        events, deadline, out = [], time.monotonic() + seconds, self.process.stdout
        while not enough(events):
            left = max(0, deadline - time.monotonic())
            if not select.select([out], [], [], left)[0]:
                break
            heard = os.read(out.fileno(), 65536)
            if not heard:
                sys.exit("bench: react has ended")
            *lines, self.rest = (self.rest + heard).split(b"\n")
            events += [(int(line.split()[0]), line.split()[1].decode()) for line in lines]
        return events

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
