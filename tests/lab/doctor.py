# SPDX-License-Identifier: GPL-2.0-or-later
"""
health-check --doctor: its findings, and what their fixes name, run as they stand there.
"""

import contextlib
import re

TOPIC, KIND, FIX = slice(0, 10), slice(11, 16), "                 fix: "
FOLLOWS = "  follows: "
WIDTH, HEIGHT = 80, 24  # of a terminal, whose last line has the prompt


class Finding:
    """One line of the doctor's, with its fix and what follows from it."""

    def __init__(self, line):
        self.topic, self.kind, self.text, self.fix = line[TOPIC].strip(), line[KIND].strip(), line[17:], ""
        self.follows = []

    def __repr__(self):
        return f"{self.topic}: {self.kind} {self.text} [{self.fix}]" + (f" > {self.follows}" if self.follows else "")

    def commands(self):
        """What stands in `backticks` in the fix."""
        return re.findall(r"`([^`]*)`", self.fix)


def read(lines):
    """The findings of `--doctor --verbose`: the roots."""
    found = []
    for line in lines:
        group = found
        if line.startswith(FOLLOWS):
            line, group = line[len(FOLLOWS):], found[-1].follows
        if line.startswith(FIX):
            group[-1].fix = line[len(FIX):]
        else:
            group.append(Finding(line))
    return found


class Doctor:
    """What it says of a machine. `topics`: those of interest, all others are left out."""

    def __init__(self, machine, topics=None):
        self.machine, self.topics = machine, topics
        self.code = self.last = None  # exit status and complaints of the last run

    def findings(self):
        """All that it says now, the good as well, each with what follows from it."""
        result = self.machine.run("health-check", "--doctor", "--verbose", check=False)
        self.code, found = result.code, read(result.out.splitlines()[:-2])
        assert found and result.code in (0, 1, 2), result
        return [finding for finding in found if not self.topics or finding.topic in self.topics]

    def screen(self):
        """What somebody sees who asks without --verbose: it fits a terminal, wherever no command is too wide for it."""
        result = self.machine.run("health-check", "--doctor", check=False)
        lines = result.out.splitlines()
        rows = sum(1 + (len(line) - 1) // WIDTH if line else 1 for line in lines)
        assert rows < HEIGHT, result.out
        assert [line for line in lines if len(line) > WIDTH and "`" not in line] == [], result.out
        return result.out

    def complaints(self):
        """What is not good: the causes. What follows from them goes with them."""
        self.last = [finding for finding in self.findings() if finding.kind != "ok"]
        return self.last

    def finds(self, topic, kind, says):
        """The one complaint of that topic that says so."""
        complaints = self.complaints()
        found = [one for one in complaints if (one.topic, one.kind) == (topic, kind) and says in one.text]
        assert len(found) == 1, f"{topic}: {kind} {says}: {complaints}"
        assert found[0].fix, found[0]
        if kind == "WRONG":
            assert self.code == 1
        return found[0]

    def follow(self, finding, number=0):
        """Runs a command of the fix, as it stands there."""
        self.machine.run("sh", "-ec", finding.commands()[number])


@contextlib.contextmanager
def edits(machine):
    """Yields edit(FILE, TEXT or None): another text, or no file, until this ends; edit.before has what was there."""
    def edit(path, text):
        place = machine.path(path)
        edit.before.setdefault(path, place.read_text() if place.exists() else None)
        put(path, text)

    def put(path, text):
        if text is None:
            machine.path(path).unlink(missing_ok=True)
        else:
            machine.write(path, text)

    edit.before = {}
    try:
        yield edit
    finally:
        for path, text in edit.before.items():
            put(path, text)
