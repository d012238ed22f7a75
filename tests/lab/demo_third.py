# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration with three WANs: Monkeybrains waits, carries when both others are lost, and hands back."""

import time

import wans
from lab import CLIENT6, SERVERS4, SERVERS6
from traffic import UdpFlow, answers, close_all, udp_flows

FLOWS = 100
BETTER = ("att", "webpass")
SERVERS = {"IPv4": SERVERS4, "IPv6": SERVERS6}
TOPOLOGY = """\
  client  10.250.1.45, 3d06:bad:b01:1::100 --+                        +-- AT&T ---------+
                                             +-- OPNsense --- mwan ---+-- Webpass ------+-- internet
  client2 10.250.2.50, 3d06:bad:b01:2::50 ---+                        +-- Monkeybrains -+

  att           tier 1; 104.57.226.192/29;     2600:1700:2f71:c80::/60, delegated
  webpass       tier 1; 136.25.91.240/29;      2604:5500:c271:be00::/60, delegated
  monkeybrains  tier 2; 162.217.74.42, leased; no prefix at first; metered
"""
SAID = ("New connections used AT&T and Webpass while one of them worked, Monkeybrains while none did, and never it otherwise; "
        "what was open on Monkeybrains stayed there.")


def three():
    return [*wans.original(), wans.monkeybrains()]


def carriers(lab, family):
    """The names of the WANs that new flows of a family use, and the sources that the internet sees."""
    flows = udp_flows(lab.client, FLOWS, SERVERS[family])
    seen = [one for one in answers(flows) if one]
    close_all(flows)
    lost = FLOWS - len(seen)
    names = ", ".join(sorted(lab.shares(seen)))
    return (f"{names}, {lost} lost" if lost else names), {one.source for one in seen}


def report_carriers(lab, report, expected):
    for family in SERVERS:
        report.same(f"{FLOWS} new {family} flows, over", carriers(lab, family)[0], expected)


def chosen(lab, names):
    """Whether these are the WANs that the kernel deals new flows of both families to."""
    maps = [lab.router.command(["nft", "list", "map", "inet", "mangle", f"share{digit}"]) for digit in "46"]
    return all((f": 0x{one.mark:08x}" in text) == (one.name in names) for one in lab.wans for text in maps)


def show_waiting(lab, daemon, report):
    report.section("1. Monkeybrains waits: tier 2")
    report_carriers(lab, report, "att, webpass")
    daemon.wait(lambda: daemon.family("monkeybrains", "ipv4")["interval_ms"] > daemon.family("att", "ipv4")["interval_ms"],
                "it is probed less often")
    often = [daemon.family(name, "ipv4")["interval_ms"] for name in ("att", "monkeybrains")]
    report.same("metered: probed less often than att by", f"{often[1] // often[0]} times", "12 times")


def show_loss(lab, daemon, report):
    report.section("2. The links to AT&T and Webpass are cut")
    cut = time.monotonic()
    for name in BETTER:
        lab.cut(name)
        lab.lose_lease(name)
    daemon.wait(lambda: chosen(lab, {"monkeybrains"}), "monkeybrains carries")
    report.time("cut to kernel reprogrammed", f"{1000 * (time.monotonic() - cut):.0f} ms, both cuts", "below 1 s")
    report_carriers(lab, report, "monkeybrains")
    one = lab.wan("monkeybrains")
    for family, expected in (("IPv4", one.address4.split("/")[0]), ("IPv6", one.address6)):
        report.same(f"{family}: masqueraded behind", " ".join(carriers(lab, family)[1]), expected)
    report.same("what --status calls its IPv6", "degraded" if daemon.family("monkeybrains", "ipv6").get("degraded") else "well",
                "degraded")


def show_prefix(lab, daemon, report):
    report.section("3. Monkeybrains delegates a prefix")
    one = lab.wan("monkeybrains")
    lab.router.run("update-npt", one.interface, one.prefix6)
    daemon.wait(lambda: daemon.family("monkeybrains", "ipv6").get("prefix") == one.prefix6, "the prefix")
    report.same(f"{CLIENT6} over it", " ".join(carriers(lab, "IPv6")[1]), one.host(CLIENT6))


def show_return(lab, daemon, report):
    report.section("4. AT&T and Webpass are back")
    flows = {family: UdpFlow(lab.client, servers[0]) for family, servers in SERVERS.items()}
    before = {family: flow.ask().source for family, flow in flows.items()}
    for name in BETTER:
        lab.mend(name)
    daemon.wait(lambda: chosen(lab, BETTER), "att and webpass carry")
    report_carriers(lab, report, "att, webpass")
    for family, flow in flows.items():
        report.same(f"an {family} flow that was open, over", lab.wan_of(flow.ask().source).name, "monkeybrains")
        assert flow.ask().source == before[family]
    close_all(flows.values())


def story(lab, health, report):
    """All of it, in a lab with three() that is up."""
    lab.configure(health=health)
    daemon = lab.daemon()
    daemon.wait_states()
    for step in (show_waiting, show_loss, show_prefix, show_return):
        step(lab, daemon, report)
