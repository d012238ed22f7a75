# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian trees that can be written to: an overlay on tmpfs, in a mount namespace
that lives as long as something holds it. When this process ends, by whatever
means, nothing is left behind.

    tree = Tree([made("isp", "radvd")])
    tree.path("/etc/hostname").write_text("isp\\n")
    tree.chroot("radvd", "--version")       a command line that runs in it
"""

import os
import subprocess
from pathlib import Path

from lab import REPO
from netns import CLONE_NEWNS, in_thread, mount, unshare
from router import MS_BIND, MS_PRIVATE, MS_REC

PLACE = "/mnt"  # where it all is, in the mount namespace
ROOT = f"{PLACE}/root"


def made(name, *packages, suite="trixie"):
    """The folder of a Debian 13 tree, or of another release's, with packages, made if need be."""
    return output(f"{REPO}/tests/tree", name, suite, *packages)[0]


def mirror(name, *packages):
    """The folder of a mirror for Debian 13 with packages and all that they need, made if need be."""
    return output(f"{REPO}/tests/tree", "--mirror", name, "trixie", *packages)[0]


def output(*args):
    """The lines that a program of the tests prints; what it says beside is in the error."""
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.splitlines()


class Tree:
    """An overlay over folders, the top one first."""

    def __init__(self, layers, devices=False):
        self.mount_fd, self.root_fd = in_thread(self._mounted, layers, devices)

    @staticmethod
    def _mounted(layers, devices):
        unshare(CLONE_NEWNS)
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        mount("tmpfs", PLACE, "tmpfs", 0, b"mode=0755")
        upper, work = f"{PLACE}/upper", f"{PLACE}/work"
        for place in (upper, work, ROOT):
            os.mkdir(place)
        options = f"lowerdir={':'.join(layers)},upperdir={upper},workdir={work}"
        mount("overlay", ROOT, "overlay", 0, options.encode())
        if devices:
            mount("/dev", f"{ROOT}/dev", None, MS_BIND | MS_REC)
            mount("proc", f"{ROOT}/proc", "proc")
        flags = os.O_RDONLY | os.O_CLOEXEC
        return os.open("/proc/thread-self/ns/mnt", flags), os.open(ROOT, os.O_PATH | os.O_CLOEXEC)

    def path(self, inside):
        """A path by which this process reaches a file of the tree. Absolute links in it lead to the host's files."""
        return Path(f"/proc/{os.getpid()}/fd/{self.root_fd}{inside}")

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def enter(self, *args):
        """The command line that runs a program of the host in the tree's mount namespace."""
        return ["nsenter", f"--mount=/proc/{os.getpid()}/fd/{self.mount_fd}", "--", *map(str, args)]

    def chroot(self, *args):
        """The command line that runs a program of the tree's."""
        return self.enter("chroot", ROOT, *args)

    def close(self):
        if self.mount_fd >= 0:
            os.close(self.mount_fd)
            os.close(self.root_fd)
            self.mount_fd = self.root_fd = -1
