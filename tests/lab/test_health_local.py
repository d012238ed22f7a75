# SPDX-License-Identifier: GPL-2.0-or-later
"""What this machine itself refuses to send says nothing of a WAN, and is told for what it is."""

import time

import faults
from lab import SERVERS4

OWN_FILTER = """
table inet local {
    chain output {
        type filter hook output priority filter + 1; policy accept;
        oifname "enatt0.3242" RULE drop
    }
}
"""
ECHO = "meta l4proto { icmp, ipv6-icmp } meta mark 1"


def _filter(lab, rule=ECHO):
    lab.router.nft("table inet local\ndelete table inet local\n" + OWN_FILTER.replace("RULE", rule))


def _unfilter(lab):
    lab.router.nft("delete table inet local")


def _unjudged(daemon):
    return all("does not send probes" in daemon.family("att", family).get("trouble", "") for family in ("ipv4", "ipv6"))


def _full(daemon):
    return any(trouble["who"] == "conntrack" for trouble in daemon.health().get("troubles", []))


def test_what_is_dropped_here_takes_no_wan_down(watch):
    """Not down, no flow avoids it; told once, and when it is over. A failure of the line still counts."""
    lab, daemon = watch()
    began = time.monotonic()
    _filter(lab)
    daemon.wait(lambda: _unjudged(daemon), "it is told")
    daemon.wait_cycles(6)
    assert daemon.are(), daemon.states()
    for family in ("ipv4", "ipv6"):
        att = daemon.family("att", family)
        assert att["eligible"] and att["loss"] < 1 and att["share"] == 0.5, att
        assert {(target["answered"], target["failure"]) for target in att["targets"]} == {(False, "filtered")}, att
        assert "dropped by nftables" in att["trouble"] and "ISP" not in att["trouble"], att
    status = lab.router.run("health-check", "--status", check=False).out
    assert "att IPv4: this machine does not send probes" in status, status
    once = lab.router.run("health-check", "--once", check=False)
    assert once.code == 1 and "does not send probes" in once.out, once
    doctor = lab.router.run("health-check", "--doctor", "--verbose", check=False)
    assert doctor.code == 1 and "this machine does not send probes" in doctor.out, doctor
    _unfilter(lab)
    daemon.wait(lambda: len(daemon.said("is judged again", began)) == 2, "it is over")
    assert len(daemon.said("can't be judged", began)) == 2, daemon.log()
    assert not daemon.said("is down"), daemon.log()
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(att4="down", att6="down")
    _filter(lab)
    daemon.wait(lambda: _unjudged(daemon), "it stays as it was")
    assert daemon.are(att4="down", att6="down") and "stays down" in daemon.family("att", "ipv4")["trouble"]


def test_a_target_that_is_dropped_here_hides_no_failure(watch):
    lab, daemon = watch()
    _filter(lab, f"ip daddr {SERVERS4[1]}")
    daemon.wait(lambda: "not asked: 8.8.8.8" in daemon.family("att", "ipv4").get("trouble", ""), "it is told")
    assert daemon.are()
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(att4="down", att6="down")


def test_a_full_table_of_flows_is_told_by_its_name(watch):
    """Its size belongs to the whole machine: the router is shown another number of entries."""
    lab, daemon = watch()
    most = daemon.health()["conntrack"]["max"]
    count = "/proc/sys/net/netfilter/nf_conntrack_count"
    lab.router.write("/run/entries", f"{most}\n")

    lab.router.run("mount", "--bind", "/run/entries", count)
    daemon.wait(lambda: _full(daemon), "a full table")
    daemon.wait(lambda: daemon.said("conntrack table full"), "it says so")
    _filter(lab)  # what the kernel does with probes then
    daemon.wait(lambda: _unjudged(daemon), "it is told")
    assert daemon.are() and "conntrack table full" in daemon.family("att", "ipv4")["trouble"]
    status = lab.router.run("health-check", "--status", check=False).out
    assert "\nconntrack: table full" in status, status
    metrics = lab.router.run("health-check", "--status", "--metrics", check=False).out
    assert f"\nmwan_conntrack_entries {most}\n" in metrics and f"\nmwan_conntrack_max {most}\n" in metrics
    doctor = lab.router.run("health-check", "--doctor", "--verbose", check=False)
    assert "conntrack table full" in doctor.out and f"nf_conntrack_max={2 * most}" in doctor.out, doctor
    lab.router.path("/run/entries").write_text("1\n")  # in place: it stays mounted
    daemon.wait(lambda: not _full(daemon), "it is over")
    daemon.said_once("conntrack table has room again")
    daemon.said_once("<4>conntrack table full")
