# SPDX-License-Identifier: GPL-2.0-or-later
"""URLs with names: each WAN looks them up for itself, and no name server takes down more than that."""

import pytest

import faults
import wans
from names import A, AAAA, SERVER4, SERVER6, Names
from web import ADDRESS4, ADDRESS6, OTHER4, OTHER6, Web

HEALTH = {"ping4": "", "ping6": "", "interval": "300ms", "timeout": "250ms", "failure_threshold": 3,
          "recovery_threshold": 3, "http4": "http://probe.test/200", "http6": "http://probe.test/200"}


@pytest.fixture
def named(make_lab):
    """make(descriptions, servers): a lab with a web server behind a name, and a name server; its daemon runs."""
    opened = []

    def make(descriptions, servers=(SERVER4, SERVER6), ready=lambda lab, names: None, **health):
        lab = make_lab(descriptions, health={**HEALTH, **health})
        opened.append(Web(lab.internet))
        opened.append(Names(lab.internet))
        opened[-1].records["probe.test"] = [ADDRESS4, ADDRESS6]
        resolv(lab, *servers)
        ready(lab, opened[-1])
        return lab, opened[-2], opened[-1], lab.daemon()

    yield make
    for one in opened:
        one.close()


def resolv(lab, *servers):
    lab.router.write("/etc/resolv.conf", "".join(f"nameserver {one}\n" for one in servers))


def tiers():
    return wans.many([1, 1, 1], [1, 2, 3])


def test_a_dead_wan_takes_no_names_of_the_others_along(named):
    """The router's own default stays on the best tier: what is looked up over it says nothing of other WANs."""
    lab, _, names, daemon = named(tiers(), ready=lambda lab, _: lab.isp("isp1").fault(faults.EVERYTHING))
    daemon.wait_states(isp14="down", isp16="down")
    for one in lab.wans:
        asked = {kind: any(one.owns(client) for _, _, what, client, _ in names.asked if what == kind)
                 for kind in (A, AAAA)}
        assert asked == dict.fromkeys((A, AAAA), one.name != "isp1"), (one.name, names.asked)
    trouble = daemon.family("isp1", "ipv4")["trouble"]
    assert f"no answer from name server {SERVER4}, {SERVER6} over enwan1" in trouble and "ISP" not in trouble, trouble
    lab.isp("isp1").fault()
    daemon.wait_states()


def test_systemd_resolved_is_not_asked_for_all_wans_alike(named):
    """It would ask over the router's own default, which stays on the dead WAN."""
    def ready(lab, names):
        names.ttl = 1
        lab.router.write("/run/systemd/resolve/resolv.conf", f"nameserver {SERVER4}\n")
        lab.isp("isp1").fault(faults.EVERYTHING)

    lab, _, names, daemon = named(tiers(), servers=["127.0.0.53"], ready=ready)
    daemon.wait_states(isp14="down", isp16="down")
    assert all(lab.wan_of(client).name != "isp1" for client in names.clients("probe.test"))
    lab.isp("isp1").fault()
    daemon.wait_states()
    lab.router.write("/run/systemd/resolve/resolv.conf", f"nameserver {SERVER6}\n")
    daemon.wait(lambda: {lab.wan_of(client).name for server, _, _, client, _ in names.asked if server == SERVER6}
                == {"isp1", "isp2", "isp3"}, "the new name server")


def test_a_dead_name_server_takes_no_wan_down_that_knew_the_address(named):
    """It has expired, and is better than none; also for a daemon that starts meanwhile."""
    lab, servers, names, daemon = named(wans.original(), ready=lambda _, names: setattr(names, "ttl", 1))
    daemon.wait_states()
    names.mute = True
    count = len(names.asked)
    daemon.wait(lambda: len(names.asked) > count + 8, "it is asked again and again")
    assert daemon.are() and not daemon.said("is down"), daemon.log()
    lab.end_daemons()
    count = len(servers.requests())
    daemon = lab.daemon()
    daemon.wait_cycles(5)
    assert daemon.are() and len(servers.requests()) > count
    lab.configure(health={**HEALTH, "failure_threshold": 2})
    daemon.reload()
    daemon.wait(lambda: daemon.said("read again"), "reloaded")
    daemon.wait_cycles(5)
    assert daemon.are() and not daemon.said("is down"), daemon.log()


def test_what_the_name_leads_to_changes(named):
    """A new address is taken up when the old one has expired, or no longer does; of two, one may be dead."""
    lab, servers, names, daemon = named(wans.original(), ready=lambda _, names: setattr(names, "ttl", 1))
    daemon.wait_states()
    names.records["probe.test"] = [OTHER4, OTHER6]
    daemon.wait(lambda: {target["address"] for wan in daemon.health()["wans"] for family in ("ipv4", "ipv6")
                         for target in wan[family]["targets"]} == {OTHER4, OTHER6}, "the new address")
    names.ttl = 3600
    names.records["probe.test"] = ["203.0.113.99", "203.0.113.98", ADDRESS4, "2001:db8:cafe::99", ADDRESS6]
    for isp in lab.isps:
        isp.fault("ip daddr { 203.0.113.98, 203.0.113.99 } reject", "ip6 daddr 2001:db8:cafe::99 reject")
    names.records["other.test"] = names.records["probe.test"]
    lab.configure(health={**HEALTH, "http4": "http://other.test/200", "http6": "http://other.test/200"})
    daemon.reload()
    daemon.wait(lambda: {target["address"] for wan in daemon.health()["wans"] for family in ("ipv4", "ipv6")
                         for target in wan[family]["targets"] if "address" in target} == {ADDRESS4, ADDRESS6},
                "the one that answers")
    assert daemon.are() and not daemon.said("is down"), daemon.log()


def test_each_failure_of_a_look_up_is_told(named):
    lab, _, names, daemon = named(wans.original(), servers=[SERVER6], ready=lambda _, names: setattr(names, "mute", True))
    daemon.wait_states("down")

    def told(text):
        daemon.wait(lambda: text in daemon.family("att", "ipv4")["trouble"], text)

    told(f"no answer from name server {SERVER6} over enatt0.3242")
    doctor = lab.router.run("health-check", "--doctor", "--verbose", check=False).out
    assert "no answer from name server" in doctor and "/etc/resolv.conf" in doctor and "tcpdump" not in doctor, doctor
    once = lab.router.run("health-check", "--once", check=False, env={"COLUMNS": "1000"})
    assert once.code == 1 and f"no answer from name server {SERVER6} over enwebpass0" in once.out, once
    names.mute, names.rcode = False, 2
    told(f"name server {SERVER6} answers over enatt0.3242: server failure")
    names.rcode = 3
    told(f"there is no such name, says name server {SERVER6} over enatt0.3242")
    names.rcode, names.records["probe.test"] = 0, [ADDRESS6]
    told(f"its name has no IPv4 address, says name server {SERVER6} over enatt0.3242")
    daemon.wait_states("up", att4="down", webpass4="down")
    resolv(lab, SERVER4)
    names.records["probe.test"], names.truncate = [ADDRESS4, ADDRESS6], True
    daemon.wait_states()
    assert {(server, how) for server, _, _, _, how in names.asked if how == "tcp"} == {(SERVER4, "tcp")}
    assert all(lab.wan_of(client) for _, _, _, client, _ in names.asked)


def test_hosts_need_no_name_server(named):
    lab, _, names, daemon = named(wans.original(), servers=[], ready=lambda lab, _: lab.router.write(
        "/etc/hosts", f"{ADDRESS4} probe.test\n{ADDRESS6} probe.test\n"))
    daemon.wait_states()
    assert not names.asked


def test_a_name_server_in_the_lan_is_asked_there(named):
    """It can't be asked over a WAN. When it is silent, that is no WAN's failure; what is known still serves."""
    near = "192.168.50.10"
    # That management has a default of its own says nothing of where other name servers are.
    lab, _, _, daemon = named(wans.original(), servers=[near], ready=lambda lab, _: lab.router.ip(
        f"route add default via {near} metric 9\n"))
    daemon.wait(lambda: f"no answer from name server {near}" in daemon.family("att", "ipv4").get("trouble", ""), "told")
    assert daemon.are("unknown"), daemon.states()
    with Names(lab.admin, near) as names:
        names.ttl, names.records["probe.test"] = 1, [ADDRESS4, ADDRESS6]
        daemon.wait_states()
        assert names.clients("probe.test") == {"192.168.50.1"}
        lab.isp("att").fault(faults.EVERYTHING)
        daemon.wait_states(att4="down", att6="down")
        lab.isp("att").fault()
        daemon.wait_states()
    daemon.wait_cycles(6)
    assert daemon.are(), daemon.states()
