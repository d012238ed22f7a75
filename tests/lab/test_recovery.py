# SPDX-License-Identifier: GPL-2.0-or-later
"""A WAN that is back carries at once."""

import time

import pytest

from lab import SPREAD4, SPREAD6
from traffic import Load, answers, close_all, udp_flows


@pytest.mark.parametrize("family", [4, 6])
def test_wan_back_within_the_kernels_patience_carries_at_once(lab, family):
    """
    While the link is cut, what its flows send makes the kernel look for the gateway, for three
    seconds. When the WAN returns within them, new flows must not wait for that to fail.
    """
    servers = [f"{SPREAD4}10", f"{SPREAD4}11"] if family == 4 else [f"{SPREAD6}10", f"{SPREAD6}11"]
    flows = udp_flows(lab.client, 40, servers)
    assert None not in answers(flows)
    with Load(flows, rounds_per_second=100):
        lab.cut("att")
        time.sleep(0.1)  # the flows on it go on sending until somebody acts
        lab.lose_lease("att")
        lab.router.run("update-routes")
        time.sleep(1)
    close_all(flows)
    lab.mend("att")
    lab.router.run("update-routes")

    flows = udp_flows(lab.client, 60, [f"{SPREAD4}20" if family == 4 else f"{SPREAD6}20"])
    shares = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    assert shares["lost"] == 0 and shares["att"] > 0, shares
