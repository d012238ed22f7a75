# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left to each program of root's capabilities, and to the commands that the daemon calls."""

import os
import re

import pytest

DAC_READ_SEARCH, NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN = (1 << bit for bit in (2, 12, 13, 19, 21))
NETWORK = NET_ADMIN | NET_RAW
DOCTOR = NETWORK | DAC_READ_SEARCH | SYS_PTRACE | SYS_ADMIN
CONFIG, TOLD = "/etc/mwan/mwan.conf", "/run/told"
COMMANDS = {
    "update-routes": NETWORK,
    "update-routes --dry-run": NETWORK,
    "update-routes --explain 10.250.250.2 1.1.1.1": NETWORK,
    "update-routes --config /etc/mwan/./mwan.conf": NETWORK | DAC_READ_SEARCH,
    "update-npt": NETWORK,
    "health-check --once": NETWORK,
    "health-check --undrain att": NETWORK,
    "health-check --doctor": DOCTOR,
    "health-check --status": 0,
    "health-check --status --json": 0,
    "health-check --status --metrics": NET_ADMIN,
    "health-check --address ipv4 att": 0,
    "wpa-action --sync enatt0": 0,
    "wpa-action --prepare enatt0": NET_ADMIN,
    "bringup-att-vlan enatt0": 0,
    "mwan-trace new deploy": 0,
}
TELL = f"""#!/bin/sh
grep -E '^(Cap|NoNewPrivs)' /proc/self/status >{TOLD}.new
chown nobody {TOLD}.new && echo chowned >>{TOLD}.new
mv {TOLD}.new {TOLD}
"""


def held(text):
    """{"CapEff": …} of /proc/PID/status."""
    return {name: int(value, 16) for name, value in re.findall(r"^(Cap\w+|NoNewPrivs):\s+(\w+)$", text, re.M)}


def only(capabilities):
    return {"CapInh": 0, "CapPrm": capabilities, "CapEff": capabilities, "CapBnd": capabilities, "CapAmb": 0, "NoNewPrivs": 1}


@pytest.fixture(scope="module")
def shared(share_lab):
    return share_lab().up()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_keeps_what_it_needs(shared, command):
    process = shared.router.serve(*command.split())
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # until somebody fetches its status, the kernel tells of it
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        assert held(file.read()) == only(COMMANDS[command])
    process.communicate()


def test_a_command_of_notify_gets_no_more_than_the_daemon(watch):
    lab, daemon = watch(notify={"command": "/usr/local/bin/tell"})
    lab.router.write("/usr/local/bin/tell", TELL, 0o755)
    lab.isp("webpass").uplink(False)
    daemon.wait(lambda: lab.router.path(TOLD).exists(), "the command")
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        assert held(file.read()) == only(NETWORK)
    assert held(lab.router.read(TOLD)) == only(NETWORK)
    assert "chowned" not in lab.router.read(TOLD)


def test_what_others_own_and_do_not_share_is_closed_unless_it_is_named(shared):
    """As for the services, so that a run by hand does not hide what will fail at the next boot."""
    path = shared.router.path(CONFIG)
    before = shared.router.snapshot()
    os.chown(path, 65534, 65534)
    path.chmod(0o600)
    try:
        for command in (["update-routes"], ["health-check", "--once"]):
            refused = shared.router.run(*command, check=False)
            assert refused.code == 2 and f"{CONFIG}: Permission denied" in refused.err, refused
        assert shared.router.run("update-routes", "--check", "--config", CONFIG.replace("/mwan/", "/mwan/./")).code == 0
        said = shared.router.run("health-check", "--doctor", check=False).out
        assert "the services can't read it" in " ".join(said.split()), said
    finally:
        os.chown(path, 0, 0)
        path.chmod(0o644)
    assert shared.router.snapshot() == before
