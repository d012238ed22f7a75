# SPDX-License-Identifier: GPL-2.0-or-later
"""The key modem of [wan]: a modem's page opens over its own link, in whatever state the WAN is, and over no other."""

import errno
import json
import socket

import pytest

import rtnl
import wans
from lab import SERVERS4, SERVERS6
from servers import Servers
from traffic import PORT, TcpFlow, UdpFlow
from vpn import count, counted

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
MODEM = {4: "192.168.100.1", 6: "fd00:100::1"}  # webpass's, which masquerades
STATIC = {4: "192.168.100.2", 6: "fd00:100::2"}  # what the router may have in its subnet
MAPPED = "192.168.101.1"  # att's, which maps
KEY = {"modem": ", ".join(MODEM.values())}


class Modems:
    """A lab whose providers have modems: webpass's is in both families. No packet for it may come to att."""

    def __init__(self, lab):
        self.lab, self.own, self.other = lab, lab.isp("webpass"), lab.isp("att")
        self.servers = Servers()
        for isp in lab.isps:
            self.servers.add(isp, PORT)
        self.servers.start()
        self.switch_on()
        self.other.ip(f"addr add {MAPPED}/32 dev mwan\n")
        count(self.other, MODEM)

    def switch_on(self):
        self.own.ip(f"addr replace {MODEM[4]}/24 dev mwan\naddr replace {MODEM[6]}/64 dev mwan nodad\n")
        self.own.nft("add element inet lab own4 { " + STATIC[4] + " }")

    def give_static(self):
        interface = self.lab.wan("webpass").interface
        self.lab.router.ip(f"addr add {STATIC[4]}/24 dev {interface}\naddr add {STATIC[6]}/64 dev {interface} nodad\n")
        self.lab.router.run("update-routes")

    def take_static(self):
        interface = self.lab.wan("webpass").interface
        self.lab.router.ip(f"addr del {STATIC[4]}/24 dev {interface}\naddr del {STATIC[6]}/64 dev {interface}\n")
        self.lab.router.run("update-routes")

    def answers(self, namespace, target, source=None):
        """As which address the modem sees the flow, and that TCP works as well."""
        with UdpFlow(namespace, target, source) as flow:
            seen = flow.ask()
        with TcpFlow(namespace, target, source) as flow:
            assert flow.echo("x") == "x"
        return seen.source


@pytest.fixture(scope="module")
def modems(share_lab):
    lab = share_lab([wans.att(keys={"modem": MAPPED}), wans.webpass(nat4="masquerade", keys=KEY)])
    modems = Modems(lab)
    lab.up()
    yield modems
    modems.servers.close()


def is_refused(namespace, target):
    """The sender is told, and does not wait."""
    with pytest.raises(OSError) as told:
        TcpFlow(namespace, target).close()
    return told.value.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)


@FAMILIES
def test_its_page_opens_over_its_own_wan_while_that_is_up_and_while_it_is_down(modems, family):
    lab, webpass = modems.lab, modems.lab.wan("webpass")
    for state in ("up", "down"):
        lab.router.health(**{f"webpass{family}": state})
        lab.router.run("update-routes")
        for _ in range(20):
            with UdpFlow(lab.client, MODEM[family]) as flow:
                assert webpass.owns(flow.ask().source)
        modems.answers(lab.client, MODEM[family])
    lab.router.run("rm", "-f", "/run/mwan/health.json")
    lab.router.run("update-routes")
    assert counted(modems.other) == 0


def test_a_wan_that_maps_translates_as_ever(modems):
    att = modems.lab.wan("att")
    assert modems.answers(modems.lab.client, MAPPED) in att.public4


@FAMILIES
def test_an_address_in_its_subnet_is_what_it_sees(modems, family):
    """Such a modem knows no other way back than its own subnet."""
    lab = modems.lab
    modems.own.accept_only([lab.wan("webpass").prefix6, f"{STATIC[6]}/128"])
    modems.give_static()
    assert modems.answers(lab.client, MODEM[family]) == STATIC[family]
    assert modems.answers(lab.router, MODEM[family]) == STATIC[family]
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}
    modems.take_static()
    assert modems.answers(lab.client, MODEM[family]) != STATIC[family]


@FAMILIES
def test_the_router_itself_asks_over_that_link_only(modems, family):
    lab = modems.lab
    assert lab.wan("webpass").owns(modems.answers(lab.router, MODEM[family]))
    source = {4: "104.57.226.193", 6: "2001:506:72f7:108c::1"}[family]
    with UdpFlow(lab.router, MODEM[family], source) as flow:
        assert flow.ask(seconds=0.1) is None
    with lab.router.socket({4: socket.AF_INET, 6: socket.AF_INET6}[family], socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"enatt0.3242")
        sock.bind((source, 0))
        with pytest.raises(PermissionError):
            sock.sendto(b"mute x", (MODEM[family], PORT))
    assert counted(modems.other) == 0


@FAMILIES
def test_a_late_reset_of_a_forgotten_connection_does_not_leak(modems, family):
    """Nothing translates what conntrack knows no flow of: it must not leave with an address that is inside."""
    lab = modems.lab
    flows = [TcpFlow(lab.client, target) for target in [MODEM[family]] * 5 + [MAPPED] * 5]
    rtnl.forget_flows(lab.router)
    for flow in flows:
        flow.close(reset=True)
    modems.answers(lab.client, MODEM[family])  # whatever the resets did, it is done when this is answered
    modems.answers(lab.client, MAPPED)
    assert lab.leaks() == {}


def test_explain_says_the_modems_wan(modems):
    told = json.loads(modems.lab.router.run("update-routes", "--json", "--explain", "10.250.250.3", MODEM[4]).out)
    assert told["wan"] == "webpass" and told["mark"] == 2, told
    told = json.loads(modems.lab.router.run("update-routes", "--json", "--explain", "0.0.0.0", MODEM[4]).out)
    assert told["wan"] == "webpass", told


def test_without_a_lease_it_is_asked_from_what_is_left_or_the_sender_is_told(make_lab):
    lab = make_lab([wans.att(), wans.webpass(nat4="masquerade", keys=KEY)])
    modems = Modems(lab)
    lab.up()
    modems.own.accept_only([lab.wan("webpass").prefix6, f"{STATIC[6]}/128"])
    lab.router.ip(f"addr del {lab.wan('webpass').address4} dev {lab.wan('webpass').interface}\n")
    lab.router.run("update-routes")
    assert is_refused(lab.client, MODEM[4])
    modems.give_static()
    for family in (4, 6):
        assert modems.answers(lab.client, MODEM[family]) == STATIC[family]
    lab.unplug("webpass")
    for run in (False, True):
        if run:
            lab.router.run("update-routes")
        for family in (4, 6):
            assert is_refused(lab.client, MODEM[family])
            assert is_refused(lab.router, MODEM[family])
    assert counted(modems.other) == 0
    modems.servers.close()
