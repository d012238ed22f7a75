# SPDX-License-Identifier: GPL-2.0-or-later
"""
What ISPs give changes: prefixes are renumbered, expire, are withdrawn and come back, routers stop advertising,
leases change. All of it happens to one appliance, one after another, while flows that it does not concern go on.
I1 holds all the while: the provider takes a prefix for its own until the router has had its answer and acted on it.
"""

import ipaddress
import json
import re
import time
from contextlib import contextmanager
from datetime import datetime, timezone

import pytest

import rtnl
import wans
from arrivals import text
from icmp import ping
from lab import CLIENT2_6, CLIENT6, SERVERS4, SERVERS6, STRANGER6
from machine import OWNER
from traffic import PATIENCE, Load, UdpFlow, answers, close_all, udp_flows, wait_until

HEALTH = {"interval": "1s", "timeout": "500ms", "failure_threshold": 20, "recovery_threshold": 2}
# Renewed every other second, and kept for longer than this machine can be busy.
SHORT = {"valid-lifetime": 60, "renew-timer": 2, "rebind-timer": 6}
SHORT6 = {**SHORT, "preferred-lifetime": 50}
SILENCE = 6  # a valid lifetime that ends while one waits
_blocks = iter(range(1, 256))


def fresh(length=60):
    """A prefix that no ISP has delegated before."""
    return f"2600:1700:{next(_blocks):x}000:100::/{length}"


def power_on(lab):
    for isp in lab.isps:
        isp.lifetimes4, isp.lifetimes6 = SHORT, SHORT6
        isp.dhcp4.restart()
        isp.dhcp6.restart()
    lab.up()
    return lab


@pytest.fixture(scope="module")
def shared(share_appliance):
    return power_on(share_appliance(health=HEALTH))


@pytest.fixture
def site(shared):
    """The original's two WANs with short leases, everything carried."""
    wait_until(lambda: carried(shared) == {"att", "webpass"}, "everything is carried")
    return shared


@pytest.fixture
def hooks(site):
    """hooks(False): the dispatcher's hooks have no part in this test from now on."""
    yield lambda wanted: site.router.run("systemctl", "start" if wanted else "stop", "networkd-dispatcher")
    site.router.run("systemctl", "start", "networkd-dispatcher")


# Questions

def health(lab, name, family):
    found = json.loads(lab.router.read("/run/mwan/health.json"))
    return next(one[family] for one in found["wans"] if one["name"] == name)


def status(lab):
    """What --status prints, with each message in one row."""
    return lab.router.run("env", "COLUMNS=1000", "health-check", "--status", check=False).out


def carried(lab):
    """The names of the WANs that are eligible in both families, IPv6 with the ISP's prefix, of whatever length."""
    return {one.name for one in lab.wans
            if health(lab, one.name, "ipv4")["eligible"] and health(lab, one.name, "ipv6")["eligible"]
            and health(lab, one.name, "ipv6").get("prefix", "").startswith(one.prefix6.split("/")[0])}


def edges(lab, name):
    """The edge addresses that mwan has put on a WAN's interface; the old one goes last when a prefix changes."""
    interface = lab.wan(name).interface
    return {address for found, address, _ in lab.router.own_addresses() if found == interface and ":" in address}


def edge(prefix):
    return f"{ipaddress.ip_network(prefix)[1]}/128"


def has(lab, name, *prefixes):
    """Waits until mwan has brought a WAN to this prefix, or none; returns the time."""
    wait_until(lambda: edges(lab, name) == set(map(edge, prefixes)), f"{name} has {prefixes}")
    # Where there was no edge address, it comes a moment before the rules.
    wait_until(lambda: all(prefix in lab.router.ruleset() for prefix in prefixes), f"rules for {prefixes}")
    return time.time()


def traces(lab, prefix):
    """Lines of the kernel's state in which a prefix still stands, but for networkd's route (RTPROT_DHCP)."""
    start = prefix.split("::")[0] + ":"
    return [line for line in lab.router.snapshot() if start in line and '"protocol": "16"' not in line]


def said_at(server, pattern):
    """When Kea first logged a line since its start, or None."""
    found = re.search(rf"^(\S+ \S+) .*{pattern}", server.said(), re.M)
    return found and datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc).timestamp()


def renewed_at(server, prefix):
    """When Kea last logged that it leases a prefix."""
    stamps = re.findall(rf"^(\S+ \S+) .*prefix {prefix}", server.said(), re.M)
    return datetime.fromisoformat(stamps[-1]).replace(tzinfo=timezone.utc).timestamp()


def names(lab, servers, count=60):
    """The names of the WANs that new flows choose; none of them may be lost."""
    flows = udp_flows(lab.client, count, servers)
    try:
        return set(lab.shares(answers(flows)))
    finally:
        close_all(flows)


@contextmanager
def undisturbed(lab, name=None, mark=":"):
    """
    Flows of both families over all WANs. Those over WAN `name` with `mark` in their source are handed out: {flow:
    Answer}. The others lose nothing meanwhile, and none of them changes its source.
    """
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    seen = dict(zip(flows, answers(flows)))
    assert None not in seen.values()
    concerned = {flow: one for flow, one in seen.items() if mark in one.source and lab.wan_of(one.source).name == name}
    assert bool(concerned) == bool(name)
    rest = [flow for flow in flows if flow not in concerned]
    assert lab.shares(seen[flow] for flow in rest).keys() == {"att", "webpass"}
    try:
        with Load(rest, seconds=5 * PATIENCE) as load:
            yield concerned
        assert load.lost == {} and load.moved == set()
    finally:
        close_all(flows)


def asked(flows):
    """The Answers to another request in each."""
    for flow in flows:
        flow.send()
    return answers(list(flows))


def answers_inbound(lab, name):
    one = lab.wan(name)
    for target in (one.edge(), one.host(CLIENT6)):
        with UdpFlow(lab.internet, target, STRANGER6) as flow:
            assert flow.ask(), target
    assert ping(lab.internet, one.edge(), STRANGER6)


def is_out(lab, name, old):
    """IPv6 of that WAN is gone with all that it was, and everything else is as before."""
    found = wait_until(lambda: not health(lab, name, "ipv6")["eligible"] and health(lab, name, "ipv6"), "said")
    assert "prefix" not in found and found["share"] == 0
    assert traces(lab, old) == [] and rtnl.tracks(lab.router, old, wans.PREFIX6) == 0
    assert names(lab, SERVERS6) == {"att", "webpass"} - {name}
    assert names(lab, SERVERS4) == {"att", "webpass"}
    assert lab.leaks() == {}


# Renumbered

def test_hosts_inside_reach_each_other_by_what_the_isps_give_and_without_them(site):
    att = site.wan("att")
    old, new = att.prefix6, fresh()
    site.renumber("att", new)
    has(site, "att", new)
    site.take_prefix("att", new)
    wait_until(lambda: traces(site, old) == [], "the old prefix is gone")

    def turned():
        for one in site.wans:
            for host, target, source, shown in ((site.client2, one.host(CLIENT6), CLIENT2_6, one.host(CLIENT2_6)),
                                                (site.client2, one.edge(), CLIENT2_6, one.host(CLIENT2_6)),
                                                (site.opnsense, one.public4[1], wans.INSIDE4[0], one.public4[0])):
                with UdpFlow(host, target, source) as flow:
                    assert flow.ask().source == shown
                assert ping(host, target, source)
    turned()
    site.cut("att")
    wait_until(lambda: carried(site) == {"webpass"}, "att is out")
    turned()
    site.mend("att")


@pytest.mark.parametrize("how", ["renewal", "other server"])
def test_renumbered_by_the_isp(site, hooks, report, how):
    """
    A renewal brings another prefix and takes the old one's lifetime away, or the server that gave the old one is no
    more and another server answers instead. The second time, the daemon has nobody's help.
    """
    att, old, new = site.isp("att"), site.wan("att").prefix6, fresh()
    with undisturbed(site, "att") as flows:
        if how == "other server":
            hooks(False)
            att.dhcp6.stop()
            att.tree.path("/var/lib/kea/kea-dhcp6-serverid").unlink()
        site.renumber("att", new)
        done = has(site, "att", new)
        site.take_prefix("att", new)
        assert traces(site, old) == [] and rtnl.tracks(site.router, old, wans.PREFIX6) == 0
        assert "lost" not in site.shares(asked(flows)), "they begin anew, with a prefix that is ours"
    answers_inbound(site, "att")
    assert names(site, SERVERS6) == {"att", "webpass"}
    assert site.leaks() == {}
    wait_until(lambda: carried(site) == {"att", "webpass"}, "said in health.json")
    report(f"renumbered, {how}: in place {done - said_at(att.dhcp6, f'prefix {new}'):.2f} s after Kea's answer")


# Gone, and back

@pytest.mark.parametrize("back", ["the same", "another"])
def test_expired_and_returned(site, hooks, report, back):
    """The ISP's DHCPv6 falls silent until the prefix has ended. The second time, the daemon has nobody's help."""
    hooks(back == "the same")
    att, old = site.isp("att"), site.wan("att").prefix6
    att.lifetimes6 = {**SHORT6, "preferred-lifetime": SILENCE - 1, "valid-lifetime": SILENCE}
    att.dhcp6.restart()
    given = wait_until(lambda: said_at(att.dhcp6, f"prefix {old}"), "renewed")
    with undisturbed(site, "att") as flows:
        att.dhcp6.stop()
        gone = has(site, "att")
        assert gone - given >= SILENCE - 1, "not before its time"
        is_out(site, "att", old)
        assert site.shares(asked(flows)).keys() == {"webpass"}
        att.lifetimes6 = SHORT6
        new = old if back == "the same" else fresh()
        site.renumber("att", new)
        if new != old:
            site.take_prefix("att", new)
        here = has(site, "att", new)
    answers_inbound(site, "att")
    assert names(site, SERVERS6) == {"att", "webpass"}
    report(f"expired: gone {gone - given - SILENCE:.2f} s after its end; {back} returned: in place "
           f"{here - said_at(att.dhcp6, f'prefix {new}'):.2f} s after Kea's answer")


def test_expired_after_dbus_was_restarted(site, hooks, report):
    """networkd runs on, and never comes back to the bus. Nobody can tell that the ISP's DHCPv6 has fallen silent."""
    hooks(False)
    att, old = site.isp("att"), site.wan("att").prefix6
    att.lifetimes6 = {**SHORT6, "preferred-lifetime": 2 * SILENCE - 1, "valid-lifetime": 2 * SILENCE}
    att.dhcp6.restart()
    wait_until(lambda: said_at(att.dhcp6, f"prefix {old}"), "renewed")
    with undisturbed(site, "att") as flows:
        att.dhcp6.stop()
        given = renewed_at(att.dhcp6, old)
        site.router.run("systemctl", "restart", "dbus")
        gone = has(site, "att")
        time.sleep(max(0, given + 2 * SILENCE - time.time()))
        att.accept_only([])
        assert site.shares(asked(flows)).keys() == {"webpass"}
        is_out(site, "att", old)
    said = wait_until(lambda: re.search("^networkd: .*", status(site), re.M),
                      "told by --status")
    assert "systemd-networkd can't be asked" in site.router.journal("mwan-health")
    doctor = site.router.run("health-check", "--doctor", "--verbose", check=False).out
    assert re.search("leases .*WRONG .*systemd-networkd can't be asked over the system bus", doctor, re.M), doctor
    att.accept_only([old])
    att.lifetimes6 = SHORT6
    att.dhcp6.start()
    site.router.run(*re.search("`(systemctl restart systemd-networkd)`", said[0])[1].split())
    has(site, "att", old)
    wait_until(lambda: site.router.run("health-check", "--status", check=False).code == 0, "all is well")
    site.router.run("systemctl", "reset-failed", "networkd-dispatcher", check=False)
    report(f"dbus restarted, then expired: gone {given + 2 * SILENCE - gone:.2f} s before its end")


def test_withdrawn_at_a_renewal(site, report):
    """Kea has no prefix for who renews. networkd never asks again with that lease, unless told as --status advises."""
    att, old = site.isp("att"), site.wan("att").prefix6
    with undisturbed(site, "att"):
        site.withdraw("att")
        gone = has(site, "att")
        is_out(site, "att", old)
    advice = re.search(r"no delegated prefix: .*`(networkctl reconfigure \S+)`", status(site))
    asked = said_at(att.dhcp6, "ALLOC_ENGINE_V6_ALLOC_FAIL")
    site.restore("att")
    site.router.run(*advice[1].split())
    here = has(site, "att", old)
    report(f"withdrawn: gone {gone - asked:.2f} s after Kea's answer; restored: in place "
           f"{here - said_at(att.dhcp6, f'prefix {old}'):.2f} s after it")


# Left alone

def leased_at(lab):
    """When each WAN's IPv4 lease was given or prolonged."""
    found = {}
    for one in lab.wans:
        told = lab.router.run("networkctl", "status", "--json=short", "--lines=0", one.interface)
        found[one.name] = json.loads(told.out)["DHCPv4Client"]["Lease"]["LeaseTimestampUSec"]
    return found


def test_leases_are_renewed_and_rebound_past_the_filter(site):
    """The filter accepts no DHCP from outside: what is renewed was asked for, and the rest comes past it."""
    def later(than):
        return lambda: all(at > than[name] for name, at in leased_at(site).items())

    before = leased_at(site)
    wait_until(later(before), "renewed")
    before = leased_at(site)
    site.router.nft("table inet deaf { chain output { type filter hook output priority filter; udp sport 68 counter drop; }; }")
    for _ in range(2):  # the first one may have been under way
        before = leased_at(site)
        wait_until(later(before), "rebound")
    counted = site.router.command(["nft", "list", "table", "inet", "deaf"])
    site.router.nft("delete table inet deaf")
    assert "packets 0" not in counted, "nothing was to be renewed"


def test_renewals_leave_everything_as_it_is(site, report):
    """networkd replaces addresses at each of them, and removes the other WAN's unreachable route."""
    for isp in site.isps:
        isp.dhcp6.restart()
        isp.dhcp4.restart()

    def renewals():
        return min(server.said().count("PD_LEASE_RENEW" if server is isp.dhcp6 else "DHCP4_LEASE_ALLOC")
                   for isp in site.isps for server in (isp.dhcp4, isp.dhcp6))
    changes = site.router.journal().count("the kernel has been changed")
    with site.router.monitor() as monitor, undisturbed(site):
        wait_until(lambda: renewals() >= 3, "three renewals each")
        assert site.router.run("update-routes", "--check").code == 0
        assert site.router.run("update-npt", "--check").code == 0
        assert monitor.events(owner=OWNER) == {}
    assert site.router.journal().count("the kernel has been changed") == changes


# Sizes

def test_a_smaller_delegation_is_refused_and_a_larger_one_used_by_its_first_block(site):
    att, old, small, large = site.isp("att"), site.wan("att").prefix6, fresh(64), fresh(56)
    with undisturbed(site, "att"):
        site.renumber("att", small)
        has(site, "att")
        is_out(site, "att", old)
        why = "a /64, too small for lan.prefix6, a /60"
        shown = wait_until(lambda: why in status(site), "shown by --status")
        assert shown and f"att: prefix {small} is {why}" in site.router.journal("mwan-health")
        first = large.replace("/56", "/60")
        site.give_prefix("att", first)
        att.delegate(large)
        has(site, "att", first)
        site.take_prefix("att", first)
    answers_inbound(site, "att")
    assert names(site, SERVERS6) == {"att", "webpass"}
    assert site.leaks() == {}


# Router advertisements

def test_a_router_that_stops_advertising_is_lost_with_its_lifetime(site, report):
    webpass = site.isp("webpass")
    interface = site.wan("webpass").interface

    def lifetime():
        return next((route.get("expires", 0) for route in site.router.routes(6, "main")
                     if route["dst"] == "default" and route.get("dev") == interface
                     and route.get("protocol") != str(OWNER)), 0)
    webpass.ra.stop()
    webpass.router_lifetime = 8  # radvd says so every four seconds at most
    webpass.ra.start()
    with undisturbed(site, "webpass"):
        wait_until(lambda: 0 < lifetime() <= 8, "the short lifetime")
        webpass.ra.stop()
        end = time.time() + lifetime()
        wait_until(lambda: not health(site, "webpass", "ipv6")["eligible"], "not eligible")
        gone = time.time()
        assert "gateway" not in health(site, "webpass", "ipv6")
        assert names(site, SERVERS6) == {"att"}
        assert names(site, SERVERS4) == {"att", "webpass"}
        webpass.router_lifetime = 1800
        begin = time.time()
        webpass.ra.start()
        wait_until(lambda: health(site, "webpass", "ipv6")["eligible"], "eligible")
        here = time.time()
    assert names(site, SERVERS6) == {"att", "webpass"}
    report(f"router lifetime over: out {gone - end:.1f} s after it (rounded); "
           f"back {here - begin:.2f} s after radvd's start")


# IPv4 leases

def lease4(lab, name, address):
    """The ISP gives another IPv4 address instead; returns the seconds in which mwan has followed."""
    isp, one, old, new = lab.isp(name), lab.wan(name), lab.wan(name).address4.split("/")[0], address.split("/")[0]
    isp.nft(f"add element inet lab own4 {{ {new} }}\n")
    isp.lease4(address)
    wanted = set(one.public4) - {new} if one.nat4 == "map" else set()

    def followed():
        sources = {rule.get("src") for rule in lab.router.own_rules(4) if "srclen" not in rule}  # of the others: blocks
        own = {found.split("/")[0] for interface, found, _ in lab.router.own_addresses()
               if interface == one.interface and "." in found}
        return new in sources and old not in sources and own == wanted
    wait_until(followed, f"{name} has {new}")
    seconds = time.time() - said_at(isp.dhcp4, f"DHCP4_LEASE_ALLOC.* {new} ")
    if one.nat4 == "masquerade":
        isp.nft(f"delete element inet lab own4 {{ {old} }}\n")
    wait_until(lambda: health(lab, name, "ipv4")["eligible"], f"{name} is eligible")
    return seconds


def test_another_ipv4_lease_leaves_mapped_flows_alone(site, report):
    """Webpass's addresses are answered for by ARP: one that was leased is mwan's to answer for now, another is not."""
    isp = site.isp("webpass")
    with undisturbed(site, "webpass", ".") as flows:
        seconds = lease4(site, "webpass", "136.25.91.246/29")
        assert [one.source for one in asked(flows)] == [one.source for one in flows.values()]
    assert names(site, SERVERS4) == {"att", "webpass"}
    wait_until(lambda: isp.dhcp4.said().count("DHCP4_LEASE_ALLOC") >= 4, "renewals")
    asking = isp.dhcp4.said().partition("DHCPDISCOVER")[2]
    assert asking.count("received from 0.0.0.0") == 2, "discovered, requested, and renewed from then on"
    report(f"another IPv4 lease, mapped: followed {seconds:.2f} s after Kea's answer")


def test_another_ipv4_lease_ends_masqueraded_flows(site, report):
    """They begin anew with the new address, at once."""
    webpass = site.wan("webpass")
    webpass.nat4 = "masquerade"
    site.configure(health=HEALTH)
    site.router.run("systemctl", "reload", "mwan-health")
    wait_until(lambda: re.search("10.250.250.0/29 (masquerade|snat)", site.router.ruleset()), "webpass masquerades")
    owned = ", ".join(["0.0.0.0", *webpass.sources4()])
    site.isp("webpass").nft(f"flush set inet lab own4\nadd element inet lab own4 {{ {owned} }}\n")
    with undisturbed(site, "webpass", ".") as flows:
        seconds = lease4(site, "webpass", "136.25.91.244/29")
        assert "lost" not in site.shares(asked(flows))
    assert names(site, SERVERS4) == {"att", "webpass"}
    assert site.leaks() == {}
    report(f"another IPv4 lease, masqueraded: followed {seconds:.2f} s after Kea's answer")


# All at once

def test_power_is_cut_and_the_isp_renumbers_meanwhile(site, report):
    """What was recorded of prefixes has gone with the power, and of verdicts has not."""
    old, new = site.wan("att").prefix6, fresh()
    site.power_cut()
    site.renumber("att", new)
    site.take_prefix("att", new)
    arrivals = site.up()
    wait_until(lambda: carried(site) == {"att", "webpass"}, "everything is carried")
    assert traces(site, old) == []
    assert site.router.journal("mwan-health", "MWAN_OLD=unknown") == ""
    answers_inbound(site, "att")
    assert site.leaks() == {}
    report(f"power cut, renumbered meanwhile: {text(arrivals.first)}")
