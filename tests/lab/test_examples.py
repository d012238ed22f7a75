# SPDX-License-Identifier: GPL-2.0-or-later
"""The sites of conf/examples: each is built of its own files, and carries what it says."""

import contextlib
import os

import pytest

import examples
import readme
import vpn
import wans
from doctor import Doctor
from icmp import ping
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6, default_destdir
from servers import Servers
from test_balance import expect
from traffic import PORT, TcpFlow, UdpFlow, answers, close_all, refused, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}
HOST4, HOST6 = "10.250.250.3", "3d06:bad:b01::20"


@pytest.fixture
def site(make_lab):
    """site(FOLDER, delegated=None): an example, up."""
    return lambda name, **kwargs: make_lab(kind=examples.Example, site=name, **kwargs).up()


def goes(lab, namespace, servers, sources=(None,), count=60):
    """{WAN's name: flows}"""
    flows = udp_flows(namespace, count, servers, list(sources))
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return dict(seen)


def carriers(lab, namespace, servers, port, source=None, count=20):
    """The WANs that flows to that port take."""
    flows = [UdpFlow(namespace, servers[i % len(servers)], source, port) for i in range(count)]
    for flow in flows:
        flow.send()
    seen = set(lab.shares(answers(flows)))
    close_all(flows)
    return seen


def is_left(daemon, name, *families):
    daemon.wait(lambda: not any(daemon.family(name, f"ipv{family}")["eligible"] for family in families), f"{name} is left")


def reaches(lab, target, stranger, inside):
    """Who asks for a public address from outside is answered by that inside address."""
    with UdpFlow(lab.internet, target, stranger) as flow:
        return flow.ask().local == inside


def test_every_example_is_told_of_and_installed():
    told = [line.split()[0] for line in examples.text_of(".", "README").split("\n\n")[1].splitlines()]
    assert sorted(told) == examples.SITES
    for folder, _, files in os.walk(examples.FOLDER):
        for name in files:
            path = os.path.relpath(f"{folder}/{name}", examples.FOLDER)
            assert os.path.exists(f"{default_destdir()}/usr/local/share/doc/mwan/examples/{path}"), path


def test_the_plainest_is_the_readmes(site):
    plain = examples.parse(readme.sites()[0])
    lab = site("plainest")
    assert {name: dict(keys) for name, keys in plain.items()} == {name: dict(keys) for name, keys in lab.file.items()}
    assert set(goes(lab, lab.client, SERVERS4)) == {"cable", "fibre"}
    assert lab.router.run("update-routes", "--check").out == ""


def test_machines_on_the_lan_link(site):
    """fibre has a block of its own for them, and public addresses; cable takes all of it over."""
    lab = site("lan-link", delegated=["fibre"])
    lab.host(HOST4, HOST6)
    daemon = lab.daemon()
    assert lab.block("fibre") == "2001:db8:1:a3::/64"
    assert goes(lab, lab.opnsense, SERVERS4, [HOST4]) == {"fibre": 60}
    with UdpFlow(lab.opnsense, SERVERS6[0], HOST6) as flow:
        assert flow.ask().source == lab.outside("fibre", HOST6)
    assert reaches(lab, "198.51.100.3", STRANGER4, HOST4)
    assert reaches(lab, lab.outside("fibre", HOST6), STRANGER6, HOST6)
    assert ping(lab.internet, "2001:db8:1:a3::1", STRANGER6)
    assert not ping(lab.internet, "2001:db8:1:a0::1", STRANGER6, seconds=0.3)
    with UdpFlow(lab.opnsense, SERVERS4[0], "10.250.250.6") as flow:
        assert flow.ask().source == "198.51.100.4"
    assert refused(lab.internet, "198.51.100.4", STRANGER4, seconds=0.3), "what many share leads to nobody"
    lab.cut("fibre")
    is_left(daemon, "fibre", 4, 6)
    for servers, source in ((SERVERS4, HOST4), (SERVERS6, HOST6)):
        assert goes(lab, lab.opnsense, servers, [source]) == {"cable": 60}


def test_machines_behind_a_firewall_that_routes(site):
    lab = site("routed-lan")
    lab.opnsense.nft("flush chain ip nat postrouting\n")
    lab.client.ip("route add local 10.250.1.128/25 dev lo\n")
    machines = [f"10.250.1.{number}" for number in range(130, 250)]
    flows = udp_flows(lab.client, 240, SERVERS4, machines)
    seen = answers(flows)
    close_all(flows)
    expect(lab.shares(seen[:120]), {"cable": 2, "fibre": 1})
    assert [lab.wan_of(one.source).name for one in seen[:120]] == [lab.wan_of(one.source).name for one in seen[120:]]


def test_the_third_wan_carries_when_two_are_down(site):
    lab = site("three-wans", delegated=["att", "webpass"])
    daemon = lab.daemon()
    for family in (4, 6):
        assert set(goes(lab, lab.client, SERVERS[family])) == {"att", "webpass"}
    for name in ("att", "webpass"):
        assert reaches(lab, lab.wan(name).public4[1], STRANGER4, "10.250.250.3")
        assert reaches(lab, lab.outside(name, CLIENT6), STRANGER6, CLIENT6)
        lab.cut(name)
        is_left(daemon, name, 4, 6)
    for family in (4, 6):
        assert goes(lab, lab.client, SERVERS[family]) == {"monkeybrains": 60}


def test_a_static_block_on_the_link(site):
    lab = site("static")
    assert lab.block("fibre") == "2001:db8:f0:100::/60"
    for number in (2, 3, 4):
        assert reaches(lab, f"198.51.100.{number}", STRANGER4, f"10.250.250.{number}")
        with UdpFlow(lab.opnsense, SERVERS4[0], f"10.250.250.{number}") as flow:
            assert flow.ask().source == f"198.51.100.{number}"
    with UdpFlow(lab.client, SERVERS6[0]) as flow:
        assert flow.ask().source == lab.outside("fibre", CLIENT6)
    assert reaches(lab, "2001:db8:f0:100::1", STRANGER6, wans.ROUTER6)
    assert refused(lab.internet, "2001:db8:f0::1", STRANGER6, seconds=0.3), "another machine's block"


def test_a_dsl_line_and_a_modem(site):
    lab = site("pppoe-lte")
    daemon = lab.daemon()
    for family in (4, 6):
        assert goes(lab, lab.client, SERVERS[family]) == {"dsl": 60}
    assert reaches(lab, lab.wan("dsl").sources4()[0], STRANGER4, wans.INSIDE4[0])
    lab.hang_up("dsl")
    is_left(daemon, "dsl", 4, 6)
    assert goes(lab, lab.client, SERVERS4) == {"lte": 60}
    assert refused(lab.client, SERVERS6[0], seconds=0.3), "the modem has no IPv6"
    lab.hang_up("lte")
    lab.dial("lte", "100.70.9.9/32", "wwan3")
    daemon.wait(lambda: daemon.family("lte", "ipv4")["eligible"])
    assert goes(lab, lab.client, SERVERS4) == {"lte": 60}
    with UdpFlow(lab.client, SERVERS4[0]) as flow:
        assert flow.ask().source == "100.70.9.9"
        lab.dial("dsl", "198.51.100.77/32")
        lab.networkd().renumber("ppp0", lab.wan("dsl").prefix6)
        daemon.wait(lambda: all(daemon.family("dsl", family)["eligible"] for family in ("ipv4", "ipv6")))
        daemon.wait(lambda: flow.ask().source == "198.51.100.77", "a flow of the modem goes back")
    assert reaches(lab, "198.51.100.77", STRANGER4, wans.INSIDE4[0])
    for family in (4, 6):
        assert goes(lab, lab.client, SERVERS[family]) == {"dsl": 60}


def test_some_traffic_has_wans_of_its_own(site):
    lab = site("policies")
    servers = Servers()
    for port in (500, 4500, 5060):
        servers.add(lab.internet, port)
    servers.start()
    try:
        for family in (4, 6):
            assert carriers(lab, lab.client, SERVERS[family], 5060) == {"fibre"}
            assert carriers(lab, lab.client, SERVERS[family], PORT) == {"fibre", "cable"}
        for address in wans.INSIDE4:  # as the firewall shows its peers
            peers = [carriers(lab, lab.opnsense, SERVERS4[:1], port, address, 4) for port in (500, 4500)]
            assert peers[0] == peers[1] and len(peers[0]) == 1
    finally:
        servers.close()
    assert carriers(lab, lab.opnsense, SERVERS4, PORT, "10.250.250.4") == {"cable"}
    for stranger in (STRANGER4, STRANGER6):
        assert carriers(lab, lab.client, [stranger], PORT) == {"cable"}
    lab.cut("cable")
    lab.router.run("update-routes")
    for stranger in (STRANGER4, STRANGER6):
        assert refused(lab.client, stranger, seconds=0.3), "no backup over fibre"
    assert carriers(lab, lab.opnsense, SERVERS4, PORT, "10.250.250.4") == {"fibre"}


def test_the_office_is_behind_a_tunnel_and_never_behind_a_wan(site):
    lab = site("vpn")
    with contextlib.closing(vpn.Vpn(lab)) as office:
        lab.router.update()
        for family in (4, 6):
            assert set(goes(lab, lab.client, SERVERS[family])) == {"cable", "fibre"}
            with UdpFlow(lab.client, vpn.FAR[family]) as flow:
                assert flow.ask().source in [*wans.INSIDE4, CLIENT6]
        office.disconnect()
        lab.router.run("update-routes")
        for family in (4, 6):
            with pytest.raises(OSError):  # at once
                TcpFlow(lab.client, vpn.FAR[family]).close()
        assert office.seen_by_providers() == 0


@pytest.mark.parametrize("name", ["plainest", "static", "pppoe-lte"])
def test_the_links_files_are_what_the_doctor_wants(site, name):
    lab = site(name)
    bus, settings = lab.networkd(), lab.settings()
    lab.router.path("/etc/systemd/network").unlink(missing_ok=True)  # a link to the test machine's own
    lab.router.path("/etc/systemd/network").mkdir()
    for one in lab.wans:
        called = one.altname or one.interface
        path = f"/etc/systemd/network/{called}.network"
        lab.router.write(path, settings[called])
        bus.describe(one.interface, NetworkFile=path)
    found = [finding for finding in Doctor(lab.router, ("networkd",)).findings() if "/etc/systemd/network" in repr(finding)]
    assert [finding for finding in found if finding.kind != "ok"] == []
    lab.router.write(path, settings[called].replace("KeepConfiguration=static", ""))
    Doctor(lab.router).finds("networkd", "WRONG", f"{lab.wans[-1].interface}: KeepConfiguration is not set")
