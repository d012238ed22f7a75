# SPDX-License-Identifier: GPL-2.0-or-later
"""[direct NAME]: networks over an interface that is no WAN are reached there, and never over a WAN."""

import errno
import socket
import threading

import pytest

import test_mss
import vpn as site
import wans
from doctor import Doctor
from icmp import ping
from lab import CLIENT6, FORWARDED, SERVERS4, SERVERS6, SPREAD4
from traffic import PORT, Load, TcpFlow, UdpFlow, answers, close_all, connects, listen, refused, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
INSIDE = {4: ("10.250.250.3", PORT), 6: (CLIENT6, PORT)}  # from the VPN, and the port there
UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH)


@pytest.fixture(scope="module")
def vpn(share_lab):
    lab = share_lab(directs=site.DIRECT)
    vpn = site.Vpn(lab)
    lab.up()
    yield vpn
    vpn.close()


def own_source(lab, family, name="att"):
    """The router's own address on a WAN."""
    one = lab.wan(name)
    return one.address4.split("/")[0] if family == 4 else one.address6


def fails_at_once(namespace, target):
    """The sender is told, and does not wait."""
    with pytest.raises(OSError) as told:
        TcpFlow(namespace, target).close()
    return told.value.errno in UNREACHABLE


# Reached

@FAMILIES
def test_the_lan_and_the_vpn_reach_each_other_untranslated(vpn, family):
    lab = vpn.lab
    for target in (site.PEER[family], site.FAR[family]):
        with UdpFlow(lab.client, target) as flow:
            source = flow.ask().source
            assert source in wans.INSIDE4 if family == 4 else source == CLIENT6
        with TcpFlow(lab.client, target) as flow:
            assert flow.echo("x") == "x"
    inside, port = INSIDE[family]
    with UdpFlow(vpn, inside, site.FAR[family], port) as flow:
        assert flow.ask().source == site.FAR[family]
    with TcpFlow(vpn, inside, site.PEER[family], port) as flow:
        assert flow.echo("x") == "x"
    assert ping(vpn, inside)
    said = lab.router.run("update-routes", "--explain", inside, site.FAR[family]).out
    assert said.startswith("wan: none\nsource: none\nrule: none\nmark: 0\ntable: 254\n")
    assert "is in [direct vpn]: it goes over wg0" in said
    assert vpn.seen_by_providers() == 0
    assert set(lab.shares(answers(flows := udp_flows(lab.client, 40, SERVERS[family])))) == {"att", "webpass"}
    close_all(flows)


@FAMILIES
def test_the_routers_own_packets_get_there_with_any_of_its_addresses(vpn, family):
    lab = vpn.lab
    for source in (None, own_source(lab, family), own_source(lab, family, "webpass")):
        with UdpFlow(lab.router, site.FAR[family], source) as flow:
            assert flow.ask().source == (source or site.ROUTER[family])
    assert ping(vpn, own_source(lab, family), site.FAR[family])  # it asks for a WAN's address; the answer comes back
    assert vpn.seen_by_providers() == 0


@FAMILIES
def test_the_vpn_gets_no_further_than_inside(vpn, family):
    """Not out of a WAN, and to nothing on the router."""
    assert refused(vpn, SERVERS[family][0], seconds=0.2)
    assert refused(vpn, SERVERS[family][0], site.FAR[family], seconds=0.2)
    with listen(vpn.lab.router, AF[family], PORT):
        assert not connects(vpn, site.ROUTER[family], PORT)


@FAMILIES
def test_the_internet_does_not_get_in(vpn, family):
    """A provider that guesses the networks, and one that claims to be there."""
    lab, isp = vpn.lab, vpn.lab.isp("webpass")
    via = {4: "136.25.91.242", 6: "fe80::ff:fe00:102"}[family]
    isp.ip(f"route add {site.NETWORK[family]} via {via} dev mwan\n", family)
    isp.ip(f"addr add {site.FAR[family]}/{32 if family == 4 else 128} dev lo\n")
    try:
        assert refused(isp, site.PEER[family], seconds=0.2)
        one = lab.wan("webpass")
        target = one.public4[1] if family == 4 else one.host(CLIENT6)
        with UdpFlow(isp, target, site.FAR[family]) as flow:
            assert flow.ask(seconds=0.2) is None
    finally:
        isp.ip(f"route del {site.NETWORK[family]} dev mwan\n", family)
        isp.ip(f"addr del {site.FAR[family]}/{32 if family == 4 else 128} dev lo\n")


# Never over a WAN

def sends(namespace, target, source, interface=None, mark=0):
    """Sends a datagram by a socket that is bound so; whether the kernel has taken it."""
    with namespace.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if interface:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        sock.bind((source, 0))
        try:
            return sock.sendto(b"mute x", (target, PORT)) > 0
        except OSError:
            return False


def sends_by_any_wan(lab, target, family):
    """Those sockets of the router that pass by the routes that lead elsewhere: bound to a WAN, or with its mark."""
    return [one.name for one in lab.wans
            if sends(lab.router, target, own_source(lab, family, one.name), interface=one.interface)
            or sends(lab.router, target, own_source(lab, family, one.name), mark=one.mark)]


@FAMILIES
def test_no_socket_of_the_router_leads_out_of_a_wan(vpn, family):
    assert sends_by_any_wan(vpn.lab, site.FAR[family], family) == []
    assert sends_by_any_wan(vpn.lab, SERVERS[family][0], family) == ["att", "webpass"]
    assert vpn.seen_by_providers() == 0


@FAMILIES
def test_without_its_interface_senders_are_told_and_nothing_leaves_a_wan(vpn, family):
    lab, target = vpn.lab, site.FAR[family]
    with UdpFlow(lab.client, target) as old:
        assert old.ask()
        vpn.disconnect()
        for run in (False, True):
            if run:
                lab.router.run("update-routes")
            old.send()
            assert fails_at_once(lab.client, target)
            for source in (None, own_source(lab, family)):
                with pytest.raises(OSError) as told:
                    TcpFlow(lab.router, target, source).close()
                assert told.value.errno in UNREACHABLE
            assert sends_by_any_wan(lab, target, family) == []
        for one in lab.wans:  # behind all the others
            with UdpFlow(lab.router, SERVERS[family][0], own_source(lab, family, one.name)) as flow:
                assert flow.ask()
        assert vpn.seen_by_providers() == 0
        vpn.connect()
        lab.router.run("update-routes")
        assert old.ask()
    with TcpFlow(lab.client, target) as flow:
        assert flow.echo("x") == "x"


def test_nothing_leaves_a_wan_while_everything_changes(vpn):
    """New flows all the time, while the interface comes and goes, programs run and the base is loaded again."""
    lab, over = vpn.lab, threading.Event()

    def send():
        while not over.is_set():
            for family in (4, 6):
                for source in ("", own_source(lab, family)):
                    sends(lab.router, site.FAR[family], source)
                sends(lab.client, site.FAR[family], "")

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for turn in range(6):
            vpn.disconnect()
            lab.router.health(att4="down" if turn % 2 else "up", webpass6="up" if turn % 2 else "down")
            lab.router.run("update-routes")
            lab.router.load_base()
            vpn.connect()
            lab.router.run("update-routes")
    finally:
        over.set()
        sender.join()
        lab.router.run("rm", "-f", "/run/mwan/health.json")
        lab.router.run("update-routes")
    for one in lab.wans:
        for family in (4, 6):
            with UdpFlow(lab.router, SERVERS[family][0], own_source(lab, family, one.name)) as flow:
                assert flow.ask()
    assert vpn.seen_by_providers() == 0


# Runs

def direct_routes(lab, family):
    """What main has for the network: [(type, metric, interface, gateway)]."""
    return [(route.get("type"), route.get("metric"), route.get("dev"), route.get("gateway"))
            for route in lab.router.routes(family, "main") if route["dst"] == site.NETWORK[family]]


def test_runs_and_reloads_lose_nothing_and_a_second_run_is_silent(vpn):
    lab = vpn.lab
    flows = udp_flows(lab.client, 40, [*site.FAR.values(), *SERVERS4, *SERVERS6])
    flows += [UdpFlow(vpn, *INSIDE[family][:1], site.FAR[family]) for family in (4, 6)]
    for flow in flows:
        flow.send()
    assert all(answers(flows))
    with Load(flows, rounds_per_second=100) as load:
        for turn in range(6):
            more = {"other": {"interface": "enlan2", "networks": "192.168.77.0/24, fd00:77::/64"}}
            lab.configure(directs={**site.DIRECT, **({} if turn % 2 else more)})
            lab.router.run("update-routes")
            lab.router.load_base()
    close_all(flows)
    assert load.lost == {} and load.moved == set()
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}


@FAMILIES
def test_a_route_of_the_interfaces_owner_is_kept_and_used(vpn, family):
    """One as large as the network takes the place of mwan's; of a larger one, mwan takes the gateway."""
    lab, own = vpn.lab, [kind for kind in direct_routes(vpn.lab, family) if kind[0] != "7"]
    assert [kind[2:] for kind in own] == [(site.INTERFACE, None)]
    larger = {4: "10.80.0.0/12", 6: "fd00::/16"}[family]
    for prefix, gateway in ((larger, site.PEER[family]), (site.NETWORK[family], None)):
        lab.router.ip(f"route add {prefix} via {site.PEER[family]} dev {site.INTERFACE}\n", family)
        lab.router.run("update-routes")
        found = lab.router.command(["ip", f"-{family}", "route", "get", site.FAR[family]])
        assert f"via {site.PEER[family]}" in found
        assert [kind[3] for kind in direct_routes(lab, family) if kind[1] == 4278198271] == ([gateway] if gateway else [])
        with UdpFlow(lab.client, site.FAR[family]) as flow:
            assert flow.ask()
        lab.router.ip(f"route del {prefix} via {site.PEER[family]} dev {site.INTERFACE}\n", family)
    lab.router.run("update-routes")
    assert [kind for kind in direct_routes(lab, family) if kind[0] != "7"] == own


def test_the_interface_may_be_written_by_an_alternative_name(vpn):
    """One of a WAN's link is as good as missing: nothing leaves there."""
    lab = vpn.lab
    for link, reached in ((site.INTERFACE, True), (lab.wan("att").interface, False)):
        lab.router.ip(f"link property add dev {link} altname office0\n")
        lab.configure(directs={"vpn": {**site.DIRECT["vpn"], "interface": "office0"}})
        lab.router.run("update-routes")
        for family in (4, 6):
            if reached:
                with UdpFlow(lab.client, site.FAR[family]) as flow:
                    assert flow.ask()
            else:
                assert sends_by_any_wan(lab, site.FAR[family], family) == []
                assert [kind[2] for kind in direct_routes(lab, family) if kind[0] != "7"] == []
        lab.router.ip(f"link property del dev {link} altname office0\n")
    lab.configure(directs=site.DIRECT)
    lab.router.run("update-routes")
    assert vpn.seen_by_providers() == 0


@FAMILIES
def test_tcp_fits_the_tunnel(vpn, family):
    """In both directions, whoever connects; WireGuard's MTU is 1420."""
    lab = vpn.lab
    lab.router.ip(f"link set {site.INTERFACE} mtu 1420\n")
    try:
        lab.router.run("update-routes")
        with listen(vpn, family=AF[family], port=8443) as server:
            assert test_mss.connection(server, lab.client, family, site.FAR[family])[1] == (1420, 1420)
        with listen(lab.client if family == 6 else lab.opnsense, family=AF[family], port=8443) as server:
            assert test_mss.connection(server, vpn, family, INSIDE[family][0], site.FAR[family])[1] == (1420, 1420)
    finally:
        lab.router.ip(f"link set {site.INTERFACE} mtu 1500\n")
        lab.router.run("update-routes")


def test_the_daemon_follows_the_interface(vpn):
    lab = vpn.lab
    lab.daemon()
    vpn.disconnect()
    vpn.connect()
    for family in (4, 6):
        wait_until(lambda f=family: any(kind[2] == site.INTERFACE for kind in direct_routes(lab, f)), "the route")
        with UdpFlow(lab.client, site.FAR[family]) as flow:
            assert flow.ask()
    lab.end_daemons()


def test_the_doctor_finds_what_is_missing(vpn):
    lab, doctor = vpn.lab, Doctor(vpn.lab.router, ("direct", "rules", "tables", "flows"))
    with TcpFlow(lab.client, site.FAR[4]) as flow:  # it has no mark, and needs none
        assert flow.echo("x") == "x" and doctor.complaints() == []
    lab.router.ip(f"link set {site.INTERFACE} down\n")
    doctor.follow(doctor.finds("direct", "WRONG", f"direct vpn: {site.INTERFACE} is switched off"))
    lab.router.run("update-routes")
    assert doctor.complaints() == []
    lab.router.sysctl(f"net/ipv6/conf/{site.INTERFACE}/disable_ipv6", 1)
    doctor.follow(doctor.finds("direct", "WRONG", "IPv6 is switched off"))
    vpn.disconnect()
    lab.router.run("update-routes")
    doctor.finds("direct", "WRONG", f"there is no interface {site.INTERFACE}")
    vpn.connect()
    lab.router.run("update-routes")
    assert doctor.complaints() == []
    lab.router.ip(f"addr add 10.89.9.9/24 dev {lab.wan('att').interface}\n")
    lab.router.run("update-routes")
    doctor.finds("direct", "WRONG", "att: 10.89.9.9 is in 10.89.0.0/16 of [direct vpn]")
    lab.router.ip(f"addr del 10.89.9.9/24 dev {lab.wan('att').interface}\n")
    lab.router.run("update-routes")


def test_flows_that_are_older_than_the_section_keep_their_wan(lab):
    """And when the section goes, what was refused is balanced again."""
    target = f"{SPREAD4}9"
    with UdpFlow(lab.client, target) as old:
        before = old.ask()
        lab.configure(directs={"lab": {"interface": "enlan2", "networks": f"{SPREAD4}0/24"}})
        lab.router.run("update-routes")
        assert old.ask() == before
        assert fails_at_once(lab.client, target)
        with UdpFlow(lab.client, target) as refused_now:
            assert refused_now.ask(seconds=0.1) is None
            lab.configure()
            lab.router.run("update-routes")
            assert lab.wan_of(refused_now.ask().source)
        assert old.ask() == before
