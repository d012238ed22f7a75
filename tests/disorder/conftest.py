# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the lab's modules are, and what the tests of this folder say at their end."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lab")]

PROPERTIES = ("events", "packets", "checks")


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("tests/disorder: run as root: it makes network namespaces", returncode=1)


def pytest_terminal_summary(terminalreporter):
    """How much has happened."""
    total = dict.fromkeys(PROPERTIES, 0)
    for report in [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, [])]:
        for name, value in report.user_properties:
            total[name] += value if report.when == "call" else 0
    failed = len(terminalreporter.stats.get("failed", []))
    terminalreporter.write_line(f"chaos: {total['events']} events, {total['packets']} packets, {total['checks']} flows judged; failures {failed}")
