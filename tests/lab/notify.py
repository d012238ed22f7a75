# SPDX-License-Identifier: GPL-2.0-or-later
"""
A [notify] command that writes down how it is called.
"""

import os
import signal
from dataclasses import dataclass

COMMAND, LOG = "/run/lab-notify", "/run/lab-notify.log"
NAMES = ["EVENT", "WAN", "FAMILY", "OLD", "NEW", "COUNT"]
# What a command may do after it has written itself down.
FAIL = "exit 7"
HANG = """\
trap '' TERM HUP INT
sh -c 'trap "" TERM HUP INT; echo $$ >>/run/lab-notify.pids; exec sleep 1000' &
echo $$ >>/run/lab-notify.pids
while :; do sleep 1000; done"""


@dataclass
class Call:
    """One call: its environment, when it came, the number of its arguments, and what it has of the daemon's."""

    event: str
    wan: str
    family: str
    old: str
    new: str
    count: str
    when: int  # seconds
    arguments: int
    blocked: int  # signals
    sockets: int  # descriptors that should have been closed


class Notify:
    """The command in a router. `keys` is what [notify] says."""

    keys = {"command": COMMAND}

    def __init__(self, router, then=""):
        self.router = router
        told = "|".join(f"${{{name}-unset}}" for name in NAMES)
        router.write(COMMAND, f"""\
#!/bin/sh
blocked=$(sed -n 's/^SigBlk:[[:space:]]*/0x/p' /proc/$$/status)
sockets=$(ls -l /proc/$$/fd | grep -c -e socket: -e /mwan/ -e anon_inode)
echo "{told}|$(date +%s)|$#|$blocked|$sockets" >>{LOG}
{then}
""", 0o755)

    def calls(self, event="verdict"):
        """Every Call of an event so far, in order."""
        try:
            lines = self.router.read(LOG).splitlines()
        except FileNotFoundError:
            return []
        calls = [line.split("|") for line in lines]
        calls = [Call(*told[:6], *(int(number, 0) for number in told[6:])) for told in calls]
        return [call for call in calls if call.event == event]

    def living(self):
        """Which of the processes that HANG has left are alive."""
        try:
            pids = [int(pid) for pid in self.router.read("/run/lab-notify.pids").split()]
        except FileNotFoundError:
            return []
        return [pid for pid in pids if _lives(pid)]


    def close(self):
        """Ends what the daemon should have ended."""
        for pid in self.living():
            os.kill(pid, signal.SIGKILL)


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
