# SPDX-License-Identifier: GPL-2.0-or-later
"""
deploy-host.yml on a Debian 13 that is booted and has the files of a Proxmox host (tests/lab/host.py): the unit runs
as it is installed, in its sandbox, on a sysfs that stands for the card's.
"""

import json
import re
import shutil
import subprocess

import pytest

from container import Container
from control import CONTROL, PLAY
from host import I226, MAC, PF, PORT, VF, Host
from lab import REPO
from readme import commands
from tree import made

FAKE, SITE = "/srv/fake", "/srv/mwan"
UNIT = "x710-vf-setup"
INSTALLED = ["/etc/default/x710-vf", f"/etc/systemd/system/{UNIT}.service", "/usr/local/sbin/x710-vf-setup", "/usr/local/sbin/check-host"]
LOCAL = {"MWAN_HOST_ROOT": FAKE, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "no", "HOME": "/root"}


class Vault(Container):
    """The host, as after boot."""

    def __init__(self):
        super().__init__([made("control", *CONTROL)])
        self.files = Host(self.tree.path(FAKE), ready=False)
        self.files.device(VF, "iavf", 30, "0x020000")
        self.files.remove("/bin/systemctl")
        self.files.path("/bin/ip").rename(self.tree.path("/usr/local/bin/ip"))
        self.files.remove("/etc/default")
        self.files.path("/etc/default").symlink_to("/etc/default")
        for folder in ("conf/host", "conf/ansible", "units/host"):
            shutil.copytree(f"{REPO}/{folder}", self.tree.path(f"{SITE}/{folder}"))
        self.write("/etc/hostname", "vault\n")
        # systemd-nspawn's own --bind ends below the container's /sys.
        self.write("/etc/fstab", f"{FAKE}/sys/bus/pci /sys/bus/pci none bind 0 0\n")

    def up(self):
        self.boot()
        self.booted()

    def play(self, *args, check=True):
        """Runs the playbook here; returns (how many tasks changed something, what it printed)."""
        process = self.start("sh", "-c", 'cd "$0" && exec "$@"', f"{SITE}/conf/ansible", "ansible-playbook", "-i", "inventory",
                             "--connection=local", "playbooks/deploy-host.yml", *args, env=LOCAL, stderr=subprocess.STDOUT)
        said, _ = process.communicate(timeout=PLAY)
        assert (process.returncode == 0) == check, said
        return int(re.search(r"^vault\.example .* changed=(\d+) ", said, re.M)[1]), said

    def vf(self):
        return Host.vf(self.files, 0)


@pytest.fixture(scope="module")
def fresh():
    """A host on which nothing of the project is there yet."""
    host = Vault()
    host.up()
    yield host
    host.close()


@pytest.fixture(scope="module")
def vault(fresh):
    """The host, deployed to, after a look at what that would do."""
    fresh.checked = fresh.play("--check", "--diff")
    fresh.left = [path for path in INSTALLED if fresh.path(path).exists()]
    fresh.deployed = fresh.play()
    return fresh


def test_a_check_shows_what_would_be_done_and_does_nothing(vault):
    changed, said = vault.checked
    assert changed == 3 and '+TRUSTED="0' in said and vault.left == []


def test_a_deployment_sets_up_the_vf_and_says_how_the_host_is(vault):
    changed, said = vault.deployed
    assert changed == 4 and vault.vf() == {"mac": MAC, "vlan": "0", "spoofchk": "off", "state": "auto", "trust": "on"}
    assert vault.unit(UNIT, "ActiveState", "UnitFileState") == {"ActiveState": "active", "UnitFileState": "enabled"}
    assert f"ok     {PORT} vf 0: trust on" in said
    assert re.findall(r"WRONG  ([^\"]*)", said) == ["VM 100 does not run"]


def test_a_second_deployment_changes_nothing(vault):
    assert vault.play()[0] == 0


def settings(text):
    """{name: value} of /etc/default/x710-vf."""
    return {name: value.strip(' "') for name, _, value in (line.partition("=") for line in text.splitlines()) if name.isalpha()}


def test_the_settings_are_those_of_the_example(vault):
    with open(f"{REPO}/conf/host/x710-vf", encoding="utf-8") as example:
        assert settings(vault.read(INSTALLED[0])) == settings(example.read())


def test_the_unit_is_open_to_what_it_uses_and_no_more(vault):
    assert vault.run("systemd-analyze", "verify", "--man=no", f"{UNIT}.service").err == ""
    last = vault.run("systemd-analyze", "security", "--no-pager", f"{UNIT}.service").out.splitlines()[-1]
    assert float(last.split(": ")[1].split()[0]) <= 1.7, last
    assert {"pve-guests.service", "pve-ha-lrm.service"} <= set(vault.unit(UNIT, "Before")["Before"].split())


def test_the_unit_brings_the_vf_back_after_a_reboot(vault):
    vault.kill()
    vault.files.card(vfs={})
    vault.files.write_device(PF, "sriov_numvfs", "0\n")
    vault.up()
    assert vault.unit(UNIT)["ActiveState"] == "active"
    assert vault.vf()["trust"] == "on" and vault.vf()["spoofchk"] == "off"


def test_a_changed_description_is_in_force_at_once(vault):
    card = {"mwan_host_card": {"pci": PF, "port": PORT, "vfs": [{"trusted": True, "mac": "02:00:5e:10:00:99"}]}}
    assert vault.play("--extra-vars", json.dumps(card))[0] == 2
    assert vault.vf()["mac"] == "02:00:5e:10:00:99"


def test_a_card_that_is_missing_fails_the_play_in_the_words_of_the_program(vault):
    card = {"mwan_host_card": {"pci": "0000:09:00.0", "port": PORT, "vfs": [{"trusted": True}]}}
    vault.run("sed", "-i", "s/--wait 30/--wait 0/", f"{SITE}/units/host/{UNIT}.service")
    _, said = vault.play("--extra-vars", json.dumps(card), check=False)
    assert "x710-vf-setup: no PCI device 0000:09:00.0, the X710" in said


def test_what_the_readme_does_by_hand_ends_with_nothing_wrong():
    host = Vault()
    host.files.start(100)
    for device in (VF, I226):
        host.files.driver(device, "vfio-pci")
    host.up()
    by_hand = [line for line in commands("conf/host/README.md") if not line.startswith(("cd ", "ansible-playbook ", "editor "))]
    for command in by_hand:
        shown = host.run("sh", "-c", f"cd {SITE} && PATH=/usr/local/sbin:$PATH {command}", env=LOCAL).out
        assert command != "check-host" or shown.endswith("Nothing is wrong.\n")
    assert "vf 0     link/ether 00:00:00:00:00:00 brd ff:ff:ff:ff:ff:ff, spoof checking off, link-state auto, trust on" in shown
    host.close()
