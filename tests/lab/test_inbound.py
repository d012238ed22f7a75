# SPDX-License-Identifier: GPL-2.0-or-later
"""Services behind OPNsense are reached on each WAN, by each of its addresses."""

import socket

import pytest

import wans
from icmp import ping
from lab import CLIENT4, CLIENT6, CLIENT2_6, FORWARDED, SERVERS6, STRANGER4, STRANGER6, Lab
from traffic import PORT, TcpFlow, UdpFlow, readable, refused

HOSTS6 = [CLIENT6, "3d06:bad:b01::2", "3d06:bad:b01::ffff:ffff", "3d06:bad:b01:7:1234:5678:9abc:def0",
          "3d06:bad:b01:f:ffff:ffff:ffff:fffe"]
NAMES = pytest.mark.parametrize("name", ["att", "webpass"])


@pytest.fixture(scope="module")
def lab():
    """One lab for all: nothing here changes it."""
    with Lab() as one:
        yield one.up()
        assert one.leaks() == {}


@NAMES
def test_each_public_address_reaches_its_own_identity_at_opnsense(lab, name):
    for inside, public in zip(wans.INSIDE4, lab.wan(name).public4):
        with UdpFlow(lab.internet, public, STRANGER4) as flow:
            seen = flow.ask()
        assert (seen.server, seen.local, seen.source) == ("opnsense", inside, STRANGER4)
        with TcpFlow(lab.internet, public, STRANGER4) as flow:
            assert (flow.greeting.server, flow.greeting.local) == ("opnsense", inside)
            assert flow.echo("x") == "x"
        assert ping(lab.internet, public, STRANGER4)


@NAMES
def test_port_forwards_reach_the_client(lab, name):
    for public in lab.wan(name).public4:
        with UdpFlow(lab.internet, public, STRANGER4, port=FORWARDED) as flow:
            assert flow.ask().local == CLIENT4
        with TcpFlow(lab.internet, public, STRANGER4, port=FORWARDED) as flow:
            assert flow.greeting.local == CLIENT4


@NAMES
@pytest.mark.parametrize("host", HOSTS6)
def test_any_host_of_the_delegated_prefix_is_reached(lab, name, host):
    outside = lab.wan(name).host(host)
    with UdpFlow(lab.internet, outside, STRANGER6) as flow:
        seen = flow.ask()
    assert (seen.server, seen.local, seen.source) == ("client", host, STRANGER6)
    with TcpFlow(lab.internet, outside, STRANGER6) as flow:
        assert flow.greeting.local == host
    assert ping(lab.internet, outside, STRANGER6)


@NAMES
def test_the_edge_address_reaches_opnsense(lab, name):
    edge = lab.wan(name).edge()
    with UdpFlow(lab.internet, edge, STRANGER6) as flow:
        seen = flow.ask()
    assert (seen.server, seen.local, seen.source) == ("opnsense", wans.ROUTER6, STRANGER6)
    with TcpFlow(lab.internet, edge, STRANGER6) as flow:
        assert flow.greeting.local == wans.ROUTER6
    with TcpFlow(lab.internet, edge, STRANGER6, port=FORWARDED) as flow:
        assert flow.greeting.local == CLIENT6
    assert ping(lab.internet, edge, STRANGER6)


def test_both_edges_of_the_original_are_the_documented_ones(lab):
    assert [wan.edge() for wan in lab.wans] == ["2600:1700:2f71:c80::1", "2604:5500:c271:be00::1"]


@NAMES
def test_the_dhcpv6_address_stays_the_routers(lab, name):
    """Without hairpin6 it is the router that answers a ping there, and nothing is forwarded."""
    assert ping(lab.internet, lab.wan(name).address6, STRANGER6)
    assert refused(lab.internet, lab.wan(name).address6, STRANGER6, seconds=0.3)


@NAMES
def test_answers_of_dhcp_stay_the_routers(lab, name):
    """An offer may be for an address that is mapped, and is not on the interface yet."""
    def sent(port):
        with lab.internet.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((STRANGER4, port))
            server.sendto(b"x", (public, 68))
        return readable(inside, 0.3)
    with lab.opnsense.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside:
        inside.bind(("", 68))
        for public in lab.wan(name).public4[:2]:
            assert not sent(67)
            assert sent(66) and inside.recv(1) == b"x"


def test_other_hosts_of_the_lan_are_reached_too(lab):
    for wan in lab.wans:
        assert ping(lab.internet, wan.host(CLIENT2_6), STRANGER6)


def test_a_client_reaches_its_own_network_from_outside_only_through_its_wan(lab):
    """The same inbound port on both WANs at once, from one host: two flows, each answered by its own."""
    first, second = (TcpFlow(lab.internet, wan.public4[2], STRANGER4, port=PORT) for wan in lab.wans)
    with first, second:
        assert first.echo("att") == "att" and second.echo("webpass") == "webpass"


def test_outbound_goes_on_while_inbound_is_used(lab):
    with TcpFlow(lab.internet, lab.wans[0].host(CLIENT6), STRANGER6) as inbound:
        with UdpFlow(lab.client, SERVERS6[0]) as outbound:
            assert outbound.ask()
        assert inbound.echo("x") == "x"
