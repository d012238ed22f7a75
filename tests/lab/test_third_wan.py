# SPDX-License-Identifier: GPL-2.0-or-later
"""Monkeybrains, the original's third WAN: of a higher tier, metered, with a lease and perhaps a prefix."""

import json
import re

import faults
import wans
from lab import CLIENT6, SERVERS4, SERVERS6
from traffic import UdpFlow, answers, close_all, udp_flows

BETTER = ("att", "webpass")
# The next cycle of itself comes after hours: what is seen before is a cycle that others have called for.
RARELY = {"nat6_fallback": "masquerade", "metered": "yes", "interval": "60m", "timeout": "30s"}


def third(**keys):
    return [*wans.original(), wans.monkeybrains(keys={**wans.monkeybrains().keys, **keys})]


def sources(lab, count=40):
    """{source} of new flows in both families, as the internet sees them."""
    flows = udp_flows(lab.client, count, SERVERS4 + SERVERS6)
    seen = answers(flows, seconds=1)
    close_all(flows)
    return {one and one.source for one in seen}


def carriers(lab):
    """The WANs that new flows of both families use."""
    return {one and getattr(lab.wan_of(one), "name", one) for one in sources(lab)}


def address(lab, family):
    """What the DNS should say: the address of the first of these that is eligible, as OPNsense is reached at."""
    return lab.router.run("health-check", "--address", family, "att", "monkeybrains", check=False).out.strip()


def status(lab):
    return lab.router.run("health-check", "--status", check=False, env={"COLUMNS": "160"})


def test_it_carries_while_the_others_are_gone_degraded_until_it_has_a_prefix(watch):
    lab, daemon = watch(third())
    one = lab.wan("monkeybrains")
    lease, slaac = one.address4.split("/")[0], one.address6
    assert carriers(lab) == set(BETTER)
    assert (address(lab, "ipv4"), address(lab, "ipv6")) == (lab.wan("att").public4[0], lab.wan("att").edge())
    for name in BETTER:
        lab.cut(name)
    daemon.wait(lambda: sources(lab) == {lease, slaac}, "masqueraded in both families")
    daemon.wait(lambda: (address(lab, "ipv4"), address(lab, "ipv6")) == (lease, slaac), "it is told a moment later")
    assert daemon.family("monkeybrains", "ipv6")["degraded"]
    # A cycle that fails on a busy machine says more, for a moment.
    daemon.wait(lambda: "monkeybrains IPv6: degraded: NAT66, no delegated prefix" in status(lab).out
                and re.search(r"^ +IPv6 +degraded ", status(lab).out, re.M), "--status says so")
    assert status(lab).code == 4
    with UdpFlow(lab.client, SERVERS6[0]) as flow:
        assert flow.ask().source == slaac
        for name in BETTER:
            lab.mend(name)
        daemon.wait_states()
        daemon.wait(lambda: carriers(lab) == set(BETTER), "the better tier carries again")
        assert flow.ask().source == slaac, "what is open stays"
    bus = lab.networkd()
    for name in BETTER:
        bus.delegate(lab.wan(name).interface, lab.wan(name).prefix6)
    bus.delegate(one.interface, one.prefix6)
    daemon.wait(lambda: daemon.family("monkeybrains", "ipv6").get("prefix") == one.prefix6, "a prefix")
    assert "degraded" not in daemon.family("monkeybrains", "ipv6")
    for name in BETTER:
        lab.cut(name)
    daemon.wait(lambda: sources(lab) == {lease, one.host(CLIENT6)}, "NPT")
    daemon.wait(lambda: (address(lab, "ipv4"), address(lab, "ipv6")) == (lease, one.edge()), "it is told a moment later")
    assert "degraded" not in status(lab).out


def test_only_what_the_daemon_knows_has_an_address(watch):
    lab, daemon = watch()
    result = lab.router.run("health-check", "--address", "ipv4", "att", "monkeybrains", check=False)
    assert result.code == 2 and "no WAN monkeybrains" in result.err
    lab.cut("att")
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "att is out")
    result = lab.router.run("health-check", "--address", "ipv4", "att", check=False)
    assert (result.code, result.out) == (1, "") and "no IPv4 address" in result.err
    daemon.stop()
    lab.router.write("/run/mwan/health.json", json.dumps({**daemon.health(), "time": "2026-01-01T00:00:00Z"}))
    result = lab.router.run("health-check", "--address", "ipv4", "webpass", check=False)
    assert (result.code, result.out) == (1, ""), "what is old may be another's by now"


def test_a_metered_wan_is_probed_less_often_while_a_better_tier_carries(watch):
    lab, daemon = watch(third())
    for isp in lab.isps:
        isp.count_echo()

    def requests():
        return [sum(lab.isp(name).echo().values()) for name in ("att", "monkeybrains")]

    def rests():
        """12 times less often, seen over two of its cycles; a busy machine may lose one, and then it is asked more often."""
        before = requests()
        daemon.wait(lambda: requests()[0] - before[0] >= 4 * 24, "24 cycles of att")
        att, metered = (now - then for now, then in zip(requests(), before))
        return 0 < metered <= att / 4

    daemon.wait(rests, "it rests")
    daemon.wait(lambda: daemon.family("monkeybrains", "ipv4")["interval_ms"] == 12 * daemon.family("att", "ipv4")["interval_ms"],
                "it says so")
    daemon.wait_states()
    assert "daemon: " not in status(lab).out, "nothing is out of date"
    # What it rests for is its own, too: it is down as soon as that is sure.
    lab.isp("monkeybrains").fault(faults.EVERYTHING)
    daemon.wait_states(monkeybrains4="down", monkeybrains6="down")


def test_a_metered_wan_is_probed_at_once_when_it_is_or_may_be_needed(watch):
    """In one family, when all others begin to fail; in both, when they have lost their links."""
    lab, daemon = watch([*wans.original(), wans.monkeybrains(keys=RARELY)], {"failure_threshold": 1000})
    isp = lab.isp("monkeybrains")
    for name in BETTER:
        daemon.wait(lambda: {daemon.family("monkeybrains", key)["interval_ms"] for key in ("ipv4", "ipv6")} == {12 * 3600000},
                    "it rests")
        isp.count_echo()
        lab.isp(name).fault(faults.NO_IPV6)
        daemon.wait(lambda n=name: daemon.family(n, "ipv6")["failures"] > 0, f"{name} fails")
    daemon.wait(lambda: any(":" in target for _, target in isp.echo()), "it is probed")
    assert daemon.are(), daemon.log()
    isp.count_echo()
    for name in BETTER:
        lab.cut(name)
    daemon.wait(lambda: any("." in target for _, target in isp.echo()), "it is probed in IPv4, too")
    daemon.wait(lambda: carriers(lab) == {"monkeybrains"}, "it carries")
