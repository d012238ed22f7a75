# SPDX-License-Identifier: GPL-2.0-or-later
"""
The appliance in a machine of its own: Debian's kernel, whatever this one lacks, in qemu without
hardware help. Its network cards end where a container's links do.

    with EmulatedAppliance() as lab:        as an Appliance, for one boot after another
        lab.up(seconds=SLOW)
        lab.router.run("networkctl")        over SSH, from the management network
        lab.isp("att").trunk.seen           frames on AT&T's wire, by VLAN and kind
        lab.router.memory()                 what qemu's process uses
"""

import glob
import os
import shlex
import subprocess
import tempfile
import time

import appliance
import pppoe
import wans as wan
from appliance import NETWORK, Appliance
from container import Container
from provider import Provider
from traffic import PATIENCE, wait_until
from tree import ROOT, output
from trunk import Trunk, tap

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = 768  # MiB
SLOW = 5 * PATIENCE  # seconds for what such a machine is slow at
# A quiet console; nothing here is worth a guard against speculation.
APPEND = "console=ttyS0 rw quiet loglevel=3 panic=-1 mitigations=off net.ifnames=1"


class Vm(Container):
    """The router: a container's files until it boots, and then a machine that one reaches over SSH."""

    def __init__(self, kernel, layers):
        super().__init__([f"{kernel}/layer", *layers])
        self.kernel = kernel
        self.cards = {}  # name: (MAC, qemu's network backend, file descriptor), in the order the kernel finds them
        self.admin = None  # the namespace from which SSH comes
        self.image = None
        self.folder = tempfile.TemporaryDirectory(prefix="mwan-vm-")
        self.console = open(f"{self.folder.name}/console", "w+b")
        self._master = None
        self.key = f"{self.folder.name}/key"
        output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        with open(f"{self.key}.pub", encoding="ascii") as public:
            self.write("/root/.ssh/authorized_keys", public.read(), 0o600)
        self.path("/etc/systemd/system/ssh.service").unlink()  # masked in containers
        output(*self.tree.chroot("depmod", os.listdir(f"{kernel}/layer/usr/lib/modules")[0]))

    # How it is reached

    def path(self, inside):
        if self.leader:
            raise RuntimeError("the files of a running machine are reached by its programs")
        return self.tree.path(inside)

    def write(self, inside, text, mode=0o644):
        if not self.leader:
            super().write(inside, text, mode)
            return
        self.command(["install", "-D", f"--mode={mode:o}", "/dev/stdin", inside], text)

    def read(self, inside):
        return self.run("cat", inside).out if self.leader else super().read(inside)

    def _ssh(self, *args):
        return ["nsenter", f"--net={self.admin.path}", "--", "ssh", "-F", "none", "-i", self.key,
                "-o", f"ControlPath={self.folder.name}/ssh", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", *args, "root@192.168.50.1"]

    def argv(self, *args):
        self._connect()
        return [*self._ssh(), "--", shlex.join(map(str, args))]

    def command(self, args, text=None):
        """Runs a program of the machine's that must succeed, with `text` on its stdin; returns its stdout."""
        if not self.leader:
            return super().command(args, text)
        process = self.start(*args, stdin=subprocess.PIPE)
        out, err = process.communicate(text)
        if process.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(args)}: {err.strip()}\n{text or ''}")
        return out

    def _connect(self):
        """One connection serves all programs, as each new one costs a slow machine a second."""
        if not self.leader:
            raise RuntimeError("the router has not been booted")
        wait_until(self._connected, "SSH to the machine", SLOW)

    def _connected(self):
        self.alive()
        if not self._master or self._master.poll() is not None:
            self._master = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self._ssh("-M", "-N")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elif os.path.exists(f"{self.folder.name}/ssh"):
            return True
        time.sleep(0.05)
        return False

    # Power

    def _image(self):
        """A disk without a name, with all files of the tree."""
        place = os.environ.get("MWAN_TEST_CACHE", "/var/cache/mwan-tests")
        self.image = os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC)
        os.ftruncate(self.image, 1 << 30)
        output(*self.tree.enter("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", ROOT, self._disk()))

    def _disk(self):
        return f"/proc/{os.getpid()}/fd/{self.image}"

    def boot(self, *args):
        """Power on; args are for qemu. What the machine writes is lost when it ends."""
        if self.image is None:
            self._image()
        cards = []
        for number, (mac, backend, fd) in enumerate(self.cards.values()):
            cards += ["-netdev", f"{backend},id=n{number},fd={fd}",
                      "-device", f"virtio-net-pci,netdev=n{number},mac={mac},romfile="]
        self.begin = time.monotonic()
        # One processor, as two panic now and then. Neither does emulated cmpxchg16b work: the flags
        # that it leaves are another register's, now and then.
        self.process = self.popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64", "-accel", "tcg,tb-size=512",
             "-cpu", "max,-cx16", "-M", "q35", "-smp", "1", "-m", str(MEMORY), "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", f"{self.kernel}/vmlinuz",
             "-initrd", f"{self.kernel}/initrd", "-append", APPEND,
             "-drive", f"file={self._disk()},if=none,id=disk,format=raw,snapshot=on,cache=unsafe",
             "-device", "virtio-blk-pci,drive=disk", *cards, *args],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT,
            pass_fds=[fd for _, _, fd in self.cards.values()])
        self.leader = self.process.pid

    def said(self):
        """What the machine has written on its console."""
        with open(self.console.name, "rb") as console:
            return console.read().decode(errors="replace")

    def memory(self):
        """{"used": MiB in the machine, "qemu": MiB of its process}."""
        free = dict(line.split(":") for line in self.read("/proc/meminfo").splitlines())
        used = int(free["MemTotal"].split()[0]) - int(free["MemAvailable"].split()[0])
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return {"used": used >> 10, "qemu": resident >> 10}

    def kill(self):
        for process in filter(None, (self._master, self.process)):
            process.kill()
            process.wait()
        self._master = self.process = self.leader = None

    def close(self):
        super().close()
        self.console.close()
        self.folder.cleanup()
        for fd in filter(None, (self.image, *(fd for _, backend, fd in self.cards.values() if backend == "tap"))):
            os.close(fd)


class Wired(Provider):
    """A provider whose end of the link is a card of the machine's. Of a VLAN, by its tag."""

    trunk = None

    def card(self):
        """What Vm.cards wants."""
        one, mac = self.wan, f"02:00:00:00:01:{self.wan.mark:02x}"
        port = tap(self, "port", f"02:00:00:00:02:{0x10 + one.mark:02x}")
        if not self.parent:
            return mac, "tap", port
        parent = tap(self.door, "parent", f"02:00:00:00:02:{0x20 + one.mark:02x}")
        self.trunk = Trunk(parent, {int(one.interface.partition(".")[2]): port})
        self.trunk.start()
        return mac, "socket", self.trunk.wire.fileno()

    def close(self):
        if self.trunk:
            self.trunk.close()
        super().close()


class EmulatedAppliance(Appliance):
    """An Appliance whose router is a Vm."""

    def _make_router(self):
        layers = appliance.layers()["router"]
        return Vm(output(f"{HERE}/kernel", layers[-1])[0], layers)

    def _make_isp(self, description):
        return Wired(description, appliance.layers()["isp"])

    def _links(self):
        """The LAN comes first, and AT&T last: the names are not the kernel's order."""
        self.router.admin = self.admin
        self.router.cards = {
            wan.LAN: ("02:00:00:00:0a:01", "tap", tap(self.opnsense, "wan0", "02:00:00:00:0b:01")),
            "enmgmt0": ("02:00:00:00:0c:01", "tap", tap(self.admin, "eth0", "02:00:00:00:0c:02")),
            pppoe.UPLINK: pppoe.uplink(self),
            **{isp.parent or isp.wan.interface: isp.card() for isp in reversed(self.isps)}}
        for file in sorted(glob.glob(f"{NETWORK}/*")):
            self.router.write(f"/etc/systemd/network/{os.path.basename(file)}", self._filled_in(file))
        pppoe.equip(self.router)
        return ""

    def _filled_in(self, file):
        """A file of conf/systemd-network with the machine's MACs in it, as the site's administrator does it."""
        with open(file, encoding="utf-8") as text:
            lines = text.read().splitlines()
        card = self.router.cards.get(os.path.basename(file).removesuffix(".link").partition("-")[2])
        return "".join(f"MACAddress={card[0]}\n" if card and line.startswith("MACAddress=") else f"{line}\n"
                       for line in lines)
