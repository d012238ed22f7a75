# SPDX-License-Identifier: GPL-2.0-or-later
"""The base ruleset is flushed, replaced, changed: it comes back at once, or nothing is forwarded until it does."""

import json
import re
import socket
import time

import pytest

import wans
from doctor import Doctor
from icmp import ping
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from machine import normal_ruleset
from topology import router_linklocal
from traffic import PATIENCE, Load, UdpFlow, answers, close_all, connects, listen, udp_flows, wait_until

BASE = "/etc/mwan/nftables.conf"
FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
STOCK = """flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
	chain forward {
		type filter hook forward priority filter;
	}
	chain output {
		type filter hook output priority filter;
	}
}
"""
FOREIGN = """flush ruleset
table inet firewall {
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
	}
}
"""
LOSSES = {
    "flushed": "flush ruleset", "Debian's": STOCK, "a foreign firewall's": FOREIGN,
    "filter deleted": "delete table inet filter", "mangle deleted": "delete table inet mangle",
    "nat deleted": "delete table ip nat; delete table ip6 nat",
    "a chain flushed": "flush chain inet filter forward",
    "a hooked chain deleted": "flush chain inet filter untranslated; delete chain inet filter untranslated",
    "a rule deleted": "flush chain inet filter output",
    "the policy changed": "add chain inet filter forward { policy accept; }",
    "all let through": "insert rule inet filter forward accept",
    "all let in": "insert rule inet filter input counter accept",
    "switched off": "add table inet filter { flags dormant; }",
    "emptied": "flush table inet filter",
}

LOADED = "the base ruleset was lost"


def ours(lab):
    """The ruleset without a foreign firewall's table."""
    return normal_ruleset(re.sub(r"^table inet firewall .*?^\}", "", lab.router.ruleset(), flags=re.M | re.S))


def forwarding(lab):
    with lab.router.entered():
        return [int(open(f"/proc/sys/{key}", encoding="ascii").read()) for key in FORWARDING]


def sysctl(lab, key):
    with lab.router.entered(), open(f"/proc/sys/{key}", encoding="ascii") as file:
        return int(file.read())


def status(lab, *args):
    return lab.router.run("health-check", "--status", *args, check=False)


def is_closed_to_the_internet(lab):
    """SSH on each WAN's own IPv6 address, and on an address that only forwarding would reach."""
    with listen(lab.router, socket.AF_INET), listen(lab.router, socket.AF_INET6):
        return not any(connects(lab.internet, one.address6, source=STRANGER6) for one in lab.wans) and \
            not any(connects(lab.isp(one.name), one.address4.split("/")[0]) for one in lab.wans)


def carried(lab):
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    found = set(lab.shares(answers(flows, seconds=1)))
    close_all(flows)
    return found


def break_base(lab):
    """An admin's slip. Returns what was there."""
    before = lab.router.read(BASE)
    lab.router.write(BASE, before + "table inet filter {\n\tchain nonsense {\n\t\tthis is not a rule\n")
    return before


# It comes back

def undo(lab, base):
    """What a test has changed and did not come to undo."""
    if not lab.router.path(BASE).exists() or lab.router.read(BASE) != base:
        lab.router.write(BASE, base)
    for key in FORWARDING:
        lab.router.sysctl(key, 1)
    lab.router.sysctls({f"net/ipv4/conf/{one}/src_valid_mark": 1 for one in (wans.LAN, lab.wans[1].interface)})
    lab.router.sysctls({f"net/ipv{family}/conf/eth0/forwarding": 1 for family in (4, 6)})


@pytest.fixture(scope="module")
def watched(share_lab):
    """A lab whose daemon runs, with flows that go on through everything that happens."""
    lab = share_lab(health=wans.QUICK)
    base = lab.router.read(BASE)
    daemon = lab.daemon()
    daemon.wait_states()
    flows = udp_flows(lab.client, 24, SERVERS4 + SERVERS6)
    assert all(answers(flows))
    lab.router.wait_quiet()
    yield lab, daemon, flows, base
    close_all(flows)


@pytest.fixture
def shared(watched):
    """The lab, its daemon and its flows, as before again in the end."""
    lab, daemon, flows, base = watched
    yield lab, daemon, flows
    undo(lab, base)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_daemon_loads_what_is_gone_again(shared, loss):
    lab, daemon, flows = shared
    before = ours(lab)
    sources = {flow.identity: flow.ask().source for flow in flows}
    with Load(flows) as traffic:
        lab.router.nft(LOSSES[loss])
        daemon.wait(lambda: ours(lab) == before, "the base ruleset is back")
    assert {flow.identity: flow.ask().source for flow in flows} == sources and traffic.moved == set()
    assert is_closed_to_the_internet(lab) and forwarding(lab) == [1, 1] and lab.leaks() == {}
    wait_until(lambda: status(lab).code == 0, "all is well")


@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_loads_what_is_gone_again(without, loss):
    lab = without
    before = ours(lab)
    lab.router.nft(LOSSES[loss])
    plan = lab.router.run("update-routes", "--check", check=False)
    assert plan.code == 3 and plan.out, plan
    result = lab.router.run("update-routes")
    assert ours(lab) == before
    assert carried(lab) == {"att", "webpass"} and is_closed_to_the_internet(lab)
    if "filter" in LOSSES[loss] or "flush ruleset" in LOSSES[loss]:
        assert "the base ruleset was lost" in result.err and f"loaded {BASE} again" in result.err and f"nft -f {BASE}" in plan.out, (result, plan)
    assert lab.router.run("update-routes").err == "" and lab.leaks() == {}


@pytest.fixture(scope="module")
def unwatched(share_lab):
    lab = share_lab().up()
    return lab, lab.router.read(BASE)


@pytest.fixture
def without(unwatched):
    """Without a daemon, and as before again in the end."""
    lab, base = unwatched
    yield lab
    undo(lab, base)
    lab.router.run("update-routes")


def errors(flows):
    """What ICMP has brought for the flows."""
    return [error for flow in flows if (error := flow.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))]


def behind(lab):
    """All that was sent has passed the router, or has not."""
    assert ping(lab.opnsense, "10.250.250.1")
    for one in lab.wans:
        assert ping(lab.internet, one.address6, STRANGER6)


def lead_inside(lab, change):
    """The providers' routes to the inside, past the translation."""
    for isp in lab.isps:
        isp.ip(f"route {change} 10.250.250.0/29 via {isp.wan.address4.split('/')[0]} dev mwan onlink\n"
               f"route {change} {wans.PREFIX6} via {router_linklocal(isp.wan)} dev mwan\n")


def test_what_meets_no_rules_goes_nowhere(without):
    """
    From the loss to the next run: packets of flows, and first ones; of strangers, whose answers would leave with the
    inside's address or who would be sent on; to a provider's own subnet; and from there to the inside.
    """
    lab = without
    outbound = udp_flows(lab.client, 24, SERVERS4 + SERVERS6)
    inbound = [UdpFlow(lab.internet, target, stranger) for one in lab.wans
               for target, stranger in ((one.public4[1], STRANGER4), (one.host(CLIENT6), STRANGER6))]
    sources = [flow.ask().source for flow in outbound + inbound]
    lead_inside(lab, "replace")
    try:
        lab.router.nft("flush ruleset")
        for flow in outbound + inbound:
            flow.send()
        fresh = udp_flows(lab.client, 24, SERVERS4 + SERVERS6)
        fresh += [UdpFlow(lab.opnsense, one.gateway4, "10.250.250.3") for one in lab.wans]
        fresh += [UdpFlow(isp, target) for isp in lab.isps for target in ("10.250.250.3", CLIENT6)]
        for flow in fresh:
            flow.send()
        behind(lab)
        assert lab.leaks() == {} and not [flow for flow in fresh if flow.identity in lab.servers.seen]
        assert errors(outbound + fresh) == [], "they are only late"
        lab.router.run("update-routes")
        assert [flow.ask().source for flow in outbound + inbound] == sources
    finally:
        lead_inside(lab, "del")
    close_all(outbound + inbound + fresh)


def test_the_kernel_has_to_check_sources_by_mark(without):
    """Where it doesn't, it would take each forwarded IPv4 answer for one without a mark."""
    lab = without

    def guards():
        return [any(rule["priority"] == 32002 for rule in lab.router.own_rules(family)) for family in (4, 6)]

    for interface in (wans.LAN, lab.wans[1].interface):
        lab.router.sysctl(f"net/ipv4/conf/{interface}/src_valid_mark", 0)
        lab.router.run("update-routes")
        assert guards() == [False, True] and carried(lab) == {"att", "webpass"}
        lab.router.sysctl(f"net/ipv4/conf/{interface}/src_valid_mark", 1)
    lab.router.run("update-routes")
    assert guards() == [True, True]


def test_what_others_add_stays(without):
    """Rules that only concern some packets, chains and sets: no reason to load anything."""
    lab = without
    lab.router.nft("add set inet filter blocked { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 }; }; add chain inet filter own\n"
                   "insert rule inet filter forward jump own\n"
                   "insert rule inet filter input tcp dport 9100 accept\n")
    before = lab.router.snapshot()
    assert lab.router.run("update-routes", "--check", check=False).code == 0
    # One of them was there before the first run. What is in a set may change.
    lab.router.run("rm", "-r", "/run/mwan/nft")
    lab.router.run("update-routes")
    lab.router.nft("delete element inet filter blocked { 192.0.2.1 }")
    before = lab.router.snapshot()
    assert lab.router.run("update-routes").err == "" and lab.router.snapshot() == before
    lab.router.load_base()


# It can't

def stops(lab):
    """Whether packets of known and of new flows go nowhere."""
    flows = udp_flows(lab.client, 24, SERVERS4 + SERVERS6)
    silent = not any(answers(flows, seconds=0.3))
    close_all(flows)
    return silent and lab.leaks() == {}


@pytest.mark.parametrize("broken", ["mistake", "missing"])
def test_while_it_cannot_be_loaded_the_daemon_forwards_nothing_and_says_so(shared, broken):
    lab, daemon, flows = shared
    before = ours(lab)
    lab.router.sysctl("net/ipv4/conf/eth0/forwarding", 0)
    lab.router.sysctl("net/ipv6/conf/eth0/forwarding", 0)
    text = break_base(lab)
    if broken == "missing":
        lab.router.path(BASE).unlink()
    lab.router.nft("flush ruleset")
    daemon.wait(lambda: forwarding(lab) == [0, 0], "forwarding is off")
    daemon.wait(lambda: not daemon.health()["protected"], "it says so")
    assert stops(lab)
    result = status(lab)
    assert result.code == 4 and result.out.startswith("NO PROTECTION: ") and BASE in result.out.splitlines()[0], result
    assert result.out.count("NO PROTECTION") == 2, "the headline, and all of it"
    assert "mwan_protected 0" in status(lab, "--metrics").out
    assert json.loads(status(lab, "--json").out)["trouble"].startswith("NO PROTECTION: ")
    daemon.wait(lambda: daemon.notified("STATUS")[-1].startswith("NO PROTECTION: "), "systemd knows")
    found = [one for root in Doctor(lab.router).complaints() for one in (root, *root.follows)]
    assert [one.topic for one in found if one.kind == "WRONG" and "NO PROTECTION" in one.text] == ["nft"], found
    assert not [one for one in found if one.topic == "sysctls"], found
    # Somebody who tidies up, and somebody who means well.
    lab.router.run("rm", "-r", "/run/mwan")
    daemon.wait(lambda: lab.router.path("/run/mwan/unprotected").exists(), "it is remembered")
    lab.router.sysctl("net/ipv4/ip_forward", 1)
    daemon.wait(lambda: forwarding(lab) == [0, 0], "forwarding is off again")
    mended = time.monotonic()
    lab.router.write(BASE, text)
    daemon.wait(lambda: ours(lab) == before and forwarding(lab) == [1, 1], "all is as before")
    late = time.monotonic() - mended
    daemon.wait(lambda: daemon.health()["protected"], "it says so")
    assert all(answers(flows_asked(flows))) and status(lab).code == 0 and late < PATIENCE
    assert [sysctl(lab, f"net/ipv{family}/conf/eth0/forwarding") for family in (4, 6)] == [0, 0]
    assert len(daemon.said("NO PROTECTION")) == len(daemon.said("in force again")), daemon.log()


def flows_asked(flows):
    for flow in flows:
        flow.send()
    return flows


def test_without_the_daemon_any_run_stops_it_and_any_run_resumes(without):
    lab = without
    before = ours(lab)
    text = break_base(lab)
    lab.router.nft("flush ruleset")
    result = lab.router.run("update-npt", check=False)
    assert result.code == 1 and "<3>NO PROTECTION: " in result.err, result
    assert forwarding(lab) == [0, 0] and stops(lab)
    assert status(lab).code == 4 and status(lab).out.startswith("NO PROTECTION: ")
    assert lab.router.run("health-check", "--once", check=False).out.startswith("NO PROTECTION: ")
    again = lab.router.run("update-routes", check=False)
    assert again.code == 1 and forwarding(lab) == [0, 0], again
    lab.router.write(BASE, text)
    result = lab.router.run("update-routes")
    assert "in force again" in result.err and ours(lab) == before and forwarding(lab) == [1, 1], result
    assert carried(lab) == {"att", "webpass"} and lab.router.run("update-routes").err == ""


def test_programs_at_once_load_it_once_and_agree(without):
    lab = without
    before = ours(lab)
    lab.router.nft("flush ruleset")
    programs = [lab.router.start(program) for program in ("update-routes", "update-npt") * 2]
    said = [process.communicate(timeout=PATIENCE)[1] for process in programs]
    assert [process.returncode for process in programs] == [0] * 4 and ours(lab) == before
    assert sum("the base ruleset was lost" in text for text in said) == 1, said


def test_what_was_off_before_stays_off(without):
    lab = without
    text = break_base(lab)
    lab.router.sysctl("net/ipv6/conf/all/forwarding", 0)
    lab.router.nft("flush ruleset")
    lab.router.run("update-routes", check=False)
    assert forwarding(lab) == [0, 0]
    lab.router.write(BASE, text)
    lab.router.run("update-routes")
    assert forwarding(lab) == [1, 0]
    lab.router.sysctl("net/ipv6/conf/all/forwarding", 1)


def test_what_forwards_alone_is_switched_off_and_on_as_well(without):
    """One interface, as networkd does it, in IPv4; a hybrid router in IPv6."""
    lab, lan = without, "net/ipv4/conf/enmwanbr0/forwarding"
    text = break_base(lab)
    lab.router.sysctl("net/ipv6/conf/all/forwarding", 2)
    lab.router.sysctl("net/ipv4/ip_forward", 0)
    lab.router.sysctl(lan, 1)
    lab.router.nft("flush ruleset")
    for _ in range(2):
        lab.router.run("update-routes", check=False)
        assert forwarding(lab) == [0, 0] and sysctl(lab, lan) == 0 and stops(lab)
        lab.router.sysctl(lan, 1)
    lab.router.write(BASE, text)
    lab.router.run("update-routes")
    assert forwarding(lab) == [0, 2] and sysctl(lab, lan) == 1
    for key in FORWARDING:
        lab.router.sysctl(key, 1)


def test_kept_rules_whose_listing_is_lost_are_not_there_twice(without):
    """As after a run that was killed in between."""
    lab = without
    before = ours(lab)
    lab.router.run("rm", *(f"/run/mwan/nft/{part}.list" for part in ("filter", "mangle", "nat", "nat6")))
    lab.router.nft("flush ruleset")
    lab.router.run("update-routes")
    assert ours(lab) == before


def test_kept_rules_that_do_not_fit_are_written_anew(without):
    lab = without
    before = ours(lab)
    lab.router.write("/run/mwan/nft/mangle.nft", "add rule inet nowhere nothing\n")
    lab.router.nft("flush ruleset")
    lab.router.run("update-routes")
    assert ours(lab) == before and carried(lab) == {"att", "webpass"}


def test_before_anything_is_loaded_a_dry_run_says_all(without):
    lab = without
    before = ours(lab)
    lab.router.nft("flush ruleset")
    lab.router.run("rm", "-r", "/run/mwan/nft")
    result = lab.router.run("update-routes", "--check", check=False)
    assert result.code == 3 and f"nft -f {BASE}" in result.out and lab.router.ruleset() == "", result
    lab.router.run("update-routes")
    assert ours(lab) == before


def test_what_is_done_while_the_base_comes_back_is_undone(shared):
    """Somebody opens the filter just when the daemon has loaded it, and has not looked at it yet."""
    lab, daemon, _ = shared
    before = ours(lab)
    for _ in range(10):
        lab.router.run("sh", "-c", "nft flush ruleset; for i in $(seq 2000); do "
                                   "nft insert rule inet filter forward accept 2>/dev/null && break; done")
        daemon.wait(lambda: ours(lab) == before, "the base ruleset is back")


def test_a_storm_of_flushes_is_no_busy_loop(shared):
    lab, daemon, _ = shared
    before, loaded = ours(lab), daemon.log().count(LOADED)
    for _ in range(100):
        lab.router.nft("flush ruleset")
        time.sleep(0.01)
    daemon.wait(lambda: ours(lab) == before, "the base ruleset is back")
    assert 0 < daemon.log().count(LOADED) - loaded <= 100
    assert forwarding(lab) == [1, 1]
