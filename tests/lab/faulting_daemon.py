# SPDX-License-Identifier: GPL-2.0-or-later
"""
A daemon of which one call fails, at any time of its life: it starts, probes, loses a WAN's gateway and gets it back,
reads another mwan.conf, and ends. It goes on; or it ends with a message, and the next one, which systemd starts, does.
"""

import subprocess

import wans
from injecting import Injection
from traffic import wait_until


class Ended(Exception):
    """The daemon has ended by itself."""


class DaemonFaults:
    """Lives of daemons in one lab; the complaints about them."""

    name = "daemon"

    def __init__(self, make):
        self.lab = make(health=wans.QUICK).up()
        self.router = self.lab.router
        first = wans.config(self.lab.wans, health=wans.QUICK)
        self._texts = [first, first.replace("200", "201")]
        self._wanted = []
        for text in self._texts[::-1]:
            self.router.configure(text)
            self.lab.up()
            self._wanted.insert(0, self._state())
        one = self.lab.wan("att")
        self._gateway = f"default via {one.gateway4} dev {one.interface} proto dhcp metric {one.metric}\n"
        self.injection = Injection(self.router, self.lab.destdir)
        self.injected, self.ended, self.complaints = 0, 0, []

    def close(self):
        self.injection.close()

    def _state(self):
        return [line for line in self.router.snapshot() if "elements = 0x00000000" not in line]

    def _wait(self, daemon, condition, what):
        def met():
            if daemon.process.poll() is not None:
                raise Ended(what)
            return condition()
        wait_until(met, what)

    def _follow(self, daemon, there):
        self.router.ip(f"route {'add' if there else 'del'} {self._gateway}", 4)
        self._wait(daemon, lambda: daemon.family("att", "ipv4")["share"] == there / 2, f"att's gateway {there}")

    def _live(self, daemon):
        self._wait(daemon, lambda: daemon.notified("READY"), "READY=1")
        self._wait(daemon, daemon.are, "all up")
        self._follow(daemon, False)
        self._follow(daemon, True)
        self._texts.reverse()
        self._wanted.reverse()
        self.router.configure(self._texts[0])
        daemon.reload()
        self._wait(daemon, lambda: self._state() == self._wanted[0], "the other mwan.conf is in force")
        self._wait(daemon, daemon.are, "all up again")

    def _start(self, **kwargs):
        return self.lab.daemon(ready=False, **kwargs)

    def _end(self, daemon):
        """Its exit status."""
        code = daemon.stop() if daemon.process.poll() is None else daemon.ended()
        self.lab.forget_daemon(daemon)
        return code

    def _next(self):
        """What systemd starts then."""
        self.router.ip(f"route replace {self._gateway}", 4)
        daemon = self._start()
        self._wait(daemon, lambda: daemon.notified("READY") and self._state() == self._wanted[0], "the next daemon")
        return self._end(daemon)

    def count(self, kind):
        self.injection.order(kind)
        self._through()
        assert not self.complaints, self.complaints
        return self.injection.calls(), self.injection.sites()

    def _through(self):
        daemon = self._start(env=self.injection.environment, through=self.injection.command())
        found = []
        try:
            self._live(daemon)
        except Ended:
            self.ended += 1
        except TimeoutError as error:
            found.append(str(error))
        try:
            code = self._end(daemon)
        except subprocess.TimeoutExpired:
            daemon.kill()
            code, found = 0, [*found, "it does not end"]
        unread = code == 2 and "/etc/mwan/mwan.conf: " in daemon.log()  # as good as a mistake in it
        if (code not in (0, 1) and not unread) or (code == 1 and not daemon.lines):
            found.append(f"exit {code}")
        if code != 0 or found:
            if self._next() != 0:
                found.append("the next one ends, too")
        return found, daemon.log()

    def inject(self, kind, number):
        self.injection.order(kind, number)
        try:
            found, log = self._through()
        except (Ended, TimeoutError) as error:
            found, log = [f"the next daemon: {error}"], ""
        if not self.injection.failed():
            return False
        self.injected += 1
        if found:
            self.complaints.append("\n".join([f"daemon {kind} {number} (call {self.injection.call()})", *found, log[-1500:]]))
        return True
