"""What health-check repairs and follows at once, from what the kernel tells it, without anybody calling anything."""

import random
import time

import pytest

import damage
import rtnl
import wans
from lab import ROUTER_LL, SERVERS4, SERVERS6
from machine import OWNER
from traffic import UdpFlow, answers, close_all, udp_flows, wait_until

SOON = 3  # it is within a second; a busy machine may take longer
SLOW = {"interval": "1s", "timeout": "500ms", "failure_threshold": 10, "recovery_threshold": 3}


@pytest.fixture(scope="module")
def site(share_lab):
    """A lab and its health-check, for tests that leave everything as it was. Verdicts play no part."""
    lab = share_lab(health=SLOW)
    daemon = lab.daemon()
    daemon.wait_states()
    daemon.wanted = lab.router.snapshot()
    return lab, daemon


def carries(lab):
    """Both families work, on both WANs."""
    for servers in (SERVERS4, SERVERS6):
        flows = udp_flows(lab.client, 60, servers)
        seen = lab.shares(answers(flows))
        close_all(flows)
        assert set(seen) == {"att", "webpass"}


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
        daemon.wait_snapshot(daemon.wanted, SOON, "\n".join(what))
    assert count > 80


def test_everything_that_intrudes_with_our_mark_is_removed(site):
    lab, daemon = site
    for start in range(6):
        what = []
        for text, intrude in damage.INTRUSIONS[start::6]:
            intrude(lab.router)
            what.append(text)
        daemon.wait_snapshot(daemon.wanted, SOON, "\n".join(what))


@pytest.mark.parametrize("what", [
    f"ip -4 rule flush protocol {OWNER}", f"ip -6 rule flush protocol {OWNER}",
    "ip -4 route flush table 100", "ip -6 route flush table 100",
    f"ip -4 route flush table all proto {OWNER}", f"ip -6 route flush table all proto {OWNER}",
    "nft flush chain ip6 nat postrouting", "nft flush table inet mangle", "nft flush table ip nat",
    "nft delete table inet mangle", "nft delete table ip6 nat"])
def test_what_somebody_flushes_is_back_within_a_second(site, what):
    lab, daemon = site
    lab.router.run(*what.split())
    daemon.wait_snapshot(daemon.wanted, SOON, what)
    carries(lab)


def test_own_addresses_that_somebody_deletes_are_back(site):
    lab, daemon = site
    for interface, address, _ in lab.router.own_addresses():
        rtnl.change_address(lab.router, rtnl.RTM_DELADDR, interface, address)
    daemon.wait_snapshot(daemon.wanted, SOON)


def test_its_files_that_somebody_removes_are_back(site):
    lab, daemon = site

    def files():
        return lab.router.run("sh", "-c", "cd /run/mwan && ls health.json nft", check=False).out

    before = files()
    lab.router.run("sh", "-c", "rm -rf /run/mwan/*.json /run/mwan/nft")
    lab.router.nft("flush chain ip6 nat postrouting")
    wait_until(lambda: files() == before, SOON)
    daemon.wait_snapshot(daemon.wanted, SOON)
    lab.router.load_base()
    assert lab.router.snapshot() == daemon.wanted


def test_a_base_that_is_reloaded_is_filled_again_even_when_its_kept_rules_are_gone(site):
    lab, daemon = site
    lab.router.run("rm", "-rf", "/run/mwan/nft")
    lab.router.load_base()
    daemon.wait_snapshot(daemon.wanted, SOON)
    carries(lab)


def test_without_the_base_it_says_so_once_and_goes_on_when_it_is_back(site):
    lab, daemon = site
    begin = time.monotonic()
    lab.router.command(["nft", "flush", "ruleset"])
    lab.router.run("rm", "-rf", "/run/mwan/nft")
    daemon.wait(lambda: daemon.said("base", begin), SOON, "says that the base is missing")
    time.sleep(3)
    assert len(daemon.said("base", begin)) == 1, daemon.log()
    lab.router.load_base()
    daemon.wait_snapshot(daemon.wanted, SOON + 2)
    carries(lab)


def test_repairs_are_of_what_is_damaged_and_no_more(site):
    """One rule deleted is one rule added: no storm of repairs that answer each other."""
    lab, daemon = site
    with lab.router.monitor() as monitor:
        lab.router.ip("rule del pref 101\n", 4)
        daemon.wait_snapshot(daemon.wanted, SOON)
        time.sleep(1)
        assert monitor.events() == {"route 33": 1, "route 32": 1}


# Links

@pytest.mark.parametrize("name", ["att", "webpass"])
def test_a_link_that_is_cut_is_left_at_once_and_used_again_at_once(site, name):
    lab, daemon = site
    lab.cut(name)
    daemon.wait(lambda: eligible(daemon, name) == [False, False], SOON, "not eligible")
    assert not daemon.wan(name)["carrier"]
    for servers in (SERVERS4, SERVERS6):
        flows = udp_flows(lab.client, 40, servers)
        seen = lab.shares(answers(flows))
        close_all(flows)
        assert name not in seen and seen["lost"] == 0
    assert daemon.states()[f"{name} ipv4"] == "up"  # the probes have said nothing yet
    lab.mend(name)
    daemon.wait(lambda: eligible(daemon, name) == [True, True], SOON, "eligible")
    daemon.wait_snapshot(daemon.wanted, SOON)
    carries(lab)


def test_a_link_that_is_deleted_and_made_again_is_brought_up(site):
    lab, daemon = site
    lab.unplug("webpass")
    daemon.wait(lambda: eligible(daemon, "webpass") == [False, False], SOON, "not eligible")
    lab.plug("webpass")
    daemon.wait_snapshot(daemon.wanted, SOON)
    carries(lab)


def test_a_link_that_is_renamed_away_and_back(site):
    lab, daemon = site
    lab.rename("att", "other0")
    daemon.wait(lambda: eligible(daemon, "att") == [False, False], SOON, "not eligible")
    lab.rename("att", "enatt0.3242")
    daemon.wait_snapshot(daemon.wanted, SOON)
    carries(lab)


def test_a_link_that_appears_late_is_brought_up(make_lab):
    lab = make_lab(health=SLOW)
    lab.unplug("webpass")
    daemon = lab.daemon()
    assert eligible(daemon, "webpass") == [False, False]
    lab.plug("webpass")
    daemon.wait(lambda: eligible(daemon, "webpass") == [True, True], SOON, "eligible")
    carries(lab)


@pytest.mark.parametrize("lack", ["carrier", "gateways"])
def test_a_wan_that_could_not_be_probed_for_long_needs_not_recover(make_lab, lack):
    """As AT&T before 802.1X at boot: that nobody could be asked is nothing to recover from."""
    lab = make_lab(health={**wans.QUICK, "recovery_threshold": 1000})
    lab.cut("att")
    lab.lose_lease("att")
    if lack == "gateways":
        lab.isp("att").ip("link set mwan up\n")
    daemon = lab.daemon()
    daemon.wait_states(5, att4="down", att6="down")
    lab.mend("att")
    daemon.wait_states(5)
    assert eligible(daemon, "att") == [True, True]
    carries(lab)
    lab.isp("att").uplink(False)  # this is
    daemon.wait_states(5, att4="down", att6="down")
    lab.cut("att")
    time.sleep(1)
    lab.mend("att")
    lab.isp("att").uplink(True)
    daemon.wait(lambda: daemon.family("att", "ipv4")["successes"] > 3, 5, "it answers")
    assert daemon.states()["att ipv4"] == "down"


# Gateways

@pytest.mark.parametrize("family", [4, 6])
def test_a_gateway_that_comes_late_makes_its_wan_eligible(site, family):
    lab, daemon = site
    att, key = lab.wan("att"), f"ipv{family}"
    gateway, proto = (att.gateway4, "dhcp") if family == 4 else (att.gateway6, "ra")
    route = f"default via {gateway} dev {att.interface} proto {proto} metric {att.metric}\n"
    lab.router.ip(f"route del {route}", family)
    daemon.wait(lambda: not daemon.family("att", key)["eligible"], SOON, "not eligible")
    lab.router.ip(f"route add {route}", family)
    daemon.wait(lambda: daemon.family("att", key)["eligible"], SOON, "eligible")
    assert daemon.family("att", key)["gateway"] == gateway
    daemon.wait_snapshot(daemon.wanted, SOON)
    carries(lab)


@pytest.mark.parametrize("family", [4, 6])
def test_a_gateway_that_changes_is_followed(site, family):
    lab, daemon = site
    att, key = lab.wan("att"), f"ipv{family}"
    old, new = ("104.57.226.198", "104.57.226.197") if family == 4 else ("fe80::1", "fe80::2")
    for gateway in (new, old):
        lab.router.ip(f"route replace default via {gateway} dev {att.interface} metric {att.metric} "
                      f"proto {'dhcp' if family == 4 else 'ra'}\n", family)
        daemon.wait(lambda g=gateway: daemon.family("att", key)["gateway"] == g, SOON, gateway)
        default = [route["gateway"] for route in lab.router.routes(family, att.table)
                   if route["dst"] == "default" and "gateway" in route]
        assert default == [gateway]
    daemon.wait_snapshot(daemon.wanted, SOON)


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
        daemon.wait(lambda ll=linklocal: gateways() == {ll}, 20, f"routes via {linklocal}")
        with UdpFlow(lab.client, SERVERS6[0]) as flow:
            assert flow.ask()


def test_an_opnsense_that_appears_late_is_found(make_lab):
    lab = make_lab(health=SLOW)
    lab.opnsense.ip("link set wan0 down\n")
    daemon = lab.daemon()
    mac = "02:00:00:00:0b:01"
    lab.replace_opnsense(mac, "fe80::ff:fe00:b01")
    lab.opnsense.ip(f"route replace default via {ROUTER_LL} dev wan0\n", 6)
    daemon.wait(lambda: any(route["dst"] == wans.PREFIX6 and "gateway" in route for route in lab.router.own_routes(6)),
                15, "routes to the LAN")
    carries(lab)
