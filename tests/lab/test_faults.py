# SPDX-License-Identifier: GPL-2.0-or-later
"""
One call fails, whichever: to the kernel, for memory, or an answer of the kernel's is not what it should be. Here it is some
of the places in the program that make such calls, always the same; `tests/faults` takes each call.
"""

import pytest

from faulting import Faults
from faulting_daemon import DaemonFaults

# Of each kind, which of the places: every so many. What changes the kernel takes longest.
CASES = {
    "change": {"syscall": 6, "memory": 8, "refused": 9, "lost": 4, "cut": 4, "interrupted": 4, "broken": 4},
    "gone": {"syscall": 6, "memory": 14},
    "boot": {"short": 3, "refused": 20},
    "prefix": {"syscall": 12, "memory": 16, "refused": 20},
    "drain": {"syscall": 4, "memory": 16},
    "dryrun": {"memory": 4},
    "once": {"syscall": 5, "memory": 5},
    "status": {"syscall": 1, "memory": 1, "short": 1},
    "statusjson": {"memory": 2},
    "metrics": {"memory": 2},
    "explain": {"syscall": 3, "memory": 4, "refused": 1, "broken": 1},
    "explainjson": {"memory": 3},
    "tracenew": {"syscall": 2, "memory": 2},
    "traceshow": {"syscall": 2, "memory": 1},
    "authenticated": {"syscall": 4, "memory": 4},
    "bringup": {"syscall": 4, "memory": 4},
}


@pytest.fixture
def judge(record_property):
    """judge(faults, {kind: step}): lets calls fail, and tells how many for the end of the run."""
    def run(faults, kinds):
        injected = {}
        try:
            for kind, step in kinds.items():
                calls, places = faults.count(kind)
                before = faults.injected
                # A request is told from others by what it asks for, not by where it is made.
                for number in (range(1, calls + 1) if kind == "refused" else places)[::step]:
                    faults.inject(kind, number)
                injected[kind] = faults.injected - before
        finally:
            faults.close()
        record_property("faults", (faults.injected, len(faults.complaints)))
        assert not faults.complaints, "\n\n".join(faults.complaints[:5])
        assert all(injected.values()), f"of a kind, nothing fails: {injected}"
    return run


@pytest.mark.parametrize("scenario", CASES)
def test_any_call_of_a_program_fails(make_lab, judge, scenario):
    judge(Faults(scenario, make_lab, thorough=False), CASES[scenario])


def test_any_call_of_the_daemon_fails(make_lab, judge):
    """It goes on, or the one that systemd starts after it does. Its calls are not the same each time."""
    judge(DaemonFaults(make_lab), {"syscall": 40, "memory": 60})
