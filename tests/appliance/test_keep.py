"""What is done to networkd costs no established flow a packet, and ends no lease that is not over."""

import time

import pytest

from lab import SERVERS4, SERVERS6
from traffic import Load, answers, close_all, udp_flows, wait_until

WANS = ["enatt0.3242", "enwebpass0"]


@pytest.fixture(scope="module")
def lab(share_appliance):
    lab = share_appliance()
    lab.up()
    return lab


@pytest.mark.parametrize("what", [
    ["systemctl", "restart", "systemd-networkd"],
    ["networkctl", "reload"],
    ["networkctl", "reconfigure", *WANS],
    ["networkctl", "renew", *WANS],
], ids=["restart", "reload", "reconfigure", "renew"])
def test_flows_live_through_it(lab, what):
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    try:
        assert set(lab.shares(answers(flows))) == {"att", "webpass"}
        with Load(flows) as load:
            time.sleep(0.2)
            lab.router.run(*what)
            time.sleep(4)  # until DHCPv6 has answered, and some
        assert load.lost == {} and load.moved == set(), lab.router.journal()[-10000:]
    finally:
        close_all(flows)


def test_an_ipv6_lease_that_ends_is_given_up(make_appliance):
    """The provider no longer answers: the prefix goes with its lease, and the other WAN has all new flows."""
    lab = make_appliance()
    att = lab.isp("att")
    att.lifetimes6 = {"valid-lifetime": 12, "preferred-lifetime": 10, "renew-timer": 4, "rebind-timer": 8}
    att.dhcp6.restart()
    lab.up()
    att.dhcp6.stop()
    edge = lab.wan("att").edge()
    wait_until(lambda: edge not in str(lab.router.addresses()), 20, "the prefix is given up")
    flows = udp_flows(lab.client, 40, SERVERS6)
    assert set(lab.shares(answers(flows))) == {"webpass"}
    close_all(flows)
