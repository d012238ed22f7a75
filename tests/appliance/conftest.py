# SPDX-License-Identifier: GPL-2.0-or-later
"""
The appliance, booted. As root, with a package for Debian 13:

    sudo tests/deb trixie
    sudo tests/run appliance -k boot

or, on another build, MWAN_PACKAGE=FILE.deb or =FOLDER (of `meson setup --prefix=/usr` and
`DESTDIR=FOLDER meson install`):

    sudo MWAN_PACKAGE=… /usr/bin/python3 -m pytest tests/appliance -p no:cacheprovider -n 3 --dist loadfile

A test takes one of the fixtures below; I1 holds in every lab, to its end. Begin with appliance.py,
which says what a lab can do; lines for `report` are shown at the end of the run.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))

import appliance as laboratory  # noqa: E402
from afresh import pytest_runtest_makereport  # noqa: E402, F401
from lab import made_by  # noqa: E402

# Workers take files in order: none is left alone with a long one at the end, or behind the longest.
LONGEST = ["test_deploy", "test_boot_again", "test_boot", "test_doctor", "test_dot1x", "test_package"]


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("tests/appliance: run as root: it boots containers", returncode=1)
    try:
        laboratory.package()
    except FileNotFoundError as error:
        pytest.exit(f"tests/appliance: {error}", returncode=1)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [*LONGEST, item.path.stem].index(item.path.stem))


@pytest.fixture
def make_appliance():
    """Makes appliances for one test, off: make_appliance(wans=None, kind=Appliance, **config), config as of wans.config()."""
    yield from made_by(laboratory.Appliance)


@pytest.fixture(scope="module")
def share_appliance():
    """Makes appliances that the tests of a module share."""
    yield from made_by(laboratory.Appliance)


@pytest.fixture
def appliance(make_appliance):
    """The original's two WANs, booted, both carrying both families."""
    lab = make_appliance()
    lab.up()
    return lab


@pytest.fixture
def report(request):
    """report(line): shown at the end of the run."""
    def add(line):
        request.node.user_properties.append(("report", line))
    return add


def pytest_terminal_summary(terminalreporter):
    lines = [value for found in terminalreporter.stats.values() for one in found
             for name, value in getattr(one, "user_properties", []) if name == "report" and one.when == "call"]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
