# SPDX-License-Identifier: GPL-2.0-or-later
"""
Addresses that two have, which nobody could know before the lease came: what can't work is left out and named, and
everything else works.
"""

import time
import pytest

import topology
import wans
from doctor import Doctor
from lab import OPNSENSE_LL, SERVERS4, SERVERS6, STRANGER4
from traffic import QUIET, UdpFlow, answers, close_all, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}
ALL = {"att", "webpass"}


def sources(lab, family=4, count=100):
    """The answers to new flows from all inside addresses; none is lost."""
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = answers(flows, QUIET)
    close_all(flows)
    assert None not in seen
    return seen


def shares(lab, family=4):
    return set(lab.shares(sources(lab, family)))


def own4(lab):
    """IPv4 addresses that mwan has put on the interfaces."""
    return {address.split("/")[0] for _, address, _ in lab.router.own_addresses() if "." in address}


def translated(lab):
    """{(interface, public address)} of the 1:1 maps."""
    listing = lab.router.command(["nft", "list", "map", "ip", "nat", "outbound"]).replace('"', "").replace(",", " ,")
    words = listing.split()
    return {(words[i - 3], words[i + 1]) for i, word in enumerate(words) if word == ":" and words[i - 2] == "."}


# [map4]

TAKEN = {"gateway": "136.25.91.241", "broadcast": "136.25.91.247", "network": "136.25.91.240"}


def mapped_to(address):
    """webpass, whose second address of [map4] is this one."""
    return wans.webpass(public4=["136.25.91.242", address, "136.25.91.244", "136.25.91.245", "136.25.91.246"])


@pytest.mark.parametrize("address", TAKEN.values(), ids=TAKEN)
def test_an_address_of_the_map_that_is_taken_is_left_out_on_that_wan(make_lab, address):
    lab = make_lab([wans.att(), mapped_to(address)])
    result = lab.router.run("update-routes")
    lab.router.run("update-npt")
    assert any(f"map4: {wans.INSIDE4[1]}: {address} is " in line and line.startswith("<4>webpass: ")
               for line in result.err.splitlines()), result
    assert address not in own4(lab) and {"136.25.91.244", "136.25.91.245", "136.25.91.246"} <= own4(lab)
    assert ("enwebpass0", address) not in translated(lab)
    seen = sources(lab)
    assert set(lab.shares(seen)) == ALL and address not in {one.source for one in seen}
    assert "104.57.226.194" in {one.source for one in seen}, "its host uses the other WAN"
    lab.router.wait_quiet()  # the kernel tells of a new carrier within a second
    with lab.router.monitor() as monitor:
        lab.router.run("update-routes")
        assert monitor.events() == {}
    Doctor(lab.router).finds("conflicts", "WRONG", address)


def test_the_gateway_of_a_routed_block_is_left_out_of_the_map(make_lab):
    lab = make_lab([wans.att(public4=["104.57.226.193", "104.57.226.198", *(f"104.57.226.{n}" for n in range(195, 198))]),
                    wans.webpass()]).up()
    seen = sources(lab)
    assert set(lab.shares(seen)) == ALL and "104.57.226.198" not in {one.source for one in seen}


def test_a_lease_that_makes_an_address_the_gateways_takes_it_from_the_map(watch):
    """The lease of before comes back: so does the address. Both are told once."""
    lab, daemon = watch()
    flows = udp_flows(lab.client, 60, SERVERS4)
    assert "136.25.91.243" in {one.source for one in answers(flows)}
    isp, new, old = lab.isp("webpass"), "136.25.91.243", "136.25.91.241"
    isp.ip(f"addr add {new}/29 dev mwan\n")
    lab.router.ip(f"route replace default via {new} dev enwebpass0 proto dhcp metric 101\n")
    daemon.wait(lambda: new not in own4(lab) and ("enwebpass0", new) not in translated(lab), "it is left out")
    daemon.wait(lambda: daemon.family("webpass", "ipv4")["gateway"] == new, "the new gateway")
    assert daemon.family("webpass", "ipv4")["eligible"] and new in daemon.family("webpass", "ipv4")["trouble"]
    for flow in flows:
        flow.send()
    answers(flows, seconds=0.5)
    seen = sources(lab)
    assert set(lab.shares(seen)) == ALL and new not in {one.source for one in seen}
    daemon.wait_cycles(2)
    daemon.said_once("is the ISP's gateway")
    lab.router.ip(f"route replace default via {old} dev enwebpass0 proto dhcp metric 101\n")
    isp.ip(f"addr del {new}/29 dev mwan\n")
    daemon.wait(lambda: new in own4(lab) and ("enwebpass0", new) in translated(lab), "it is back")
    daemon.wait(lambda: len(daemon.said("this is over")) == 1, "it is over")
    close_all(flows)
    daemon.wait_states()
    assert new in {one.source for one in sources(lab)}


def test_the_address_is_not_taken_while_nobody_knows_the_gateway(watch):
    """Before the lease, and when it is lost."""
    lab, daemon = watch([wans.att(), mapped_to("136.25.91.241")])
    lab.router.ip("route del default dev enwebpass0 metric 101\n")
    daemon.wait(lambda: not daemon.family("webpass", "ipv4")["eligible"], "no gateway")
    daemon.stop()
    lab.router.wipe()
    lab.daemon()
    assert not own4(lab)


def test_the_doctor_names_an_address_that_another_machine_on_the_link_has(make_lab):
    lab = make_lab().up()
    doctor = Doctor(lab.router, ["conflicts"])
    assert doctor.complaints() == []
    lab.isp("webpass").ip("addr add 136.25.91.244/32 dev mwan\n")
    finding = doctor.finds("conflicts", "WRONG", "136.25.91.244")
    assert "02:00:00:00:02:02" in finding.text, finding


# The inside

def test_a_lease_of_an_inside_network_takes_that_wans_ipv4_out(make_lab):
    """Its flows would find the LAN, or the LAN's the provider."""
    lab = make_lab([wans.att(nat4="masquerade", address4="10.250.250.9/28", gateway4="10.250.250.14"),
                    wans.webpass(nat4="masquerade")], lan={"prefix4": "10.250.250.0/28"}, health=wans.QUICK)
    daemon = lab.daemon()
    daemon.wait_states(att4="unknown")
    assert shares(lab) == {"webpass"} and shares(lab, 6) == ALL
    att = daemon.family("att", "ipv4")
    assert not att["eligible"] and "10.250.250.9" in att["trouble"]
    finding = Doctor(lab.router).finds("conflicts", "WRONG", "10.250.250.9")
    assert finding.text.startswith("att: ")
    lab.isp("att").nft("add element inet lab own4 { 10.250.9.6 }")
    lab.isp("att").ip("addr add 10.250.9.5/24 dev mwan\n")
    lab.internet.ip("route add 10.250.9.0/24 via 100.64.1.1\n")
    lab.router.ip("addr del 10.250.250.9/28 dev enatt0.3242\naddr add 10.250.9.6/24 dev enatt0.3242\n"
                  "route add default via 10.250.9.5 dev enatt0.3242 proto dhcp metric 100\n")
    daemon.wait(lambda: daemon.said("this is over"), "it is over")
    daemon.wait(lambda: daemon.family("att", "ipv4")["eligible"], "its next lease is used")
    daemon.said_once("<4>att: IPv4: the ISP has given")


@pytest.mark.parametrize("address", ["3d06:bad:b01:5::5", wans.ROUTER6], ids=["prefix6", "router6"])
def test_an_ipv6_address_of_the_inside_takes_that_wans_ipv6_out(make_lab, address):
    lab = make_lab([wans.att(address6=address), wans.webpass()])
    result = lab.router.run("update-routes")
    lab.router.run("update-npt")
    assert f"<4>att: IPv6: the ISP has given {address}" in result.err, result
    assert shares(lab, 6) == {"webpass"} and shares(lab) == ALL


# Prefixes

def onlink(lab, prefix, change="add"):
    """The provider takes hosts of the prefix to be on its link, and advertises so."""
    isp = lab.isp("att")
    lab.router.ip(f"route {change} {prefix} dev enatt0.3242 proto ra metric 256\n", 6)
    via = "" if change == "add" else f"via {topology.router_linklocal(isp.wan)}"
    isp.ip(f"route replace {isp.wan.prefix6} {via} dev mwan\n", 6)


@pytest.mark.parametrize("key", ["fixed", "auto"])
def test_a_prefix_that_is_on_the_link_is_refused(make_lab, key):
    """Nobody would answer for its hosts there. Once it is routed, it is used."""
    lab = make_lab([wans.att(prefix_key=key), wans.webpass()], health=wans.QUICK)
    if key == "auto":
        lab.networkd().delegate("enatt0.3242", lab.wan("att").prefix6)
    prefix = lab.wan("att").prefix6.replace("/60", "/64")
    onlink(lab, prefix)
    daemon = lab.daemon()
    daemon.wait(lambda: "on the link" in daemon.family("att", "ipv6").get("trouble", ""), "it is named")
    assert shares(lab, 6) == {"webpass"} and shares(lab) == ALL
    assert not daemon.family("att", "ipv6")["eligible"]
    assert lab.wan("att").edge() not in str(lab.router.own_addresses())
    Doctor(lab.router, ["conflicts", "prefixes"]).finds("conflicts", "WRONG", prefix)
    result = lab.router.run("update-npt", check=False)
    assert result.code == 0 and "<4>att: IPv6: prefix " in result.err, result
    onlink(lab, prefix, "del")
    daemon.wait(lambda: daemon.family("att", "ipv6")["eligible"], "eligible")
    daemon.wait(lambda: len(daemon.said("this is over")) == 1, "it is over")
    assert shares(lab, 6) == ALL


def test_an_advertisement_is_noticed_when_it_comes(make_lab):
    """Not only by the run that is due once a minute."""
    lab = make_lab(health={"interval": "60s"}, lan={"router6_linklocal": OPNSENSE_LL})
    daemon = lab.daemon()
    daemon.wait(lambda: daemon.health()["lan"].get("router4") and daemon.health()["lan"].get("router6"), "OPNsense is seen")
    lab.router.wait_quiet()
    begin = time.monotonic()
    part = lab.wan("att").prefix6.replace("c80::/60", "c8f::/64")
    lab.router.ip(f"route add {part} dev enatt0.3242 proto ra metric 256\n", 6)
    daemon.wait(lambda: "on the link" in daemon.family("att", "ipv6").get("trouble", ""), "it is named")
    assert time.monotonic() - begin < 40


def test_a_prefix_that_is_on_the_link_has_its_fallback(make_lab):
    lab = make_lab([wans.att(keys={"nat6_fallback": "masquerade"}), wans.webpass()])
    onlink(lab, lab.wan("att").prefix6)
    lab.up()
    seen = sources(lab, 6)
    assert set(lab.shares(seen)) == ALL
    assert {one.source for one in seen if lab.wan_of(one.source).name == "att"} == {lab.wan("att").address6}


# A link without an address of its own

def test_a_mapped_block_needs_no_address_beside_it(make_lab):
    """With a fixed gateway, the router's probes leave from a mapped address."""
    lab = make_lab([wans.att(), wans.webpass(keys={"gateway4": "136.25.91.241"})], health=wans.QUICK)
    lab.router.ip("addr del 136.25.91.242/29 dev enwebpass0\n")
    daemon = lab.daemon()
    daemon.wait_states()
    assert shares(lab) == ALL
    daemon.wait_cycles(5)
    assert daemon.are() and daemon.family("webpass", "ipv4")["loss"] == 0
    with UdpFlow(lab.internet, "136.25.91.243", STRANGER4) as flow:
        assert flow.ask().local == wans.INSIDE4[1]
    assert not [line for line in Doctor(lab.router).complaints() if "webpass" in line.text]
