"""
health-check --doctor: its findings, and what their fixes name, run as they stand there.
"""

import contextlib
import re

TOPIC, KIND, FIX = slice(0, 10), slice(11, 16), "                 fix: "


class Finding:
    """One line of the doctor's, with its fix."""

    def __init__(self, line):
        self.topic, self.kind, self.text, self.fix = line[TOPIC].strip(), line[KIND].strip(), line[17:], ""

    def __repr__(self):
        return f"{self.topic}: {self.kind} {self.text} [{self.fix}]"

    def commands(self):
        """What stands in `backticks` in the fix."""
        return re.findall(r"`([^`]*)`", self.fix)


class Doctor:
    """What it says of a machine. `topics`: those of interest, all others are left out."""

    def __init__(self, machine, topics=None):
        self.machine, self.topics = machine, topics
        self.code = self.last = None  # exit status and complaints of the last run

    def findings(self):
        """All that it says now, the good as well."""
        result = self.machine.run("health-check", "--doctor", check=False)
        self.code, found = result.code, []
        for line in result.out.splitlines()[:-2]:
            if line.startswith(FIX):
                found[-1].fix = line[len(FIX):]
            else:
                found.append(Finding(line))
        assert found and result.code in (0, 1, 2), result
        return [finding for finding in found if not self.topics or finding.topic in self.topics]

    def complaints(self):
        """What is not good."""
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
