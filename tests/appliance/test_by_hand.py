# SPDX-License-Identifier: GPL-2.0-or-later
"""
The README's plainest site, made by hand on a Debian 13 that somebody has just installed: line by line, and with each
thing forgotten that people forget. One machine lives through all of it, in this order.
"""

import os

import pytest

from by_hand import HOME, LAN, MANAGEMENT, ByHand
from doctor import Doctor
from lab import SERVERS4
from traffic import answers, close_all, udp_flows, wait_until

BASE, LIST = "/etc/mwan/nftables.conf", "/etc/nftables.conf"
TOPICS = ("files", "managers", "links", "leases", "gateways", "rules", "tables", "nft", "flows", "probes", "neighbours",
          "OPNsense", "sysctls", "networkd", "hooks", "units")


@pytest.fixture(scope="module")
def site(share_appliance):
    return share_appliance(kind=lambda _: ByHand()).start()


def carries(site):
    """Flows from inside get out over both."""
    flows = udp_flows(site.client, 60, SERVERS4)
    seen = site.shares(answers(flows, 5))
    close_all(flows)
    return set(seen) == {"cable", "fibre"}


def doctor(site):
    """Without what it says of the resolver that nobody has given this machine, and of the test machine's clock."""
    return Doctor(site.router, TOPICS)


def well(site):
    wait_until(lambda: carries(site), "flows from inside get out over both")
    wait_until(lambda: doctor(site).complaints() == [], "nothing is wrong")


def test_a_package_that_nobody_has_built(site):
    built = site.router.path(f"{HOME}/build-deb")
    os.rename(built, f"{built}.away")
    assert "./build-deb/trixie/mwan_*.deb" in site.step("package", check=False)
    os.rename(f"{built}.away", built)


def test_line_by_line(site):
    said = site.step("package")
    assert 'include "/etc/mwan/nftables.conf"' in said
    assert "`define MANAGEMENT`" in said and MANAGEMENT in said.split()
    site.write_site()
    site.step("links")
    site.edit_links()
    site.name_management()
    site.include()
    site.step("start")
    well(site)
    assert site.router.run("update-routes", "--check").err == ""


def test_networkd_that_nobody_has_enabled(site):
    site.router.run("systemctl", "disable", "systemd-networkd")
    site.power_cut()
    site.boot()
    site.router.booted()
    assert f"{site.wans[0].interface} is switched off" in site.router.run("update-routes", "--check", check=False).err
    one = doctor(site)
    one.follow(one.finds("units", "WRONG", "systemd-networkd.service is inactive"))
    well(site)


def test_a_management_card_that_nobody_has_named(site):
    named = site.router.read(BASE)
    site.router.write(BASE, named.replace(f'"{MANAGEMENT}"', '"eth0", "enmgmt0"'))
    site.router.run("systemctl", "reload", "nftables")
    assert "MANAGEMENT" in site.router.run("update-routes").err
    assert "MANAGEMENT" in doctor(site).finds("nft", "WRONG", "no management interface").text
    site.router.write(BASE, named)
    site.router.run("systemctl", "reload", "nftables")
    well(site)


def test_a_line_that_nobody_has_added(site):
    """
    Whoever loads Debian's file by hand unloads mwan's rules; the daemon loads them again within a moment, and says so.
    """
    included = site.router.read(LIST)
    site.router.write(LIST, included.replace('include "/etc/mwan/nftables.conf"\n', ""))
    site.router.run("nft", "-f", LIST)
    well(site)
    assert "the base ruleset was lost" in site.router.journal("mwan-health")
    site.router.write(LIST, included)


def test_a_card_that_has_no_file(site):
    file = "/etc/systemd/network/lan.network"
    text = site.router.read(file)
    site.router.path(file).unlink()
    site.power_cut()
    site.boot()
    site.router.booted()
    assert [one for one in doctor(site).complaints() if LAN in one.text or "LAN" in one.text]
    site.router.write(file, text)
    site.router.run("networkctl", "reload")
    well(site)
