# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who has our addresses: neighbours that remember another router are told at once, and each card answers for its own.
The neighbours keep what they know for an hour and don't ask.
"""

import pytest

import wans
from icmp import ping
from lab import CLIENT6, OPNSENSE_LL, ROUTER_LL, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from switched import OLD, Ear, SharedLab, SwitchedLab, learn, mac_of, neighbours, remember
from topology import router_linklocal
from traffic import QUIET, UdpFlow, answers, close_all, udp_flows, wait_until

PROXIED = ["136.25.91.251", "2604:5500:c271:8000::55"]  # answered for, and on no interface


def on_link(one):
    """The addresses that a WAN's provider looks for on the link."""
    return [*(one.public4 if not one.routed4 else [one.address4.split("/")[0]]), one.address6, router_linklocal(one)]


def works(lab):
    """Inbound to each public address and to the prefix, and outbound, in both families over each WAN."""
    for one in lab.wans:
        for public in one.public4:
            with UdpFlow(lab.internet, public, STRANGER4) as flow:
                assert flow.ask(), public
        for outside in (one.edge(), one.host(CLIENT6)):
            with UdpFlow(lab.internet, outside, STRANGER6) as flow:
                assert flow.ask(), outside
    def shares(servers):
        flows = udp_flows(lab.client, 60, servers)
        seen = lab.shares(answers(flows, QUIET))
        close_all(flows)
        return set(seen)
    for servers in (SERVERS4, SERVERS6):  # a run may still be due that makes a WAN eligible again
        wait_until(lambda s=servers: shares(s) == {one.name for one in lab.wans}, "outbound on each WAN")


@pytest.fixture(scope="module")
def site(share_lab):
    """A lab whose providers and OPNsense remember another router when our daemon starts."""
    lab = share_lab(kind=SwitchedLab)
    for isp in lab.isps:
        remember(isp, "mwan", on_link(isp.wan))
    remember(lab.opnsense, "wan0", ["10.250.250.1", ROUTER_LL])
    remember(lab.isp("webpass"), "mwan", PROXIED)
    for address in PROXIED:
        lab.router.ip(f"neigh add proxy {address} dev enwebpass0\n")
    return lab, lab.daemon()


def test_a_daemon_that_starts_tells_providers_and_opnsense(site):
    lab, _ = site
    for isp in lab.isps:
        learn(isp, "mwan", on_link(isp.wan), mac_of(lab.router, isp.wan.interface))
    learn(lab.isp("webpass"), "mwan", PROXIED, mac_of(lab.router, "enwebpass0"))
    learn(lab.opnsense, "wan0", ["10.250.250.1", ROUTER_LL], mac_of(lab.router, wans.LAN))
    wait_until(lambda: OPNSENSE_LL in str(lab.router.own_routes(6)), "the way to OPNsense", 10)
    works(lab)


def test_a_carrier_that_comes_back_tells(site):
    lab, _ = site
    for isp in lab.isps:
        lab.pull(isp.wan.name)
        remember(isp, "mwan", on_link(isp.wan))
        lab.put_back(isp.wan.name)
        learn(isp, "mwan", on_link(isp.wan), mac_of(lab.router, isp.wan.interface))
    works(lab)


def test_an_address_that_anybody_adds_is_told(site):
    lab, _ = site
    isp = lab.isp("webpass")
    remember(isp, "mwan", ["136.25.91.250", "2604:5500:c271:8000::99"])
    lab.router.ip("addr add 136.25.91.250/28 dev enwebpass0\n", 4)
    lab.router.ip("addr add 2604:5500:c271:8000::99/128 dev enwebpass0 nodad\n", 6)
    learn(isp, "mwan", ["136.25.91.250", "2604:5500:c271:8000::99"], mac_of(lab.router, "enwebpass0"))
    lab.router.ip("addr del 136.25.91.250/28 dev enwebpass0\n", 4)
    lab.router.ip("addr del 2604:5500:c271:8000::99/128 dev enwebpass0\n", 6)


def test_an_address_that_may_be_somebody_elses_is_not_told_before_that_is_known(site):
    lab, daemon = site
    isp = lab.isp("att")
    lab.router.sysctl("net/ipv6/conf/enatt0.3242/accept_dad", 1)
    isp.ip("addr add 2001:506:72f7:108c::66/128 dev mwan nodad\n", 6)
    with Ear(isp, "mwan") as ear:
        lab.router.ip("addr add 2001:506:72f7:108c::66/128 dev enatt0.3242\n"
                      "addr add 2001:506:72f7:108c::67/128 dev enatt0.3242\n", 6)
        ear.wait(("na", "2001:506:72f7:108c::67"))
        assert ear.heard.index(("dad", "2001:506:72f7:108c::67")) < ear.heard.index(("na", "2001:506:72f7:108c::67"))
        assert ("na", "2001:506:72f7:108c::66") not in ear.heard
    lab.router.sysctl("net/ipv6/conf/enatt0.3242/accept_dad", 0)
    for suffix in (66, 67):
        lab.router.ip(f"addr del 2001:506:72f7:108c::{suffix}/128 dev enatt0.3242\n", 6)
    isp.ip("addr del 2001:506:72f7:108c::66/128 dev mwan\n", 6)
    assert daemon.are()


def test_another_card_tells(site):
    """Another hardware address, then another interface of the same name."""
    lab, _ = site
    isp = lab.isp("webpass")
    lab.router.ip("link set enwebpass0 address 02:00:00:00:01:77\n")
    learn(isp, "mwan", isp.wan.public4, "02:00:00:00:01:77")
    lab.replace_card("webpass", "02:00:00:00:01:02")
    learn(isp, "mwan", on_link(isp.wan), "02:00:00:00:01:02")
    works(lab)


def test_a_run_by_hand_tells_of_what_it_has_added(make_lab):
    lab = make_lab(kind=SwitchedLab)
    att, webpass = lab.isps
    remember(webpass, "mwan", webpass.wan.public4[1:])
    with Ear(att, "mwan") as ear:
        lab.up()
        learn(webpass, "mwan", webpass.wan.public4[1:], mac_of(lab.router, "enwebpass0"))
        ear.wait(("na", att.wan.edge()))
        assert ("arp", "104.57.226.194") not in ear.listen()  # routed: the router does not have it
    works(lab)
    with Ear(webpass, "mwan") as ear:
        lab.up()
        assert not [heard for heard in ear.listen() if heard[0] != "dad"]


def test_an_opnsense_that_knows_us_is_found(make_lab):
    """After a quick reboot of ours. It answers without asking who we are, and so does not say who it is."""
    lab = make_lab()
    remember(lab.opnsense, "wan0", [ROUTER_LL], mac_of(lab.router, wans.LAN))
    lab.opnsense.sysctl("net/ipv6/neigh/wan0/delay_first_probe_time", 3600)
    lab.daemon()
    wait_until(lambda: OPNSENSE_LL in str(lab.router.own_routes(6)), "the way to OPNsense", 10)


def test_two_wans_on_one_switch_each_answer_for_their_own_addresses(make_lab):
    descriptions = [wans.att(routed4=False, gateway6="fe80::101"), wans.webpass(gateway6="fe80::102")]
    lab = make_lab(descriptions, kind=SharedLab).up()
    for _ in range(3):
        for isp in lab.isps:
            isp.command(["ip", "neigh", "flush", "dev", "mwan"])
        works(lab)
        for isp in lab.isps:
            assert ping(lab.internet, isp.wan.address6, STRANGER6)
            found = neighbours(isp, "mwan")
            assert {found.get(address) for address in on_link(isp.wan)} == {mac_of(lab.router, isp.wan.interface)}
