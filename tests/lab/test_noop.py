# SPDX-License-Identifier: GPL-2.0-or-later
"""A run with nothing to do only looks: no processes, no transaction, nothing written to the kernel."""

import re

import pytest

COMMANDS = pytest.mark.parametrize("command", [["update-routes"], ["update-npt"],
                                               ["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/60"]])

WRITES = r"RTM_(NEW|DEL|SET)|NFNL_MSG_BATCH|NFT_MSG_(NEW|DEL)|IPCTNL_MSG_CT_(NEW|DEL)"


def calls(lab, command):
    """The system calls of one run, one string each."""
    lab.router.run("strace", "-f", "-v", "-s", "65536", "-o", "/run/strace.out", *command,
                   env={"ASAN_OPTIONS": "detect_leaks=0"})
    return lab.router.read("/run/strace.out").splitlines()


@COMMANDS
def test_a_run_with_nothing_to_do_starts_no_process(lab, command):
    seen = calls(lab, command)
    assert len([call for call in seen if " execve(" in call]) == 1
    assert [call for call in seen if re.search(r" (clone3?|v?fork)\(", call)] == []


@COMMANDS
def test_a_run_with_nothing_to_do_writes_nothing_to_the_kernel(lab, command):
    sent = [call for call in calls(lab, command) if re.search(r" send(to|msg|mmsg)\(", call)]
    assert any("RTM_GETROUTE" in call for call in sent), "strace shows what is asked"
    assert [call for call in sent if re.search(WRITES, call)] == []


def test_strace_would_show_a_transaction_if_there_were_one(lab):
    """What the tests above look for is there when there is something to do."""
    lab.router.nft("flush chain ip6 nat postrouting")
    lab.router.ip("rule del pref 101\n", 6)
    sent = "\n".join(calls(lab, ["update-npt"]))
    assert "RTM_NEWRULE" in sent and "NFNL_MSG_BATCH_BEGIN" in sent


@COMMANDS
def test_a_run_with_nothing_to_do_says_nothing(lab, command):
    result = lab.router.run(*command)
    assert (result.out, result.err) == ("", "")
