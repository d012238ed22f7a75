# SPDX-License-Identifier: GPL-2.0-or-later
"""
The appliance: Debian 13 with mwan's package, booted in systemd-nspawn, in a
network namespace whose interfaces are there before it boots.

    router.write("/etc/mwan/mwan.conf", …)      before or after boot
    router.boot()                               returns when PID 1 runs; nothing is waited for
    router.booted()                             … when systemd says that it has started all
    router.run("networkctl", "renew", "eth0")   a Result, as the lab's router
    router.journal("mwan-health"), router.unit("nftables")["ActiveState"]
    router.kill()                               as if power were cut; boot() again after renew()
"""

import itertools
import os
import signal
import subprocess
import time
from pathlib import Path

from machine import Machine
from netns import Namespace
from traffic import PATIENCE, wait_until
from tree import ROOT, Tree

HERE = os.path.dirname(os.path.abspath(__file__))
_numbers = itertools.count()


class Container(Machine):
    """The router, whose files can be written before it boots; boot() comes when the interfaces are there."""

    def __init__(self, layers):
        super().__init__("router")
        self.tree = Tree(layers)
        self.process = None
        self.leader = None  # PID 1 of the container, as the host counts
        self.begin = None  # time.monotonic() of boot()

    # How it is reached

    def path(self, inside):
        return Path(f"/proc/{self.leader}/root{inside}") if self.leader else self.tree.path(inside)

    def argv(self, *args):
        if not self.leader:
            raise RuntimeError("the router has not been booted")
        # nsenter forks into the container: what it started ends with it.
        return ["nsenter", f"--target={self.leader}", "--all", "--", "setpriv", "--pdeathsig", "KILL", "--",
                *map(str, args)]

    def command(self, args, text=None):
        """Runs a program of the host's in the network namespace; nft is the container's, which can list what it loaded."""
        if not self.leader or args[0] != "nft":
            return super().command(args, text)
        process = self.start(*args, stdin=subprocess.PIPE)
        out, err = process.communicate(text)
        if process.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(args)}: {err.strip()}\n{text or ''}")
        return out

    # Power

    def boot(self, *args):
        """Power on; args are for systemd-nspawn. Returns when PID 1 is there."""
        name = f"mwan-{os.getpid()}-{next(_numbers)}"
        self.begin = time.monotonic()
        # No pre-exec in Python: the terminal's signals are not for the container.
        self.process = subprocess.Popen(
            self.tree.enter("unshare", "--mount", "--propagation", "slave", f"{HERE}/contain", name, ROOT,
                            f"--network-namespace-path={self.netns_path()}", *args),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        procs = Path(f"/proc/{self.process.pid}/root/sys/fs/cgroup/{name}/payload/init.scope/cgroup.procs")
        wait_until(lambda: self._leader(procs), "PID 1 of the container")

    def netns_path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def _leader(self, procs):
        self.alive()
        try:
            self.leader = int(procs.read_text().split()[0])
        except (OSError, IndexError):
            return False
        return True

    def alive(self):
        """True, or an error with what it said: whoever waits for a machine that has ended waits in vain."""
        if self.process and self.process.poll() is not None:
            raise RuntimeError(f"{self.name}: exit {self.process.returncode}\n{self.said()}")
        return True

    def said(self):
        """What a container that has ended has written on its console."""
        return self.process.stdout.read().decode(errors="replace")

    def booted(self, seconds=PATIENCE):
        """Waits until systemd has started all; returns "running" or "degraded"."""
        def state():
            found = self.run("systemctl", "is-system-running", check=False).out.strip()
            return found if found in ("running", "degraded") else None
        return wait_until(state, "systemd started everything", seconds)

    def kill(self):
        """Power off, at once and without a word to anybody."""
        if self.process:
            self.process.stdin.close()
            self.process.stdout.read()
            self.process.wait(PATIENCE)
            self.process.stdout.close()
            self.process = self.leader = None

    def renew(self):
        """New interfaces for the next boot: what a kernel keeps over a power cut is nothing. Files stay."""
        self.kill()
        for link in self._json("link"):  # at once: a namespace that nobody holds goes when the kernel finds time
            if link["ifname"] != "lo":
                self.ip(f"link del {link['ifname']}\n")
        fresh = Namespace(self.name)
        os.close(self.fd)
        self.fd = fresh.fd

    def close(self):
        self.kill()
        self.tree.close()
        super().close()

    # What systemd says

    def unit(self, name, *properties):
        """Properties of a unit, all or some: {"ActiveState": "active", …}."""
        chosen = [f"--property={','.join(properties)}"] if properties else []
        lines = self.run("systemctl", "show", *chosen, "--", name).out.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def failed(self):
        """The names of units that have failed."""
        lines = self.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").out.splitlines()
        return [line.split()[0] for line in lines]

    def journal(self, unit=None, *args):
        """This boot's journal, of one unit or all, oldest first."""
        chosen = [f"--unit={unit}"] if unit else []
        return self.run("journalctl", "--boot", "--no-pager", "--quiet", "--output=short-monotonic", *chosen, *args).out

    def main_pid(self, unit):
        """The pid of a unit's main process, as the container counts."""
        return int(self.unit(unit, "MainPID")["MainPID"])

    def kill_unit(self, unit, number=signal.SIGKILL):
        """A signal to the main process of a unit."""
        self.run("systemctl", "kill", "--kill-whom=main", f"--signal={int(number)}", unit)
