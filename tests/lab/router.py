# SPDX-License-Identifier: GPL-2.0-or-later
"""
The router under test: a network namespace with a private view of the files
that the programs use. /run, /var/lib, /var/log and /etc are its own, /etc with
what the build installs there; /usr/local/bin and lib are the build's.
"""

import json
import os
import shutil
from pathlib import Path

import rtnl
from machine import OWNER, Machine
from netns import CLONE_NEWNS, in_thread, mount, unshare

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def _overlay(ours, host, target):
    """Fills target with links to what the host has, and copies of our files over it."""
    for entry in os.scandir(host) if host and os.path.isdir(host) else []:
        if os.path.isdir(f"{ours}/{entry.name}") and entry.is_dir(follow_symlinks=False):
            continue
        if not os.path.lexists(f"{ours}/{entry.name}"):
            text = os.readlink(entry.path) if entry.is_symlink() else entry.path
            os.symlink(text, f"{target}/{entry.name}")
    for entry in os.scandir(ours):
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(f"{target}/{entry.name}", 0o755)
            below = f"{host}/{entry.name}" if host else None
            _overlay(entry.path, below, f"{target}/{entry.name}")
        else:
            shutil.copy2(entry.path, f"{target}/{entry.name}", follow_symlinks=False)


class Router(Machine):
    """The router's namespaces, its programs, and what the kernel says there."""

    def __init__(self, destdir):
        super().__init__("router")
        self.mount_fd, self.root_fd = in_thread(self._private_files, os.path.abspath(destdir))

    def _private_files(self, destdir):
        with self.entered():
            unshare(CLONE_NEWNS)
            mount(None, "/", None, MS_REC | MS_PRIVATE)
            mount("sysfs", "/sys", "sysfs")
        # Opened before tmpfs hides what may lie below.
        kept = [os.open(place, os.O_PATH) for place in (destdir, "/etc")]
        build, host_etc = (f"/proc/{os.getpid()}/fd/{fd}" for fd in kept)
        for place in ("/usr/local/bin", "/usr/local/lib"):
            mount(f"{build}{place}", place, None, MS_BIND)
        for place in ("/run", "/var/lib", "/var/log"):
            mount("tmpfs", place, "tmpfs", 0, b"mode=0755")
        os.mkdir("/run/etc")
        mount(host_etc, "/run/etc", None, MS_BIND | MS_REC)
        mount("tmpfs", "/etc", "tmpfs", 0, b"mode=0755")
        _overlay(f"{build}/etc", "/run/etc", "/etc")
        for place in ("/run/mwan", "/run/dbus", "/run/lock", "/var/lib/mwan", "/etc/mwan"):
            os.makedirs(place, exist_ok=True)
        for fd in kept:
            os.close(fd)
        flags = os.O_RDONLY | os.O_CLOEXEC
        return os.open("/proc/thread-self/ns/mnt", flags), os.open("/", os.O_PATH | os.O_CLOEXEC)

    def close(self):
        if self.fd >= 0:
            os.close(self.mount_fd)
            os.close(self.root_fd)
        super().close()

    # How it is reached

    def path(self, inside):
        """A path by which this process reaches a file of the router."""
        return Path(f"/proc/{os.getpid()}/fd/{self.root_fd}{inside}")

    def argv(self, *args):
        """The command line that runs a program inside, from outside."""
        here = f"/proc/{os.getpid()}/fd"
        return ["nsenter", f"--mount={here}/{self.mount_fd}", f"--net={here}/{self.fd}", "--", *map(str, args)]

    # Bringing it into a state

    def wipe(self):
        """Takes away everything mwan put there, kernel and /run, and loads the base as at boot."""
        self.command(["nft", "flush", "ruleset"])
        for family in (4, 6):
            self.ip(f"rule flush protocol {OWNER}\nroute flush table all proto {OWNER}\n", family)
        for interface, address, _ in self.own_addresses():
            rtnl.change_address(self, rtnl.RTM_DELADDR, interface, address)
        shutil.rmtree(self.path("/run/mwan"))
        self.path("/run/mwan").mkdir()
        self.load_base()

    def health(self, **states):
        """Writes verdicts as health-check does: health(att4="down", webpass6="up")."""
        wans = {}
        for key, state in states.items():
            wan = wans.setdefault(key[:-1], {"name": key[:-1]})
            wan[f"ipv{key[-1]}"] = {"state": state, "eligible": state != "down"}
        self.write("/run/mwan/health.json", json.dumps({"version": 1, "wans": list(wans.values())}))
