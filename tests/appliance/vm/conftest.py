# SPDX-License-Identifier: GPL-2.0-or-later
"""
One boot of the emulated machine serves all tests here. As root, with a package for Debian 13:

    sudo tests/deb trixie
    sudo tests/run vm
"""

import pytest
import wans
from emulated import SLOW, EmulatedAppliance


@pytest.fixture(scope="session")
def vm():
    """The original's two WANs, AT&T behind 802.1X, carrying both families. I1 holds to the end."""
    lab = EmulatedAppliance(
        [wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto", keys={"down_flows": "flush"})],
        dot1x=True, health={"interval": "1s", "recovery_threshold": 3})
    try:
        lab.arrivals = lab.up(seconds=SLOW)
        lab.router.booted(SLOW)
        yield lab
        leaks = lab.leaks()
    finally:
        lab.close()
    assert not leaks, f"packets left a WAN with a source that is not its own: {leaks}"
