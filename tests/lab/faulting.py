# SPDX-License-Identifier: GPL-2.0-or-later
"""
Programs of which one call fails, and what has to be so then: the exit status and the message are right, the kernel is
as before or as wanted and nothing between, files are whole, the lock is free, and the next run makes it good.
"""

import fcntl
import json
import re
from contextlib import ExitStack

import wans
from injecting import KINDS, Injection
from machine import difference
from port import FLAG, PORT, VLAN, Port

# Calls that write: if it is the message that can't be written, there is none.
WRITES = (1, 20)
FOLDERS = ("/run/mwan", "/run/mwan/nft", "/var/lib/mwan", "/run")
PREFIXES = ("2600:1700:2f71:c90::/60", "2600:1700:2f71:ca0::/60")


def plain(text):
    """What a program prints, without what differs from run to run."""
    text = re.sub(r"note: the kernel is not like this yet.*\n", "", text)  # something could not be asked
    text = re.sub(r'"due": (true|false)', "", text)
    text = re.sub(r"\d+(\.\d+)?( ?(ms|s|min|h|d))?\b", "#", text)
    return re.sub(r"[ \t]+", " ", text)


class Scenario:
    """
    One program in one situation. It goes from one state of the kernel to another, and may go back the same way: `turn`
    counts the runs. What a program says is compared if `exact`.
    """

    program, exact, changes = (), True, False
    config = {}

    def __init__(self, lab):
        self.lab, self.router, self.turn = lab, lab.router, 0

    def begin(self):
        """Once, before all."""
        self.lab.up()

    def args(self):
        return self.program

    def prepare(self):
        """Before each run."""

    def state(self):
        """What packets put into a set of marks comes and goes."""
        return [line for line in self.router.snapshot() if "elements = 0x00000000" not in line] if self.changes else []

    def close(self):
        pass


class Change(Scenario):
    """mwan.conf has changed: objects come and go."""
    program, changes = ("update-routes",), True

    def begin(self):
        super().begin()
        first = wans.config(self.lab.wans)
        second = wans.config(self.lab.wans, inside=2, balance={"mode": "source"}).replace("200", "201")
        self.texts = (first, second)

    def prepare(self):
        self.turn += 1
        self.router.configure(self.texts[self.turn % 2])


class Boot(Scenario):
    """Nothing but the base ruleset is there."""
    program, changes = ("update-routes",), True

    def prepare(self):
        self.router.wipe()

    def state(self):
        """The way inside is found a moment later: OPNsense has to answer."""
        return [line for line in super().state() if '"gateway": "fe80::ff:fe00:b01"' not in line]


class Gone(Scenario):
    """The base ruleset is gone, and is loaded again."""
    program, changes = ("update-routes",), True

    def prepare(self):
        self.router.nft("flush ruleset")


class Nothing(Scenario):
    """There is nothing to do."""
    program, changes = ("update-routes",), True


class Prefix(Scenario):
    """Another prefix."""
    program, changes = ("update-npt",), True
    config = {"descriptions": lambda: [wans.att(prefix_key="auto"), wans.webpass()]}

    def prepare(self):
        self.turn += 1

    def args(self):
        return ("update-npt", VLAN, PREFIXES[self.turn % 2])


class DryRun(Change):
    program, changes = ("update-routes", "--dry-run"), False


class Drain(Scenario):
    changes = True

    def prepare(self):
        self.turn += 1

    def args(self):
        return ("health-check", "--drain" if self.turn % 2 else "--undrain", "webpass")

    def state(self):
        path = self.router.path("/var/lib/mwan/drained")
        return super().state() + (re.findall(r"\w+", path.read_text())[:1] if path.exists() else [])


class Once(Scenario):
    program, exact = ("health-check", "--once"), False


class Reader(Scenario):
    """What the daemon has written is shown. It runs no longer: what it says changes all the time."""

    def begin(self):
        super().begin()
        daemon = self.lab.daemon()
        daemon.wait_states()
        daemon.stop()


class Status(Reader):
    program = ("health-check", "--status")


class StatusJson(Reader):
    program = ("health-check", "--status", "--json")


class Metrics(Reader):
    program = ("health-check", "--status", "--metrics")


class Doctor(Scenario):
    program, exact = ("health-check", "--doctor"), False


class Explain(Scenario):
    program = ("update-routes", "--explain", "10.250.250.2", "1.1.1.1", "tcp", "1000", "443")


class ExplainJson(Scenario):
    program = ("update-routes", "--explain", "--json", "3d06:bad:b01::5", "2606:4700:4700::1111", "udp", "1000", "53")


class TraceNew(Scenario):
    program, exact = ("mwan-trace", "new", "deploy"), False

    def state(self):
        ids = [self.router.path(path).read_text() if self.router.path(path).exists() else ""
               for path in ("/run/mwan-trace-id", "/var/lib/mwan/trace-id")]
        assert all(re.fullmatch(r"(\S+\n)?", one) for one in ids), ids
        return []


class TraceShow(Scenario):
    program = ("mwan-trace", "show")
    config = {"mwan": {"debug_logging": "yes"}}

    def begin(self):
        self.router.run("mwan-trace", "new", "deploy")
        super().begin()


class Authenticated(Scenario):
    """wpa_cli has told of an event."""
    program = ("wpa-action", PORT, "CONNECTED")
    config = {"descriptions": lambda: [wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")]}
    changes = True

    def begin(self):
        super().begin()
        self.port = Port(self.lab)

    def prepare(self):
        self.router.path(FLAG).unlink(missing_ok=True)

    def state(self):
        return ["flag"] if self.port.flag else []

    def close(self):
        self.port.close()


class Bringup(Authenticated):
    program, changes = ("bringup-att-vlan",), False

    def begin(self):
        super().begin()
        self.port.up()
        self.bus = self.lab.networkd()
        address = {"Family": 2, "Address": [104, 57, 226, 193], "PrefixLength": 29, "ConfigSource": "DHCPv4",
                   "ConfigState": "configured"}
        self.bus.describe(VLAN, Addresses=[address])

    def prepare(self):
        pass


SCENARIOS = {one.__name__.lower(): one for one in (
    Change, Boot, Gone, Nothing, Prefix, DryRun, Drain, Once, Status, StatusJson, Metrics, Doctor, Explain, ExplainJson,
    TraceNew, TraceShow, Authenticated, Bringup)}


class Faults:
    """A scenario's lab, its runs, and the complaints about them. thorough: another run follows after success, too."""

    def __init__(self, scenario, make, thorough=True):
        kind = SCENARIOS[scenario]
        config = dict(kind.config)
        descriptions = config.pop("descriptions", lambda: None)()
        self.lab = make(descriptions, health={"interval": "500ms", "timeout": "300ms"}, **config)
        self.name, self.router = scenario, self.lab.router
        self.injected, self.complaints, self.thorough = 0, [], thorough
        self._stack = ExitStack()
        self.scenario = kind(self.lab)
        self.scenario.begin()
        self._stack.callback(self.scenario.close)
        self.injection = Injection(self.router, self.lab.destdir)
        self._stack.callback(self.injection.close)
        self._learn()

    def close(self):
        self._stack.close()

    def _run(self, through=False):
        args = self.scenario.args()
        if through:
            return self.router.run(*self.injection.command(*args), check=False, env=self.injection.environment)
        return self.router.run(*args, check=False)

    def _learn(self):
        """What is right, in both directions of a scenario that goes to and fro."""
        self._right = {}
        for _ in range(4):
            self.scenario.prepare()
            old = self.scenario.state()
            result = self._run()
            self._right[self.scenario.turn % 2] = (old, self.scenario.state(), result)

    def count(self, kind):
        """Runs it so that nothing fails; returns how many calls there are, and the first ones from each place."""
        self.scenario.prepare()
        self.injection.order(kind)
        result = self._run(True)
        assert result.code == self._right[self.scenario.turn % 2][2].code, result
        return self.injection.calls(), self.injection.sites()

    def inject(self, kind, number):
        """Lets one call fail. False: there is none of that number."""
        self.scenario.prepare()
        right = self._right[self.scenario.turn % 2]
        self.injection.order(kind, number)
        result = self._run(True)
        if not self.injection.failed():
            return False
        self.injected += 1
        found = [*self._judge_words(result, right[2]), *self._judge_state(result, right), *self._judge_files()]
        if self.scenario.changes and (self.thorough or result.code != 0 or found):
            found += self._judge_next(right)
        if found:
            self.complaints.append("\n".join([f"{self.name} {kind} {number} (call {self.injection.call()})", *found,
                                              repr(result)[-1500:]]))
        return True

    def _judge_words(self, result, right):
        # As good as a mistake in it.
        unread = result.code == 2 and re.match(r"<3>(/etc/mwan/mwan.conf|/run/mwan/prefixes): ", result.err)
        if result.code not in {0, 1, right.code} and not unread:
            yield f"exit {result.code}"
        elif result.code != right.code and result.code != 1 and not unread:
            yield f"exit {result.code} in the place of {right.code}"
        elif result.code == 1 and not result.err and not (self.scenario.exact is False and result.out):
            if self.injection.call() not in WRITES:
                yield "no message"
        elif self.scenario.exact and result.code == right.code and plain(result.out) != plain(right.out):
            if right.code == 0 or not result.err:
                yield "another output:\n" + "\n".join(difference(plain(right.out).splitlines(), plain(result.out).splitlines()))
        if any(ord(char) < 32 and char not in "\n\t\x1b" for char in result.err):
            yield "a message that is none"

    def _judge_state(self, result, right):
        if not self.scenario.changes:
            return
        old, new, _ = right
        found = self.scenario.state()
        if result.code == 0 and found != new and "no WAN counts as drained" not in result.err:
            yield "done, it says:\n" + "\n".join(difference(new, found)[:20])
        elif result.code != 0 and found not in (old, new):
            yield "between old and new:\n" + "\n".join(["from old:", *difference(old, found)[:20], "from new:", *difference(new, found)[:20]])

    def _judge_files(self):
        for folder in FOLDERS:
            path = self.router.path(folder)
            for file in path.iterdir() if path.exists() else []:
                if file.name.endswith((".new", ".refused")):
                    yield f"{file.name} was left"
        for path in ("/run/mwan/health.json", "/var/lib/mwan/health.json"):
            if self.router.path(path).exists():
                json.loads(self.router.read(path))
        lock = self.router.path("/run/mwan/lock")
        if lock.exists():
            with open(lock, "r+", encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield "the lock is held"

    def _judge_next(self, right):
        result = self._run()
        found = self.scenario.state()
        if result.code != right[2].code:
            yield f"the next run: {result!r}"
        if found != right[1]:
            yield "after the next run:\n" + "\n".join(difference(right[1], found)[:20])

