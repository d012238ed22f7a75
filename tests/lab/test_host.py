# SPDX-License-Identifier: GPL-2.0-or-later
"""
The Proxmox host: x710-vf-setup brings VFs from any state to the right one, and says what keeps it from it;
check-host says what is wrong. On files and an `ip` that stand for the host (host.py, host-ip).
"""

import resource
import signal

import pytest

from host import I226, MAC, PF, PORT, VF, VM, Host

SETTINGS = "/etc/default/x710-vf"
NUMVFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"
RIGHT = {"mac": MAC, "vlan": "0", "spoofchk": "off", "state": "auto", "trust": "on"}


@pytest.fixture
def booted(tmp_path):
    """A host after boot: no VFs."""
    return Host(tmp_path, ready=False)


@pytest.fixture
def host(tmp_path):
    """A host as it should be."""
    return Host(tmp_path)


def vf_setup(host, *args, **kwargs):
    return host.run("x710-vf-setup", *args, **kwargs)


# x710-vf-setup

def test_after_boot_the_vf_is_made_trusted_and_unchecked(booted):
    done = vf_setup(booted)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"{PF}: 1 VFs", f"{PORT} vf 0: mac {MAC}", f"{PORT} vf 0: trust on", f"{PORT} vf 0: spoofchk off"]
    assert booted.path(NUMVFS).read_text() == "1\n" and booted.vf(0) == RIGHT


def test_a_second_run_changes_nothing(booted):
    vf_setup(booted)
    booted.card(busy=1000)  # any `ip link set` would fail
    assert repr(vf_setup(booted)).endswith("exit 0\n")


@pytest.mark.parametrize("name, wrong", [("trust", "off"), ("spoofchk", "on")])
def test_what_is_wrong_alone_is_set(host, name, wrong):
    host.vf(0, **{name: wrong})
    assert vf_setup(host).out == f"{PORT} vf 0: {name} {RIGHT[name]}\n"
    assert host.vf(0) == RIGHT


def test_more_vfs_than_asked_for_are_left_alone(host):
    host.write(NUMVFS, "4\n")
    done = vf_setup(host)
    assert (done.code, done.out) == (0, "")
    assert host.path(NUMVFS).read_text() == "4\n"


def test_fewer_vfs_are_not_taken_from_who_uses_them(host):
    host.edit(SETTINGS, "VFS=1", "VFS=2")
    done = vf_setup(host)
    assert done.code == 1 and f"{PF} has 1 VFs, not 2: shut down the VMs" in done.err and "echo 0 >/sys/bus/pci" in done.err
    assert host.path(NUMVFS).read_text() == "1\n"


def test_several_vfs_have_what_is_theirs(booted):
    booted.edit(SETTINGS, "VFS=1", "VFS=3")
    booted.edit(SETTINGS, 'TRUSTED="0"', 'TRUSTED="0 2"')
    booted.edit(SETTINGS, f'MACS="0={MAC}"', f'MACS="0={MAC} 1=02:00:00:00:00:01"')
    assert vf_setup(booted).code == 0
    assert [(booted.vf(n)["trust"], booted.vf(n)["spoofchk"], booted.vf(n)["mac"]) for n in range(3)] == [
        ("on", "off", MAC), ("off", "on", "02:00:00:00:00:01"), ("on", "off", "00:00:00:00:00:00")]


def test_the_mac_that_a_guest_has_is_not_taken_from_it(host):
    host.vf(0, mac="00:11:22:33:44:55")
    done = vf_setup(host)
    assert done.code == 0 and f"{MAC} comes at the next boot" in done.out
    assert host.vf(0)["mac"] == "00:11:22:33:44:55"


def test_a_vf_that_is_being_reset_is_asked_again(booted):
    booted.card(busy=2)
    assert vf_setup(booted).code == 0 and booted.vf(0) == RIGHT


@pytest.mark.parametrize("name, told", [("trust", "trust was set, and is off, not on"), ("mac", "the MAC was set, and is"),
                                        ("spoofchk", "spoof checking was set, and is on, not off")])
def test_what_does_not_stick_is_named(booted, name, told):
    booted.card(refused=[name])
    done = vf_setup(booted)
    assert done.code == 1 and f"{PORT} vf 0: {told}" in done.err


def test_what_is_refused_is_named_in_the_kernels_words(booted):
    booted.edit("/bin/ip", 'if state["busy"]', 'if name == "trust":\n            fail("RTNETLINK answers: Operation not supported", 2)\n        if state["busy"]')
    done = vf_setup(booted)
    assert done.code == 1 and done.err == f"x710-vf-setup: {PORT} vf 0: trust on: RTNETLINK answers: Operation not supported\n"


def no_more_writing():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_vfs_that_the_kernel_does_not_make_are_told(booted):
    done = vf_setup(booted, preexec_fn=no_more_writing)
    assert done.code == 1 and f"the kernel does not make 1 VFs of {PF}: `dmesg | grep {PF}` says why" in done.err


@pytest.mark.parametrize("broken, told", [
    (lambda host: host.remove(f"/sys/bus/pci/devices/{PF}"), f"no PCI device {PF}, the X710 (looked for /sys/bus/pci/devices/{PF})"),
    (lambda host: host.remove(f"/sys/bus/pci/devices/{PF}/net"), "has no network interface (looked for enp2s0f0np0): its driver is i40e"),
    (lambda host: host.path(f"/sys/bus/pci/devices/{PF}/net/{PORT}").rename(host.path(f"/sys/bus/pci/devices/{PF}/net/enp2s0f0")),
     f"{PF} has the port enp2s0f0, not {PORT}: correct PORT"),
    (lambda host: host.remove(NUMVFS), "turn SR-IOV on"),
    (lambda host: host.write_device(PF, "sriov_totalvfs", "0\n"), f"{PF} can have 0 VFs, not 1"),
])
def test_a_card_that_is_not_there_is_told_in_one_line(booted, broken, told):
    broken(booted)
    done = vf_setup(booted)
    assert done.code == 1 and done.out == "" and told in done.err and done.err.count("\n") == 1


def test_a_port_that_comes_late_is_waited_for(booted, tmp_path):
    net = booted.path(f"/sys/bus/pci/devices/{PF}/net")
    net.rename(tmp_path / "later")
    # The first `sleep` of the script is when it comes.
    booted._program("sleep", f"#!/bin/sh\nmv {tmp_path}/later {net}\n")
    assert vf_setup(booted, "--wait", "30").code == 0


@pytest.mark.parametrize("old, new, told", [
    ("PF=0000:02:00.0", "PF=02:00.0", "PF: `02:00.0'"), ("PORT=enp2s0f0np0", "PORT=", "PORT: `'"), ("VFS=1", "VFS=one", "VFS: `one'"),
    ('TRUSTED="0"', 'TRUSTED="1"', "TRUSTED: there is no VF 1 of 1"), (f'MACS="0={MAC}"', 'MACS="0=02:00"', "MACS: `0=02:00'"),
    (f'MACS="0={MAC}"', f'MACS="3={MAC}"', "MACS: there is no VF 3"),
])
def test_a_mistake_in_the_settings_is_named_and_changes_nothing(booted, old, new, told):
    booted.edit(SETTINGS, old, new)
    done = vf_setup(booted)
    assert done.code == 2 and done.err.startswith(f"{SETTINGS}: {told}") and booted.path(NUMVFS).read_text() == "0\n"


def test_settings_that_are_missing_are_told(host):
    host.remove(SETTINGS)
    assert (vf_setup(host).code, vf_setup(host).err) == (2, f"{SETTINGS}: can't be read\n")
    assert (host.run("check-host").code, host.run("check-host").err) == (2, f"{SETTINGS}: PF is not there\n")


@pytest.mark.parametrize("name", ["x710-vf-setup", "check-host"])
def test_the_scripts_say_how_they_are_used(host, name):
    done = host.run(name, "--help")
    assert done.code == 0 and done.out.startswith(f"usage: {name}")
    done = host.run(name, "--nonsense")
    assert done.code == 2 and done.err.startswith(f"usage: {name}")


# check-host

def findings(host):
    """What check-host finds: [(kind, text)], without what is ok; its exit status has to fit."""
    done = host.run("check-host")
    lines = done.out.splitlines()
    assert done.err == "" and lines[-1].endswith("wrong.")
    found = [(kind, text.strip(), lines[n + 1].strip()) for n, line in enumerate(lines)
             for kind, _, text in [line.partition(" ")] if kind in ("note", "WRONG")]
    wrong = sum(kind == "WRONG" for kind, *_ in found)
    assert done.code == int(wrong > 0)
    assert lines[-1] == (f"{wrong} wrong." if wrong else "Nothing is wrong.")
    assert len(lines) == 1 + 2 * len(found) + sum(line.startswith("ok ") for line in lines)
    return found


def test_a_host_as_it_should_be_has_nothing_wrong(host):
    assert findings(host) == []
    assert f"ok     {PORT} vf 0: trust on\n" in host.run("check-host").out


def share_group(host):
    host.device("0000:00:1c.0", "pcieport", 17, "0x060400")  # a bridge does no harm
    host.device("0000:05:00.0", "ahci", 17, "0x010601")


def mapped(host):
    host.edit("/etc/pve/qemu-server/100.conf", f"hostpci0: {VF},pcie=1", "hostpci0: mapping=att,pcie=1")
    host.write("/etc/pve/mapping/pci.cfg", f"other\n\tmap id=8086:1,node=vault,path=0000:09:00.0\n\natt\n"
                                           f"\tmap id=8086:154c,iommugroup=30,node=vault,path={VF}\n\n")


BROKEN = {
    "IOMMU off": (lambda host: host.remove("/sys/kernel/iommu_groups"), "the IOMMU is off", "intel_iommu=on iommu=pt"),
    "VT-d off": (lambda host: (host.remove("/sys/kernel/iommu_groups"), host.edit("/proc/cmdline", "quiet", "intel_iommu=on iommu=pt")),
                 "the IOMMU is off, although", "turn VT-d on"),
    "no card": (lambda host: host.remove(f"/sys/bus/pci/devices/{PF}"), f"no PCI device {PF}, the X710", "lspci"),
    "the port passed through": (lambda host: host.driver(PF, "vfio-pci"), f"{PF} has the driver vfio-pci, not i40e", "modprobe.d"),
    "another port": (lambda host: host.edit(SETTINGS, PORT, "enp2s0f0"), f"{PF} is the port {PORT}, not enp2s0f0", "correct PORT"),
    "SR-IOV off": (lambda host: host.write_device(PF, "sriov_totalvfs", "0\n"), f"{PF} can't have 1 VFs", "turn SR-IOV on"),
    "no VFs": (lambda host: (host.write(NUMVFS, "0\n"), host.card(vfs={}), host.remove(f"/sys/bus/pci/devices/{PF}/virtfn0")),
               f"{PF} has 0 VFs, not 1", "systemctl restart x710-vf-setup"),
    "trust": (lambda host: host.vf(0, trust="off"), f"{PORT} vf 0: trust is off", f"ip link set {PORT} vf 0 trust on"),
    "spoof checking": (lambda host: host.vf(0, spoofchk="on"), f"{PORT} vf 0: spoof checking is on", f"ip link set {PORT} vf 0 spoofchk off"),
    "link-state": (lambda host: host.vf(0, state="disable"), f"{PORT} vf 0: its link is disabled", f"ip link set {PORT} vf 0 state auto"),
    "VLAN": (lambda host: host.vf(0, vlan="3242"), f"{PORT} vf 0: the card puts it into VLAN 3242", f"ip link set {PORT} vf 0 vlan 0"),
    "not enabled": (lambda host: host.remove("/enabled"), "x710-vf-setup is not enabled", "systemctl enable --now x710-vf-setup"),
    "failed": (lambda host: host.remove("/active"), "x710-vf-setup has failed", "systemctl status x710-vf-setup"),
    "VF not the guest's": (lambda host: host.driver(VF, "iavf"), f"{VF} (VF 0) is VM 100's, but has the driver iavf", "qm start 100"),
    "I226-V not the guest's": (lambda host: host.driver(I226, "igc"), f"{I226} (passed through whole) is VM 100's, but has the driver igc",
                               "qm shutdown 100"),
    "no I226-V": (lambda host: host.remove(f"/sys/bus/pci/devices/{I226}"), f"no PCI device {I226}", "correct WHOLE"),
    "a shared group": (share_group, f"{I226} (passed through whole) shares its IOMMU group with 0000:05:00.0:", "another slot"),
    "no group": (lambda host: host.remove(f"/sys/bus/pci/devices/{VF}/iommu_group"), f"{VF} (VF 0) is in no IOMMU group", "IOMMU"),
    "VF not given": (lambda host: host.edit("/etc/pve/qemu-server/100.conf", f"hostpci0: {VF},pcie=1\n", ""),
                     f"{VF} (VF 0) is not given to VM 100", f"qm set 100 --hostpci0 {VF},pcie=1"),
    "I226-V not given": (lambda host: host.edit("/etc/pve/qemu-server/100.conf", f"hostpci1: {I226}", "hostpci1: 0000:09:00.0"),
                         f"{I226} (passed through whole) is not given to VM 100", f"qm set 100 --hostpci2 {I226},pcie=1"),
    "given in a snapshot alone": (lambda host: host.vm(100, VM.format(vf=VF, whole="0000:09:00.0") + f"\n[before]\nhostpci1: {I226}\n"),
                                  f"{I226} (passed through whole) is not given to VM 100", "qm set 100"),
    "a second VM": (lambda host: host.vm(101, "hostpci0: 02:02.0\n"), f"{VF} (VF 0) is VM 101's as well", "qm set 101 --delete"),
    "a second VM, all functions": (lambda host: host.vm(101, "hostpci0: host=0000:09:00.0;0000:04:00,pcie=1\n"),
                                   f"{I226} (passed through whole) is VM 101's as well", "qm config 101"),
    "no onboot": (lambda host: host.edit("/etc/pve/qemu-server/100.conf", "onboot: 1\n", ""), "VM 100 does not start with the host",
                  "qm set 100 --onboot 1"),
    "no VM": (lambda host: host.remove("/etc/pve/qemu-server/100.conf"), "there is no VM 100", "correct VMID"),
    "VM off": (lambda host: host.remove("/proc/4711"), "VM 100 does not run", "qm start 100"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_its_fix(host, name):
    broken, told, fix = BROKEN[name]
    broken(host)
    assert [text for kind, text, advice in findings(host) if kind == "WRONG" and text.startswith(told) and fix in advice], findings(host)


@pytest.mark.parametrize("name", ["trust", "spoof checking", "link-state", "VLAN", "not enabled", "failed", "a second VM", "no onboot", "VM off",
                                  "VF not the guest's", "I226-V not the guest's", "VF not given", "a shared group"])
def test_one_thing_broken_is_one_thing_told(host, name):
    BROKEN[name][0](host)
    assert len(findings(host)) == 1


@pytest.mark.parametrize("given", [f"hostpci0: {VF[5:]},pcie=1", f"hostpci0: host={VF},pcie=1,rombar=0", f"hostpci0: {VF[:-2]}",
                                   f"hostpci0: 0000:09:00.0;{VF}"])
def test_however_a_device_is_given_it_is_seen(host, given):
    host.edit("/etc/pve/qemu-server/100.conf", f"hostpci0: {VF},pcie=1", given)
    assert findings(host) == []


def test_a_device_that_is_given_by_a_mapping_is_seen(host):
    mapped(host)
    assert findings(host) == []
    host.edit("/etc/pve/mapping/pci.cfg", VF, "0000:02:02.1")
    host.edit("/etc/pve/mapping/pci.cfg", "0000:09:00.0", VF)  # another's
    assert [text for _, text, _ in findings(host)] == [f"{VF} (VF 0) is not given to VM 100"]


@pytest.mark.parametrize("broken, told", [
    (lambda host: host.edit("/etc/pve/qemu-server/100.conf", "machine: q35\n", ""), "VM 100 is no q35"),
    (lambda host: host.edit(SETTINGS, f'MACS="0={MAC}"', 'MACS=""'), f"{PORT} vf 0 has no MAC in MACS"),
])
def test_what_works_by_luck_is_noted(host, broken, told):
    broken(host)
    assert [(kind, text[:len(told)]) for kind, text, _ in findings(host)] == [("note", told)]


def test_while_the_vm_is_off_its_cards_may_be_the_hosts(host):
    host.remove("/proc/4711")
    host.driver(VF, "iavf")
    host.driver(I226, "igc")
    assert [text for _, text, _ in findings(host)] == ["VM 100 does not run"]


def test_after_boot_and_setup_only_the_vm_is_missing(booted):
    """The two scripts agree on what is right."""
    vf_setup(booted)
    booted.device(VF, "iavf", 30, "0x020000")
    booted.write("/enabled", "")
    booted.write("/active", "")
    assert [text for _, text, _ in findings(booted)] == ["VM 100 does not run"]
