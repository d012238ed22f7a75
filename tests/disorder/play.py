# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a sequence of events in a fresh lab, and finds the shortest that still fails."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))

from acts import act  # noqa: E402
from events import NOTHING, happen, healing, to_text  # noqa: E402
from judge import Judge, Violation  # noqa: E402
from model import NAMES, State  # noqa: E402
from shrink import shrink  # noqa: E402
from ground import Site  # noqa: E402
from traffic import PATIENCE  # noqa: E402

SOON = 20  # seconds that a state may take to come while a sequence is shortened: nothing else is going on then


class Outcome:
    """How a sequence went: the violation, or None; the events until then; figures."""

    def __init__(self):
        self.violation, self.log, self.done = None, "", []
        self.packets = self.checks = 0
        self.slowest = (0, "")
        self.seconds = 0


class Play:
    """One sequence in one lab."""

    def __init__(self, patience=PATIENCE, heard=None):
        self.patience, self.heard, self.outcome = patience, heard, Outcome()
        self.state, self.before, self.effect = State(), State(), NOTHING

    def run(self, events):
        """Plays them, and then what makes all well again; returns the Outcome."""
        begin = time.monotonic()
        with Site() as self.site:
            self.judge = Judge(self.site, self.patience)
            try:
                self._start()
                for event in events:
                    self._event(event)
                self._heal()
            except Violation as violation:
                self.outcome.violation = violation
            except Exception as error:  # an act that could not be done is no less to look into, and to shorten
                self.outcome.violation = Violation("error", f"{type(error).__name__}: {error}")
            finally:
                self.outcome.log = self.site.process.log() if self.site.process else ""
                self.outcome.packets, self.outcome.checks = self.judge.load.packets, self.judge.checks
                self.judge.load.close()
                if self.outcome.violation:
                    self._calm()
        self.outcome.seconds = time.monotonic() - begin
        return self.outcome

    def _calm(self):
        """So that a daemon whose end doesn't matter any more ends."""
        if self.site.process:
            self.site.process.kill()

    def _start(self):
        self.site.start_daemon()
        self._judge()
        self.judge.load.start()
        self.judge.open_flows(self.state)
        self.before = self.state.copy()

    def _event(self, event):
        effect = happen(self.state, event)
        if effect is None:
            return
        if self.heard:
            self.heard(event)
        self.outcome.done.append(event)
        begin = time.monotonic()
        self.effect |= effect
        self.judge.begin()
        act(self.site, self.state, event)
        if event["event"] == "reference":
            self.judge.settle(self.state)
            self.judge.judge_reference(self.state)
        if not event.get("soon"):
            self._judge()
        self.outcome.slowest = max(self.outcome.slowest, (time.monotonic() - begin, to_text(event)))

    def _judge(self):
        self.state.judge()
        judge, state = self.judge, self.state
        judge.settle(state)
        judge.alive()
        judge.judge_flows(self.before, state, self.effect)
        judge.judge_silence(state)
        judge.judge_new(state)
        judge.judge_leaks()
        for name in NAMES:
            self.site.allow(name, state.wans[name].prefix)
        judge.open_flows(state)
        self.before, self.effect = state.copy(), NOTHING

    def _heal(self):
        """All is made well; then all flows are answered, and all is as from a fresh start."""
        for event in [*healing(self.state), {"event": "reference"}]:
            self._event(event)


def play(events, patience=PATIENCE, heard=None):
    return Play(patience, heard).run(events)


def shortest(events, invariant, seconds, say=lambda text: None):
    """The shortest part of the events after which the same invariant fails, each tried in a fresh lab."""
    def fails(candidate):
        violation = play(candidate, SOON).violation
        found = violation is not None and violation.invariant == invariant
        say(f"{len(candidate)} events: {'fails' if found else 'holds'}")
        return found
    return shrink(events, fails, seconds)
