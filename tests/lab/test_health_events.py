# SPDX-License-Identifier: GPL-2.0-or-later
"""What health-check repairs and follows at once, from what the kernel tells it, without anybody calling anything."""

import contextlib
import random
import socket
import time

import pytest

import damage
import rtnl
import wans
from lab import ROUTER_LL, SERVERS4, SERVERS6
from machine import OWNER
from traffic import UdpFlow, answers, close_all, udp_flows, wait_until

SLOW = {"interval": "1s", "timeout": "500ms", "failure_threshold": 10, "recovery_threshold": 3}


@pytest.fixture(scope="module")
def site(share_lab):
    """A lab and its health-check, for tests that leave everything as it was. Verdicts play no part."""
    lab = share_lab(health=SLOW)
    daemon = lab.daemon()
    daemon.wait_states()
    daemon.wanted = lab.router.snapshot()
    return lab, daemon


def eligible(daemon, name):
    return [daemon.family(name, family)["eligible"] for family in ("ipv4", "ipv6")]


# What is ours is put back

def test_each_own_object_deleted_is_put_back(site):
    lab, daemon = site
    count = len(damage.deletions(lab.router))
    chance = random.Random(1)
    order = list(range(count))
    chance.shuffle(order)
    for start in range(0, count, 15):
        found = damage.deletions(lab.router)  # anew: handles change
        what = []
        for number in order[start:start + 15]:
            text, delete = found[number]
            try:
                delete()
                what.append(text)
            except RuntimeError:
                pass  # gone with something deleted before
        daemon.wait_snapshot(daemon.wanted, "\n".join(what))
    assert count > 80


def test_everything_that_intrudes_with_our_mark_is_removed(site):
    lab, daemon = site
    for start in range(6):
        what = []
        for text, intrude in damage.INTRUSIONS[start::6]:
            intrude(lab.router)
            what.append(text)
        daemon.wait_snapshot(daemon.wanted, "\n".join(what))


@pytest.mark.parametrize("what", [
    f"ip -4 rule flush protocol {OWNER}", f"ip -6 rule flush protocol {OWNER}",
    "ip -4 route flush table 100", "ip -6 route flush table 100",
    f"ip -4 route flush table all proto {OWNER}", f"ip -6 route flush table all proto {OWNER}",
    "nft flush chain ip6 nat postrouting", "nft flush table inet mangle", "nft flush table ip nat",
    "nft delete table inet mangle", "nft delete table ip6 nat"])
def test_what_somebody_flushes_is_back_within_a_second(site, what):
    lab, daemon = site
    lab.router.run(*what.split())
    daemon.wait_snapshot(daemon.wanted, what)
    lab.carries()


def test_own_addresses_that_somebody_deletes_are_back(site):
    lab, daemon = site
    for interface, address, _ in lab.router.own_addresses():
        rtnl.change_address(lab.router, rtnl.RTM_DELADDR, interface, address)
    daemon.wait_snapshot(daemon.wanted)


def test_its_files_that_somebody_removes_are_back(site):
    lab, daemon = site

    def files():
        return lab.router.run("sh", "-c", "cd /run/mwan && ls health.json nft", check=False).out

    before = files()
    lab.router.run("sh", "-c", "rm -rf /run/mwan/*.json /run/mwan/nft")
    lab.router.nft("flush chain ip6 nat postrouting")
    wait_until(lambda: files() == before)
    daemon.wait_snapshot(daemon.wanted)
    lab.router.load_base()
    assert lab.router.snapshot() == daemon.wanted


def test_a_base_that_is_reloaded_is_filled_again_even_when_its_kept_rules_are_gone(site):
    lab, daemon = site
    lab.router.run("rm", "-rf", "/run/mwan/nft")
    lab.router.load_base()
    daemon.wait_snapshot(daemon.wanted)
    lab.carries()


def test_a_base_that_is_flushed_with_all_that_was_kept_is_loaded_again_and_told_once(site):
    lab, daemon = site
    begin = time.monotonic()
    lab.router.run("rm", "-rf", "/run/mwan/nft")
    lab.router.command(["nft", "flush", "ruleset"])
    daemon.wait_snapshot(daemon.wanted)
    lab.router.wait_quiet()
    daemon.said_once("the base ruleset was lost", begin)
    lab.carries()


def test_repairs_are_of_what_is_damaged_and_no_more(site):
    """One rule deleted is one rule added: no storm of repairs that answer each other."""
    lab, daemon = site
    lab.router.wait_quiet()
    with lab.router.monitor() as monitor:
        lab.router.ip("rule del pref 101\n", 4)
        daemon.wait_snapshot(daemon.wanted)
        time.sleep(1)
        assert monitor.events() == {"route 33": 1, "route 32": 1}


# Links

@pytest.mark.parametrize("name", ["att", "webpass"])
def test_a_link_that_is_cut_is_left_at_once_and_used_again_at_once(site, name):
    lab, daemon = site
    lab.cut(name)
    daemon.wait(lambda: eligible(daemon, name) == [False, False], "not eligible")
    assert not daemon.wan(name)["carrier"]
    for servers in (SERVERS4, SERVERS6):
        flows = udp_flows(lab.client, 40, servers)
        seen = lab.shares(answers(flows))
        close_all(flows)
        assert name not in seen and seen["lost"] == 0
    assert daemon.states()[f"{name} ipv4"] == "up"  # the probes have said nothing yet
    lab.mend(name)
    daemon.wait(lambda: eligible(daemon, name) == [True, True], "eligible")
    daemon.wait_snapshot(daemon.wanted)
    lab.carries()


def test_a_link_that_is_deleted_and_made_again_is_brought_up(site):
    lab, daemon = site
    lab.unplug("webpass")
    daemon.wait(lambda: eligible(daemon, "webpass") == [False, False], "not eligible")
    lab.plug("webpass")
    daemon.wait_snapshot(daemon.wanted)
    lab.carries()


def test_a_link_that_is_renamed_away_and_back(site):
    lab, daemon = site
    lab.rename("att", "other0")
    daemon.wait(lambda: eligible(daemon, "att") == [False, False], "not eligible")
    lab.rename("att", "enatt0.3242")
    daemon.wait_snapshot(daemon.wanted)
    lab.carries()


def test_a_link_that_appears_late_is_brought_up(make_lab):
    lab = make_lab(health=SLOW)
    lab.unplug("webpass")
    daemon = lab.daemon()
    assert eligible(daemon, "webpass") == [False, False]
    lab.plug("webpass")
    daemon.wait(lambda: eligible(daemon, "webpass") == [True, True], "eligible")
    lab.carries()


@pytest.mark.parametrize("lack", ["carrier", "gateways"])
def test_a_wan_that_could_not_be_probed_for_long_needs_not_recover(make_lab, lack):
    """As AT&T before 802.1X at boot: that nobody could be asked says nothing of the WAN."""
    lab = make_lab(health={**wans.QUICK, "recovery_threshold": 1000})
    lab.cut("att")
    lab.lose_lease("att")
    if lack == "gateways":
        lab.isp("att").ip("link set mwan up\n")
    daemon = lab.daemon()
    daemon.wait_states(att4="unknown", att6="unknown")
    daemon.wait_cycles(5)
    assert daemon.are(att4="unknown", att6="unknown")
    lab.mend("att")
    daemon.wait_states()
    assert eligible(daemon, "att") == [True, True]
    lab.carries()
    lab.isp("att").uplink(False)  # this is
    daemon.wait_states(att4="down", att6="down")
    lab.cut("att")
    time.sleep(1)
    lab.mend("att")
    lab.isp("att").uplink(True)
    daemon.wait(lambda: daemon.family("att", "ipv4")["successes"] > 3, "it answers")
    assert daemon.states()["att ipv4"] == "down"


def test_a_carrier_that_returns_with_a_lost_probe_is_not_down(make_lab):
    lab = make_lab(health={**wans.QUICK, "failure_threshold": 30, "recovery_threshold": 1000})
    daemon = lab.daemon()
    daemon.wait_states()
    lab.cut("att")
    daemon.wait(lambda: eligible(daemon, "att") == [False, False], "not eligible")
    cycles = daemon.family("webpass", "ipv4")["successes"]
    daemon.wait(lambda: daemon.family("webpass", "ipv4")["successes"] > cycles + 40, "a long outage")
    lab.isp("att").uplink(False)
    lab.mend("att")
    daemon.wait(lambda: min(daemon.family("att", family)["failures"] for family in ("ipv4", "ipv6")) > 0, "a lost probe")
    lab.isp("att").uplink(True)
    daemon.wait(lambda: min(daemon.family("att", family)["successes"] for family in ("ipv4", "ipv6")) > 0, "an answer")
    assert daemon.are() and eligible(daemon, "att") == [True, True]


def test_loss_of_before_a_link_was_cut_does_not_count(make_lab):
    lab = make_lab(health={**wans.QUICK, "failure_threshold": 1000, "max_loss": 50})
    daemon = lab.daemon()
    daemon.wait_states()
    lab.isp("att").uplink(False)
    daemon.wait(lambda: daemon.family("att", "ipv4")["loss"] == 1, "all is lost")
    lab.cut("att")
    daemon.wait(lambda: eligible(daemon, "att") == [False, False], "not eligible")
    lab.isp("att").uplink(True)
    lab.mend("att")
    daemon.wait(lambda: daemon.family("att", "ipv4")["successes"] > 0, "an answer is enough")
    assert daemon.family("att", "ipv4")["loss"] < 0.3


# Storms

@pytest.mark.plain("a storm outruns a sanitized daemon")
@pytest.mark.parametrize("what", ["ipv4", "ipv6", "carrier"])
def test_a_lost_wan_does_not_wait_behind_a_storm(site, what):
    """
    In a storm of foreign events, runs are spaced out, and a loss that waited for the next one waited for 600 events.
    The time is told by the storm: a busy machine slows both. What it really takes, bench/health measures.
    """
    lab, daemon = site
    att, family, waited = lab.wan("att"), 6 if what == "ipv6" else 4, []
    via, proto = (att.gateway4, "dhcp") if family == 4 else (att.gateway6, "ra")
    route = f"default via {via} dev {att.interface} proto {proto} metric {att.metric}\n"
    with rtnl.Storm(lab.router, "eth0") as storm:
        storm.wait(800)
        for _ in range(1 if what == "carrier" else 5):  # the kernel holds the next carrier event back
            begin = storm.events
            if what == "carrier":
                lab.cut("att")
            else:
                lab.router.ip(f"route del {route}", family)
            daemon.wait(lambda: not daemon.family("att", f"ipv{family}")["eligible"], "not eligible")
            waited.append(storm.events - begin)
            if what == "carrier":
                lab.mend("att")
            else:
                lab.router.ip(f"route add {route}", family)
            daemon.wait(lambda: daemon.family("att", f"ipv{family}")["eligible"], "eligible")
            storm.wait(100)
    assert sorted(waited)[len(waited) // 2] < 300, waited
    daemon.wait_snapshot(daemon.wanted)


# Gateways

@pytest.mark.parametrize("family", [4, 6])
def test_a_gateway_that_comes_late_makes_its_wan_eligible(site, family):
    lab, daemon = site
    att, key = lab.wan("att"), f"ipv{family}"
    gateway, proto = (att.gateway4, "dhcp") if family == 4 else (att.gateway6, "ra")
    route = f"default via {gateway} dev {att.interface} proto {proto} metric {att.metric}\n"
    lab.router.ip(f"route del {route}", family)
    daemon.wait(lambda: not daemon.family("att", key)["eligible"], "not eligible")
    lab.router.ip(f"route add {route}", family)
    daemon.wait(lambda: daemon.family("att", key)["eligible"], "eligible")
    assert daemon.family("att", key)["gateway"] == gateway
    daemon.wait_snapshot(daemon.wanted)
    lab.carries()


@pytest.mark.parametrize("family", [4, 6])
def test_a_gateway_that_changes_is_followed(site, family):
    lab, daemon = site
    att, key = lab.wan("att"), f"ipv{family}"
    old, new = ("104.57.226.198", "104.57.226.197") if family == 4 else ("fe80::1", "fe80::2")
    for gateway in (new, old):
        lab.router.ip(f"route replace default via {gateway} dev {att.interface} metric {att.metric} "
                      f"proto {'dhcp' if family == 4 else 'ra'}\n", family)
        daemon.wait(lambda g=gateway: daemon.family("att", key)["gateway"] == g, gateway)
        default = [route["gateway"] for route in lab.router.routes(family, att.table)
                   if route["dst"] == "default" and "gateway" in route]
        assert default == [gateway]
    daemon.wait_snapshot(daemon.wanted)


class Listener:
    """Hears what the router asks a provider's link for: ARP requests and neighbour solicitations."""

    def __init__(self, isp):
        self.sock = isp.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3), 1 << 22)
        self.sock.bind(("mwan", 0))

    def sought(self):
        """The addresses that were asked for since the last call."""
        found = set()
        while True:
            try:
                packet = self.sock.recv(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            if packet[12:14] == b"\x08\x06" and packet[21] == 1:
                found.add(socket.inet_ntop(socket.AF_INET, packet[38:42]))
            elif packet[12:14] == b"\x86\xdd" and packet[20] == 58 and packet[54] == 135:
                found.add(socket.inet_ntop(socket.AF_INET6, packet[62:78]))

    def close(self):
        self.sock.close()


@pytest.mark.parametrize("kind", ["ping", "http"])
@pytest.mark.parametrize("family", [4, 6])
def test_without_a_gateway_nobody_is_asked_for_internet_hosts(make_lab, family, kind):
    """Told the interface, the kernel takes a host without a route for a neighbour, whatever its table says."""
    targets = {f"http{family}": "http://1.1.1.1/" if family == 4 else "http://[2606:4700:4700::1111]/",
               f"ping{family}": ""} if kind == "http" else {}
    lab = make_lab(health={**wans.QUICK, **targets})
    daemon = lab.daemon()
    att, key = lab.wan("att"), f"ipv{family}"
    gateway, proto = (att.gateway4, "dhcp") if family == 4 else (att.gateway6, "ra")
    route = f"default via {gateway} dev {att.interface} proto {proto} metric {att.metric}\n"
    with contextlib.closing(Listener(lab.isp("att"))) as listener:
        for _ in range(2):
            lab.router.ip(f"route del {route}", family)
            daemon.wait(lambda: not daemon.family("att", key)["eligible"], "not eligible")
            daemon.wait_cycles(5)
            lab.router.ip(f"route add {route}", family)
            daemon.wait(lambda: daemon.family("att", key)["eligible"], "eligible")
        strangers = {one for one in listener.sought() if not one.startswith(("104.57.226.", "fe80::"))}
        assert strangers == set()


# The LAN

def test_another_opnsense_with_another_link_local_is_followed(make_lab):
    """It shows in what it asks for when it has something to send."""
    lab = make_lab(health=SLOW)
    daemon = lab.daemon()

    def gateways():
        for server in (SERVERS4[0], SERVERS6[0]):
            with UdpFlow(lab.client, server) as flow:
                flow.ask(seconds=0.1)
        return {route["gateway"] for route in lab.router.own_routes(6)
                if route["dst"] == wans.PREFIX6 and "gateway" in route}

    for mac, linklocal in (("02:00:00:00:0b:99", "fe80::ff:fe00:b99"), ("02:00:00:00:0b:01", "fe80::ff:fe00:b01")):
        lab.replace_opnsense(mac, linklocal)
        daemon.wait(lambda ll=linklocal: gateways() == {ll}, f"routes via {linklocal}")
        with UdpFlow(lab.client, SERVERS6[0]) as flow:
            assert flow.ask()


def test_an_opnsense_that_appears_late_is_found(make_lab):
    lab = make_lab(health=SLOW)
    lab.opnsense.ip("link set wan0 down\n")
    daemon = lab.daemon()
    mac = "02:00:00:00:0b:01"
    lab.replace_opnsense(mac, "fe80::ff:fe00:b01")
    lab.opnsense.ip(f"route replace default via {ROUTER_LL} dev wan0\n", 6)
    daemon.wait(lambda: any(route["dst"] == wans.PREFIX6 and "gateway" in route for route in lab.router.own_routes(6)), "routes to the LAN")
    lab.carries()
