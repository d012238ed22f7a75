# SPDX-License-Identifier: GPL-2.0-or-later
"""What providers give once, and not again unless somebody asks for it: an advertisement, and a default route by DHCP."""

import pytest

from lab import SERVERS4, SERVERS6
from traffic import Load, answers, close_all, udp_flows, wait_until

HOURS = {"valid-lifetime": 14400, "renew-timer": 7200, "rebind-timer": 10800}
LIFETIME = 12


def flows_over_both(lab, servers):
    flows = udp_flows(lab.client, 40, servers)
    assert set(lab.shares(answers(flows))) == {"att", "webpass"}
    return flows


def carriers(lab, servers):
    flows = udp_flows(lab.client, 40, servers)
    found = set(lab.shares(answers(flows, seconds=1)))
    close_all(flows)
    return found


def test_a_router_that_advertises_to_who_asks_alone_is_not_lost(make_appliance):
    """networkd solicits until there is an answer, and never again (systemd #43285)."""
    lab = make_appliance()
    isp = lab.isp("webpass")
    isp.unsolicited, isp.router_lifetime = False, LIFETIME
    isp.ra.restart()
    lab.up()
    flows = flows_over_both(lab, SERVERS6)
    with Load(flows, seconds=3 * LIFETIME) as load:
        load.join()
    close_all(flows)
    assert load.lost == {} and load.moved == set()
    assert carriers(lab, SERVERS6) == {"att", "webpass"}


@pytest.mark.parametrize("action", ["ip -4 route flush dev enwebpass0 proto dhcp", "ip -4 route del default dev enwebpass0"])
def test_a_default_route_that_somebody_removes_is_back_before_the_lease_is_renewed(make_appliance, action):
    lab = make_appliance()
    for isp in lab.isps:
        isp.lifetimes4 = HOURS
        isp.dhcp4.restart()
    lab.up()
    lab.router.booted()
    flows = flows_over_both(lab, SERVERS6)
    with Load(flows) as load:
        lab.router.run("sh", "-c", action)
        wait_until(lambda: "networkd is asked to renew the lease" in lab.router.journal("mwan-health"), "it is asked for")
        wait_until(lambda: carriers(lab, SERVERS4) == {"att", "webpass"}, "it carries IPv4 again")
    close_all(flows)
    assert load.lost == {} and load.moved == set(), "IPv6 does not notice"
    assert lab.router.journal("mwan-health").count("networkd is asked to renew the lease") == 1
