# SPDX-License-Identifier: GPL-2.0-or-later
"""
`health-check --daemon` in the router, and what it tells: to its log, to whoever
started it, and to everybody in health.json.
"""

import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

from machine import difference
from traffic import PATIENCE, wait_until

STATE, KEPT = "/run/mwan/health.json", "/var/lib/mwan/health.json"
TICK = os.sysconf("SC_CLK_TCK")


class Daemon:
    """
    Started by the constructor, as the service manager would: it is told where to notify. through:
    a program that runs it in its own place. The lab stops it at its end; stop() and kill() do so before.
    """

    def __init__(self, router, *args, watchdog=None, env=None, through=()):
        self.router = router
        self.lines = []  # (when, text) of stderr
        self.notes = []  # (when, "READY=1")
        self._notify = router.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind("")  # an abstract name of the kernel's choice, for this namespace only
        env = {**(env or {}), "NOTIFY_SOCKET": "@" + self._notify.getsockname()[1:].decode()}
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
        self.process = router.serve(*through, "health-check", "--daemon", *args, env=env, text=False)
        self.pid = self.process.pid
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        """Until the daemon has closed its stderr, which is when it has ended."""
        error, rest = self.process.stderr.fileno(), b""
        poll = select.poll()
        for fd in (error, self._notify.fileno()):
            poll.register(fd, select.POLLIN)
        while True:
            ready, now = [fd for fd, _ in poll.poll()], time.monotonic()
            if self._notify.fileno() in ready:
                self.notes += [(now, line) for line in self._notify.recv(4096).decode().splitlines()]
            elif error in ready:
                data = os.read(error, 65536)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                self.lines += [(now, line.decode()) for line in lines]

    # What it says

    def log(self):
        """Its stderr so far, as text."""
        return "\n".join(text for _, text in self.lines)

    def said_once(self, text, since=0):
        """Waits for a line with that text: a line may arrive after its effect. One has to be all."""
        self.wait(lambda: self.said(text, since), text)
        assert len(self.said(text, since)) == 1, self.log()

    def said(self, text, since=0.0):
        """The lines of stderr with a text in them, that came after a moment."""
        return [line for when, line in self.lines if text in line and when >= since]

    def notified(self, name):
        """The values that it has notified for a name, in order: notified("STATUS")."""
        return [value for key, _, value in (note.partition("=") for _, note in self.notes) if key == name]

    def health(self):
        """The object of health.json."""
        return json.loads(self.router.read(STATE))

    def wan(self, name):
        """health.json's object of a WAN."""
        return next(one for one in self.health()["wans"] if one["name"] == name)

    def family(self, wan, family):
        """health.json's object of a WAN and family: family("att", "ipv6")."""
        return self.wan(wan)[family]

    def state(self, wan, family):
        return self.family(wan, family)["state"]

    def states(self):
        """{"att ipv4": "up", …}"""
        return {f"{wan['name']} {family}": wan[family]["state"] for wan in self.health()["wans"]
                for family in ("ipv4", "ipv6") if family in wan}

    # Waiting. A daemon that has ended is not waited for.

    def wait(self, condition, what="condition"):
        """wait_until() for the daemon's doing; what it said is in the error."""
        def met():
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon has ended: exit {self.process.returncode}\n{self.log()}")
            return condition()
        try:
            return wait_until(met, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.states()}\n{self.log()}") from None

    def wait_ready(self):
        wait_until(lambda: self.notified("READY") or self.process.poll() is not None, "READY=1")
        self.wait(lambda: self.notified("READY"), "READY=1")
        return self

    def wait_state(self, wan, family, state):
        """Until a verdict is `state`; returns how long that took."""
        begin = time.monotonic()
        self.wait(lambda: self.state(wan, family) == state, f"{wan} {family} {state}")
        return time.monotonic() - begin

    def wait_cycles(self, count=3):
        """Until that many more cycles of probes are over, where no run is due: each writes health.json anew."""
        for _ in range(count):
            before = self.health()["time"]
            self.wait(lambda b=before: self.health()["time"] != b, "the next cycle")

    def wait_snapshot(self, wanted, what="repaired"):
        """Until the kernel is again as in a snapshot of the router."""
        try:
            self.wait(lambda: self.router.snapshot() == wanted, what)
        except TimeoutError as error:
            lines = difference(wanted, self.router.snapshot())
            raise TimeoutError("\n".join([what, *lines, str(error)])) from None

    def are(self, default="up", **exceptions):
        """Whether every verdict is `default`, but for att4="down" and the like."""
        wanted = {f"{key[:-1]} ipv{key[-1]}": state for key, state in exceptions.items()}
        return all(state == wanted.get(key, default) for key, state in self.states().items())

    def wait_states(self, default="up", **exceptions):
        """Until verdicts are() so."""
        self.wait(lambda: self.are(default, **exceptions), f"all {default} but {exceptions}")

    # What is done to it

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        self.signal(signal.SIGHUP)

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self):
        """SIGKILL; returns when it is gone."""
        self.signal(signal.SIGKILL)
        return self.ended()

    def ended(self):
        """Waits for its end, and for the last it says; returns the exit status."""
        code = self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        return code

    def close(self):
        """Ends it, if it has not ended. It has to do so in peace."""
        code = 0
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            try:
                code = self.stop()
            except subprocess.TimeoutExpired:
                code = self.kill()
        self.release()
        assert code == 0, f"exit {code}\n{self.log()}"

    def release(self):
        """What is left of one that has ended."""
        self._listener.join(PATIENCE)
        for file in (self.process.stdout, self.process.stderr, self._notify):
            file.close()

    # What it uses

    def cpu(self):
        """Seconds of CPU, user and system."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def descriptors(self):
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss(self):
        """Resident memory in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
