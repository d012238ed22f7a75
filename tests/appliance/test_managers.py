# SPDX-License-Identifier: GPL-2.0-or-later
"""
Other programs that configure links, installed for real beside mwan and systemd-networkd: what becomes of the WAN that
they share, that the doctor names who it is, and that its command mends it. One that has a WAN alone is as good as
networkd.
"""

import pytest

import wans as wan
from beside import Beside
from traffic import wait_until

LINK = "enwebpass0"


@pytest.fixture(scope="module")
def shared(share_appliance):
    """Without the port of 802.1X, on which nobody but wpa_supplicant has business."""
    lab = share_appliance([wan.att(interface="enmbrains0", prefix_key="auto"), wan.webpass(prefix_key="auto")],
                          health=wan.QUICK)
    site = Beside(lab)
    for isp in lab.isps:  # another client, another lease: it is the WAN's, too
        pool = isp.wan.address4.rpartition(".")[0]
        isp.nft("add element inet lab own4 { " + ", ".join(f"{pool}.{n}" for n in range(190, 250)) + " }")
    return site


@pytest.fixture
def site(shared):
    resolver = shared.router.read("/etc/resolv.conf")
    yield shared
    shared.router.write("/etc/resolv.conf", resolver)  # a client that ends leaves none
    shared.well()


def test_network_manager(site):
    """It watches links that others have configured; one that somebody has made a connection of, it takes."""
    site.install("network-manager")
    wait_until(lambda: site.router.run("nmcli", "general", "status", check=False).code == 0, "NetworkManager answers")
    site.well()
    site.router.run("nmcli", "connection", "add", "type", "ethernet", "con-name", "fibre", "ifname", LINK)
    site.router.run("nmcli", "connection", "up", "fibre")
    # While it takes the link, it says for a moment that it has not got it.
    words = f"NetworkManager configures {LINK} beside systemd-networkd"
    found = wait_until(lambda: [one for one in site.doctor.complaints() if one.topic == "managers" and words in one.text], words)
    site.doctor.follow(found[0])


def test_dhcpcd(site):
    site.install("dhcpcd")
    # There is no udev here to tell it that links are there.
    site.router.run("sh", "-c", "echo nodev >>/etc/dhcpcd.conf")
    site.reboot()
    wait_until(lambda: site.refuses(6), "networkd can't ask for a prefix")
    found = site.doctor.finds("managers", "WRONG", f"dhcpcd configures enmbrains0, {LINK} beside systemd-networkd")
    site.doctor.follow(found)


def test_ifupdown(site):
    site.install("ifupdown", "dhcpcd-base")
    site.router.write("/etc/network/interfaces", f"auto {LINK}\niface {LINK} inet dhcp\n")
    site.reboot()
    found = site.doctor.finds("managers", "WRONG", f"ifupdown configures {LINK} (/etc/network/interfaces) beside")
    site.doctor.follow(found)
    site.router.write("/etc/network/interfaces", "")
