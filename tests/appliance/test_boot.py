# SPDX-License-Identifier: GPL-2.0-or-later
"""
Cold boots: whatever is late or missing, what can be carried is carried, and nobody's hand is needed. A LAN
client opens new flows all the while; what leaves with a wrong source fails any of these.
"""

import time

import pytest

from arrivals import Arrivals, text
from lab import SERVERS4, SERVERS6
from switched import ETH_P_ARP, Ear
from traffic import UdpFlow, answers, close_all, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
PATIENT = """\
[Unit]
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=true
"""


def carriers(lab, family, count=40):
    """The names of the WANs that new flows go over; none of them may be lost."""
    flows = udp_flows(lab.client, count, SERVERS[family])
    try:
        return set(lab.shares(answers(flows)))
    finally:
        close_all(flows)


def both(name):
    return {(name, 4), (name, 6)}


def test_everything_is_there(make_appliance, report):
    """
    A flow of each family that was open before is carried as well, once there is a way for it. A provider that looks for
    each address on the link is told of those that are nobody's but mwan's.
    """
    lab = make_appliance()
    patient = [UdpFlow(lab.client, servers[0]) for servers in SERVERS.values()]
    webpass = lab.isp("webpass")
    with Arrivals(lab) as arrivals, Ear(webpass, "mwan", ETH_P_ARP) as ear:
        lab.boot()
        ear.wait(*(("arp", address) for address in webpass.wan.public4[1:]))
        for flow in patient:
            wait_until(lambda flow=flow: flow.ask(seconds=0.1), "an answer to who has asked since before the boot")
        arrivals.wait()
    close_all(patient)
    report(f"boot, everything there: {text(arrivals.first)}")
    lab.router.booted()
    assert lab.router.failed() == []
    assert "Traceback" not in lab.router.journal("networkd-dispatcher")
    assert carriers(lab, 4) == carriers(lab, 6) == {"att", "webpass"}


def test_att_authenticator_is_20_seconds_late(make_appliance, report):
    """No DHCP gets through before the port is authorised. Webpass carries all of both families meanwhile."""
    lab = make_appliance(dot1x=True)
    authenticator = lab.isp("att").authenticator
    authenticator.stop()
    with Arrivals(lab, both("webpass")) as arrivals:
        lab.boot()
        arrivals.wait()
        assert carriers(lab, 4) == carriers(lab, 6) == {"webpass"}
        time.sleep(max(0, lab.router.begin + 20 - time.monotonic()))
        assert not both("att") & arrivals.first.keys()
        authenticator.start()
        wait_until(lambda: authenticator.authorised, "the port is authorised")
        authorised = time.monotonic() - lab.router.begin
        arrivals.carries |= both("att")
        arrivals.wait()
    report(f"boot, AT&T's authenticator late by 20 s, port authorised after {authorised:.1f} s: {text(arrivals.first)}")


def test_webpass_dhcp_is_late(make_appliance, report):
    lab = make_appliance()
    webpass = lab.isp("webpass")
    webpass.dhcp4.stop()
    webpass.dhcp6.stop()
    with Arrivals(lab, both("att")) as arrivals:
        lab.boot()
        arrivals.wait()
        assert carriers(lab, 4) == carriers(lab, 6) == {"att"}
        webpass.start()
        began = time.monotonic() - lab.router.begin
        arrivals.carries |= both("webpass")
        arrivals.wait()
    report(f"boot, Webpass's DHCP late by {began:.1f} s: {text(arrivals.first)}")


@pytest.mark.parametrize("missing", ["nothing", "the management's cable", "the management card", "OPNsense and all cables"])
def test_what_waits_for_the_network_is_not_held_up(make_appliance, missing):
    lab = make_appliance()
    lab.router.write("/etc/systemd/system/patient.service", PATIENT)
    lab.router.path("/etc/systemd/system/multi-user.target.wants/patient.service").symlink_to("../patient.service")
    if missing == "the management card":
        lab.router.ip("link del eth0\n")
    elif missing != "nothing":
        lab.admin.ip("link set eth0 down\n")
    if missing == "OPNsense and all cables":
        lab.opnsense.ip("link set wan0 down\n")
        for isp in lab.isps:
            isp.carrier(False)
    lab.boot()
    lab.router.booted()
    assert lab.router.failed() == []
    for unit in ("systemd-networkd-wait-online", "network-online.target", "patient"):
        assert lab.router.unit(unit, "ActiveState") == {"ActiveState": "active"}, unit


@pytest.mark.parametrize("name, other", [("att", "webpass"), ("webpass", "att")])
def test_a_card_is_absent_and_then_put_in(make_appliance, report, name, other):
    lab = make_appliance()
    lab.unplug(name)
    with Arrivals(lab, both(other)) as arrivals:
        lab.boot()
        arrivals.wait()
        lab.router.booted()
        assert carriers(lab, 4) == carriers(lab, 6) == {other}
        lab.plug(name)
        began = time.monotonic() - lab.router.begin
        arrivals.carries |= both(name)
        arrivals.wait()
    report(f"boot without the card of {name}, put in after {began:.1f} s: {text(arrivals.first)}")


def test_one_provider_has_no_ipv6(make_appliance, report):
    lab = make_appliance()
    webpass = lab.isp("webpass")
    webpass.dhcp6.stop()
    webpass.ra.stop()
    with Arrivals(lab, both("att") | {("webpass", 4)}) as arrivals:
        lab.boot()
        arrivals.wait()
    report(f"boot, Webpass has no IPv6: {text(arrivals.first)}")
    assert carriers(lab, 4) == {"att", "webpass"}
    assert carriers(lab, 6) == {"att"}
