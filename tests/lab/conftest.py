# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures. Without root or without a build there is nothing to test, and that is
a failure, not a skip.
"""

import os

import pytest

import lab as laboratory
import wans
from afresh import pytest_runtest_makereport  # noqa: F401
from lab import Lab, made_by

PROGRAMS = ["update-routes", "update-npt", "health-check", "mwan-trace", "wpa-action",
            "bringup-att-vlan"]
# Workers take files in order: none is left alone with a long one at the end.
LONGEST = ["test_health_missing", "test_doctor", "test_doctor_host", "test_faults", "test_port", "test_failing", "test_converge",
           "test_attacks", "test_robust", "test_npt", "test_routes", "test_manuals", "test_health_notify", "test_health_daemon",
           "test_health_events", "test_health_flows"]


def pytest_configure(config):
    config.addinivalue_line("markers", "plain(why): not with sanitized programs")


def pytest_sessionstart(session):
    destdir = laboratory.default_destdir()
    missing = [name for name in PROGRAMS if not os.path.exists(f"{destdir}/usr/local/bin/{name}")]
    if os.geteuid() != 0:
        pytest.exit("tests/lab: run as root: it makes network namespaces", returncode=1)
    if missing:
        pytest.exit(f"tests/lab: no {', '.join(missing)} in {destdir}/usr/local/bin: "
                    "run `DESTDIR=$PWD/build/destdir meson install -C build`, or set MWAN_DESTDIR", returncode=1)


def pytest_terminal_summary(terminalreporter):
    """The figures of test_faults.py."""
    figures = [value for reports in terminalreporter.stats.values() for report in reports if getattr(report, "when", "") == "call"
               for name, value in report.user_properties if name == "faults"]
    if figures:
        injected, failures = (sum(column) for column in zip(*figures))
        terminalreporter.write_line(f"{injected} faults injected, {failures} failures")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [*LONGEST, item.path.stem].index(item.path.stem))


@pytest.fixture
def make_lab():
    """Makes labs for one test: make_lab(wans=None, **config)."""
    yield from made_by(Lab)


@pytest.fixture(scope="module")
def share_lab():
    """Makes labs that the tests of a module share."""
    yield from made_by(Lab)


@pytest.fixture
def bare(make_lab):
    """The original's two WANs as after boot, before mwan has run."""
    return make_lab()


@pytest.fixture
def lab(make_lab):
    """The original's two WANs, up."""
    return make_lab().up()


@pytest.fixture
def watch(make_lab):
    """watch(wans=None, **config): a lab, and its health-check, which judges quickly and sees every WAN up."""
    def start(descriptions=None, health=None, **config):
        lab = make_lab(descriptions, health={**wans.QUICK, **(health or {})}, **config)
        daemon = lab.daemon()
        daemon.wait_states()
        return lab, daemon
    return start


@pytest.fixture
def lab3(make_lab):
    """Three WANs with weights 5:3:2, up."""
    return make_lab(wans.many([5, 3, 2])).up()
