# SPDX-License-Identifier: GPL-2.0-or-later
"""
What always holds (I1 to I9), asked of a Site after events. It waits for states, and judges no times: each wait ends when what must
come has come, and only what never comes is a violation.
"""

import json
import signal
import time

from lab import SERVERS4, SERVERS6, STRANGER4, STRANGER6
from load import Load, Ping, Tcp, Udp, ping_homes
from machine import OWNER, difference
from model import ATT, FAMILIES, WEBPASS
from traffic import PATIENCE, UdpFlow, readable

CHECK = ("update-npt", "--check")
SERVERS = {4: SERVERS4, 6: SERVERS6}
STRANGERS = {4: STRANGER4, 6: STRANGER6}
LONG_LIVED, CONNECTIONS, PINGS, NEW, EACH = 5, 3, 2, 8, 3


class Violation(Exception):
    """An invariant that doesn't hold."""

    def __init__(self, invariant, text):
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


class Judge:
    """Asks about one Site, with a State that says what is so."""

    def __init__(self, site, patience=PATIENCE):
        self.site, self.patience, self.load = site, patience, Load()
        self.checks = 0
        self.began = None

    def until(self, condition, invariant, text):
        """Waits for a condition. text: what to say when it never comes; or a function that says it."""
        deadline = time.monotonic() + self.patience
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise Violation(invariant, text() if callable(text) else text)
            time.sleep(0.01)
        return value

    # The load

    def open_flows(self, state):
        """Those that are missing, as far as they are possible now."""
        if not state.lan or state.blind():
            return
        kept = [(flow.kind, flow.inbound, flow.family, flow.home if flow.inbound else None) for flow in self.load.flows]
        for family in FAMILIES:
            chosen = state.chosen(family)
            if chosen and state.known and all(state.carries(name, family, "icmp") for name in chosen):
                site, servers = self.site, SERVERS[family]
                for kind, count, make in (
                        ("udp", LONG_LIVED, lambda n: Udp(site.client, servers[n % 2], site.owner)),
                        ("tcp", CONNECTIONS, lambda n: Tcp(site.client, servers[n % 2], site.owner, self.patience)),
                        ("icmp", PINGS, lambda n: Ping(site.client, servers[n % 2]))):
                    for number in range(kept.count((kind, False, family, None)), count):
                        try:
                            self.load.add(make(number))
                        except OSError as error:
                            raise Violation("I4", f"no new {kind} flow over IPv{family}: {error}") from None
            for name in (ATT, WEBPASS):
                if self.lets_in(state, name, family) and ("udp", True, family, name) not in kept:
                    target = self.site.outside(name, family, max(state.wans[name].prefix, 0))
                    self.load.add(Udp(self.site.internet, target, None, STRANGERS[family], home=name))

        for flow in [one for one in self.load.flows if one.kind == "icmp" and not one.home and self.load.is_alive()]:
            self.answered(flow, flow.began, "I4", "a new flow is not answered")
            self.find_home(flow)

    @staticmethod
    def lets_in(state, name, family):
        return state.carries(name, family) and (family == 4 or (name == ATT) or state.config != "masquerade6")

    def answered(self, flow, since, invariant, text):
        """Waits for the answer to a packet that was sent after a moment."""
        def done():
            return flow.answered >= since or flow.dead or flow.moves
        self.until(done, invariant, lambda: f"{flow}: {text}")

    def begin(self):
        """Events begin."""
        self.began = self.began or time.monotonic()

    def judge_flows(self, before, after, effect):
        """Flows where nothing has happened lose nothing (I5), and stay (I2); what came in is answered where it came in (I3)."""
        now = time.monotonic()
        for flow in [one for one in self.load.flows if one.kind == "icmp"]:
            self.find_home(flow)
        for flow in list(self.load.flows):
            def sound(home, flow=flow):
                pair = (home, flow.family)
                return home and before.lan and after.lan and pair not in effect.touched and before.carries(*pair, flow.kind) and after.carries(*pair, flow.kind)

            began = flow.moves[0][1] if flow.moves else flow.home
            if sound(began) and flow.first and flow.first < self.began:
                self.answered(flow, now, "I3" if flow.inbound else "I5", "no longer answered, and nothing has happened to its WAN")
                for _, old, new in flow.moves:
                    if sound(old):
                        raise Violation("I2", f"{flow}: was on {old}, is on {new}")
                if flow.dead:
                    raise Violation("I5", f"{flow}: {flow.dead}")
                if lost := flow.lost(now):
                    raise Violation("I5", f"{flow}: lost {lost} packets, and nothing has happened to its WAN")
            else:
                self.judge_touched(flow, now, after)
                flow.doubt()
                now = time.monotonic()  # what was lost until it went on elsewhere isn't that WAN's
            flow.moves.clear()
            flow.forget(now)
            self.checks += 1
        self.began = None

    def judge_touched(self, flow, now, after):
        """Where all that it may be on is well, it is answered; what has begun with what is gone begins anew."""
        if flow.kind != "udp" or flow.inbound:
            self.load.remove(flow)
        elif (flow.home and after.lan and not after.impaired and self.all_well(after, flow.family)
              and (after.daemon or after.carries(flow.home, flow.family))):
            self.answered(flow, now, "I5", "all WANs are well, and it is not answered")

    @staticmethod
    def all_well(state, family):
        names = [name for name in state.members() if state.usable(name, family)]
        return names and all(state.carries(name, family) for name in names)

    def find_home(self, flow):
        """Of an echo request; the router knows."""
        homes = ping_homes(self.site.router, self.site.marks.get)
        home = homes.get((flow.family, flow.identifier), flow.home)
        if flow.home and home and home != flow.home:
            flow.moves.append((flow.heard, flow.home, home))
        flow.home = home

    # Runs

    def settle(self, state):
        """Until the router has dealt with it all: the daemon knows, a run would change nothing (I7)."""
        site = self.site
        if state.blind():
            time.sleep(0.3)
            return
        if not state.daemon and "config" not in state.impaired:
            site.router.run("update-npt")
        if state.daemon:
            resort = any(state.verdicts[pair] == "down" for pair in self.expected(state))
            self.until(lambda: self.is_known(state), "I8" if resort else "I4", lambda: self.known_text(state))
        if "config" not in state.impaired:
            self.until(lambda: site.router.run(*CHECK, check=False).code == 0, "I7",
                       lambda: repr(site.router.run(*CHECK, check=False)))

    def alive(self):
        """The daemon runs, if nobody has ended it."""
        process = self.site.process
        if process and process.process.poll() is not None:
            raise Violation("I9", f"the daemon has ended: exit {process.process.returncode}")

    def eligible(self):
        """{(WAN, family)} by health.json."""
        try:
            wans = json.loads(self.site.router.read("/run/mwan/health.json"))["wans"]
        except (OSError, ValueError):
            return None
        return {(one["name"], family) for one in wans for family in FAMILIES if one.get(f"ipv{family}", {}).get("eligible")}

    @staticmethod
    def expected(state):
        return {(name, family) for family in FAMILIES for name in state.eligible(family)}

    def is_known(self, state):
        self.alive()
        return self.eligible() == self.expected(state)

    def known_text(self, state):
        found, wanted = self.eligible() or set(), self.expected(state)
        return f"eligible, and should not be: {sorted(found - wanted)}; should be, and are not: {sorted(wanted - found)}"

    def judge_silence(self, state):
        """A second run changes nothing (I6)."""
        if state.impaired:
            return

        def silent():
            with self.site.router.monitor() as monitor:
                result = self.site.router.run("update-npt", check=False)
                self.last = result, monitor.events(OWNER)
                return result.code == 0 and not self.last[1]
        self.until(silent, "I6", lambda: f"never silent: {self.last}")

    def judge_reference(self, state):
        """From nothing at all, one run reaches the same (I7)."""
        site, process = self.site, self.site.process
        self.load.paused = True
        time.sleep(0.05)
        if process:
            process.signal(signal.SIGSTOP)
        try:
            before = site.router.snapshot()
            site.wipe()
            result = site.router.run("update-npt", check=False)
            after = site.router.snapshot()
        finally:
            if process:
                process.signal(signal.SIGCONT)
            self.load.paused = False
        if before != after:
            raise Violation("I7", "\n".join(["a fresh run comes to another result:", *difference(before, after), repr(result)]))

    # Leaks, and new flows

    def judge_leaks(self):
        """Nothing has left a WAN with a source that isn't its own (I1), whatever there was for a moment, or wasn't."""
        if leaks := self.site.leaks():
            raise Violation("I1", f"packets left a WAN with a source that is not its own: {leaks}")

    def judge_new(self, state):
        """New flows choose eligible WANs only, and lose nothing (I4, I8)."""
        if not state.lan or not state.known or state.blind():
            return
        for family in FAMILIES:
            chosen = state.chosen(family)
            if chosen and all(state.carries(name, family) for name in chosen):
                while not self.ask_new(state, family, chosen):
                    pass

    def ask_new(self, state, family, chosen):
        """False where a verdict has changed meanwhile: on a busy machine, probes may be late."""
        seen, resort = self.eligible(), any(state.verdicts[name, family] == "down" for name in chosen)
        invariant = "I8" if resort else "I4"
        if state.daemon and seen != self.expected(state):
            self.until(lambda: self.is_known(state), invariant, lambda: self.known_text(state))
            return False
        flows = [UdpFlow(self.site.client, SERVERS[family][number % 2]) for number in range(NEW)]
        try:
            for _ in range(EACH):
                for flow in flows:
                    flow.send()
            homes = [self.take(flow) for flow in flows]
        finally:
            for flow in flows:
                flow.close()
        if state.daemon and self.eligible() != seen:
            return False
        for home, count in homes:
            if count < EACH:
                raise Violation(invariant, f"a new IPv{family} flow lost {EACH - count} of {EACH} packets; "
                                f"new flows choose among {sorted(chosen)}")
            if home not in chosen:
                raise Violation(invariant, f"a new IPv{family} flow is on {home}, and not on one of {sorted(chosen)}")
        self.checks += len(homes)
        return True

    def take(self, flow):
        """
        (WAN, packets answered) of a flow, of which EACH were sent. What was sent before something that is answered, and is
        not answered, is lost.
        """
        count, home, deadline = 0, None, time.monotonic() + self.patience
        while count < EACH and time.monotonic() < deadline:
            if not readable(flow.sock, 2):
                flow.send("echo", 1)
                continue
            try:
                words = flow.sock.recv(2048).decode().split()
            except OSError:
                continue
            if "." in words[0]:
                break
            home, count = self.site.owner(words[3]), count + 1
        return home, count
