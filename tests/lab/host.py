# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Proxmox host of files: sysfs with an X710 and an I226-V, a VM, and programs that play ip and systemctl.

    host = Host(folder)                   as it should be: VF made and set right, both cards the VM's
    host.vf(0, trust="off")               breaks something
    host.run("check-host").out

Unless `ready`, the host is as after boot: no VFs, the I226-V its own, the VM off.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from lab import HERE, REPO
from machine import Result
from traffic import PATIENCE

PF, PORT, VF, I226 = "0000:02:00.0", "enp2s0f0np0", "0000:02:02.0", "0000:04:00.0"
MAC = "02:00:5e:10:00:01"
VM = """agent: 1
bios: ovmf
cores: 2
hostpci0: {vf},pcie=1
hostpci1: {whole},pcie=1
machine: q35
memory: 2048
net0: virtio=BC:24:11:00:00:01,bridge=vmbr0
onboot: 1
"""
SYSTEMCTL = """#!/bin/sh
for word; do :; done
case $word in x710-vf-setup*) ;; *) exit 4 ;; esac
case "$*" in
*is-enabled*) [ -e "$MWAN_HOST_ROOT/enabled" ] ;;
*is-active*) [ -e "$MWAN_HOST_ROOT/active" ] ;;
*) exit 1 ;;
esac
"""


class Host:
    def __init__(self, folder, ready=True):
        self.root = Path(folder)
        self.devices = self.root / "sys/bus/pci/devices"
        self.write("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz root=/dev/mapper/pve-root ro quiet\n")
        self.write("/etc/default/x710-vf", Path(f"{REPO}/conf/host/x710-vf").read_text(encoding="utf-8"))
        self._program("ip", Path(f"{HERE}/host-ip").read_text(encoding="utf-8"))
        self._program("systemctl", SYSTEMCTL)
        self.device(PF, "i40e", 14, "0x020000")
        self.write_device(PF, "sriov_totalvfs", "64\n")
        self.write_device(PF, "sriov_numvfs", "0\n")
        self.write_device(PF, f"net/{PORT}/address", "3c:fd:fe:00:00:01\n")
        self.device(I226, "igc", 17, "0x020000")
        self.write_device(I226, "net/enp4s0/address", "00:e0:67:00:00:01\n")
        self.vm(100, VM.format(vf=VF, whole=I226))
        if ready:
            self.write_device(PF, "sriov_numvfs", "1\n")
            self.device(VF, "vfio-pci", 30, "0x020000")
            self.link(f"{PF}/virtfn0", f"../{VF}")
            self.vf(0, mac=MAC, trust="on", spoofchk="off")
            self.driver(I226, "vfio-pci")
            self.start(100)
            self.write("/enabled", "")
            self.write("/active", "")

    # Making and breaking

    def path(self, inside):
        return self.root / inside.lstrip("/")

    def write(self, inside, text):
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text, encoding="utf-8")

    def edit(self, inside, old, new):
        text = self.path(inside).read_text(encoding="utf-8")
        assert old in text
        self.write(inside, text.replace(old, new))

    def remove(self, inside):
        path = self.path(inside)
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _program(self, name, text):
        self.write(f"/bin/{name}", text)
        self.path(f"/bin/{name}").chmod(0o755)

    def link(self, name, target):
        path = self.devices / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def write_device(self, address, name, text):
        self.write(f"/sys/bus/pci/devices/{address}/{name}", text)

    def device(self, address, driver, group, kind):
        """A PCI device, with its driver, alone in an IOMMU group."""
        self.write_device(address, "class", f"{kind}\n")
        self.driver(address, driver)
        self.join(address, group)
        self.link(f"{address}/iommu_group", f"../../../../kernel/iommu_groups/{group}")

    def join(self, address, group):
        """One more device of an IOMMU group."""
        self.write(f"/sys/kernel/iommu_groups/{group}/devices/{address}", "")

    def driver(self, address, name):
        self.link(f"{address}/driver", f"../../drivers/{name}")

    def card(self, **changes):
        """What host-ip knows of the card."""
        path = self.devices / PF / "vfs.json"
        state = json.loads(path.read_text()) if path.exists() else {"vfs": {}, "refused": [], "busy": 0}
        path.write_text(json.dumps({**state, **changes}))

    def vf(self, number, **changes):
        """Changes a VF: trust="off", vlan="3242", …; without changes: what it is."""
        path = self.devices / PF / "vfs.json"
        vfs = json.loads(path.read_text())["vfs"] if path.exists() else {}
        new = {"mac": "00:00:00:00:00:00", "vlan": "0", "spoofchk": "on", "state": "auto", "trust": "off"}
        vfs[str(number)] = {**vfs.get(str(number), new), **changes}
        if changes:
            self.card(vfs=vfs)
        return vfs[str(number)]

    def vm(self, number, text):
        self.write(f"/etc/pve/qemu-server/{number}.conf", text)

    def start(self, number):
        self.write(f"/run/qemu-server/{number}.pid", "4711\n")
        self.write("/proc/4711/comm", "kvm\n")

    # Running

    def run(self, name, *args, **kwargs):
        """A script of conf/host; with programs of this host."""
        done = subprocess.run([f"{REPO}/conf/host/{name}", *args], text=True, capture_output=True, check=False, timeout=PATIENCE,
                              env={"PATH": f"{self.root}/bin:{os.environ['PATH']}", "MWAN_HOST_ROOT": str(self.root)}, **kwargs)
        return Result([name, *args], done.returncode, done.stdout, done.stderr)
