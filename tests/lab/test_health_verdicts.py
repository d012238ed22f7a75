# SPDX-License-Identifier: GPL-2.0-or-later
"""Silent failures: no link goes down, only the answers stay away. health-check sees it, by WAN and family."""

import time

import pytest

import faults
import topology
import wans
from icmp import LateEcho
from lab import SERVERS4, SERVERS6
from notify import Notify
from traffic import answers, close_all, refused, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}
LATE4, LATE6 = "192.0.2.99", "2001:db8:99::1"
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def shares(lab, family, count=60):
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return seen


# By family and WAN

@FAMILIES
def test_only_the_family_that_fails_leaves_its_wan(watch, family):
    lab, daemon = watch()
    lab.isp("att").fault(faults.NO_IPV6 if family == 6 else faults.NO_IPV4)
    daemon.wait_states(**{f"att{family}": "down"})
    daemon.wait(lambda: shares(lab, family) == {"webpass": 60}, "new flows avoid it")
    assert set(shares(lab, 10 - family)) == {"att", "webpass"}

    def told():
        found = [daemon.family(name, f"ipv{family}") for name in ("att", "webpass")]
        return [(one["eligible"], one["share"]) for one in found]

    daemon.wait(lambda: told() == [(False, 0), (True, 1)], "told")
    lab.isp("att").fault()
    daemon.wait_states()
    daemon.wait(lambda: set(shares(lab, family)) == {"att", "webpass"}, "new flows are back")
    daemon.wait(lambda: told() == [(True, 0.5), (True, 0.5)], "told")


def test_a_provider_that_has_lost_the_internet_is_down_in_both_families(watch):
    lab, daemon = watch()
    lab.isp("webpass").uplink(False)
    daemon.wait_states(webpass4="down", webpass6="down")
    assert daemon.wan("webpass")["carrier"]
    for family in (4, 6):
        daemon.wait(lambda f=family: shares(lab, f) == {"att": 60}, "new flows avoid it")
    lab.isp("webpass").uplink(True)
    daemon.wait_states()


def test_a_provider_that_answers_unreachable_is_down(watch):
    lab, daemon = watch()
    lab.isp("att").fault(faults.UNREACHABLE)
    daemon.wait_states(att4="down", att6="down")


def test_a_wan_that_never_answered_is_unknown_and_used_until_it_is_down(make_lab):
    lab = make_lab(health={**wans.QUICK, "failure_threshold": 10})
    lab.isp("att").fault(faults.EVERYTHING)
    daemon = lab.daemon()
    found = daemon.family("att", "ipv4")
    assert (found["state"], found["eligible"]) == ("unknown", True)
    daemon.wait_states(att4="down", att6="down")


# Which probes, and from where

def test_as_many_targets_as_min_targets_have_to_answer(watch):
    lab, daemon = watch([wans.att(keys={"min_targets": 2}), wans.webpass()])
    for isp in lab.isps:
        isp.fault(faults.unreached("8.8.8.8"), faults.unreached("2606:4700:4700::1111"))
    daemon.wait_states(att4="down", att6="down")
    daemon.wait_cycles()
    assert daemon.are(att4="down", att6="down"), daemon.log()


def test_a_target_that_answers_over_another_wan_only_does_not_count(watch):
    lab, daemon = watch(health={"ping4": "1.1.1.1", "ping6": SERVERS6[0]})
    for isp in lab.isps:
        isp.count_echo()
    lab.isp("att").fault(faults.unreached("1.1.1.1"), faults.unreached(SERVERS6[0]))
    daemon.wait_states(att4="down", att6="down")
    daemon.wait_cycles()
    assert daemon.are(att4="down", att6="down"), daemon.log()
    for isp in lab.isps:
        assert isp.echo() and all(isp.wan.owns(source) for source, _ in isp.echo()), isp.name


def test_an_answer_that_comes_in_over_another_wan_does_not_count(watch):
    """What is sent to att's addresses arrives through webpass: the provider has lost the way to us."""
    lab, daemon = watch()
    att, webpass = lab.wans
    lost4, lost6 = topology.network4(att), [att.prefix6, f"{att.address6}/128"]
    lab.isp("webpass").ip(f"route replace {lost4} via {webpass.address4.split('/')[0]} dev mwan\n" + "".join(
        f"route replace {prefix} via {topology.router_linklocal(webpass)} dev mwan\n" for prefix in lost6))
    lab.internet.ip(f"route replace {lost4} via 100.64.{webpass.mark}.1\n" + "".join(
        f"route replace {prefix} via fe80::a dev i{webpass.mark}\n" for prefix in lost6))
    daemon.wait_states(att4="down", att6="down")
    daemon.wait_cycles()
    assert daemon.are(att4="down", att6="down"), daemon.log()


def test_probes_leave_their_own_wan_with_its_own_source(watch):
    lab, daemon = watch()
    for isp in lab.isps:
        isp.count_echo()
    daemon.wait_cycles(5)
    for isp in lab.isps:
        found = isp.echo()
        assert {target for _, target in found} == {*SERVERS4, *SERVERS6}
        assert {source for source, _ in found} == {isp.wan.address4.split("/")[0], isp.wan.edge()}
        assert max(found.values()) - min(found.values()) <= 2, found  # all of a cycle, or none


def test_probes_without_the_right_source_are_not_sent_with_another(watch):
    """The WAN's IPv4 address goes: what is left on it or elsewhere is no source for it."""
    lab, daemon = watch()
    att = lab.wan("att")
    lab.router.ip(f"addr del {att.address4} dev {att.interface}\n"
                  f"addr add 198.51.100.99/32 dev {att.interface}\n", family=4)
    lab.isp("att").count_echo()
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "not eligible")
    daemon.wait_cycles(5)
    assert not [source for source, _ in lab.isp("att").echo() if not att.owns(source)]
    assert daemon.family("att", "ipv4")["eligible"] is False
    assert daemon.state("webpass", "ipv4") == "up"


@pytest.mark.parametrize("scope, told", [("global", True), ("global", False), ("link", False)])
def test_a_second_address_before_the_providers_is_no_source(make_lab, scope, told):
    """A modem's management network: its address was there first, and the default route may not tell its source."""
    lab = make_lab(health=wans.QUICK)
    att = lab.wan("att")
    own = att.address4.split("/")[0]
    lab.router.ip(f"addr del {att.address4} dev {att.interface}\n"
                  f"addr add 192.168.100.2/24 dev {att.interface} scope {scope}\n"
                  f"addr add {att.address4} dev {att.interface}\n"
                  f"route replace default via {att.gateway4} dev {att.interface} proto dhcp metric {att.metric}"
                  f"{f' src {own}' if told else ''}\n", 4)
    lab.isp("att").count_echo()
    daemon = lab.daemon()
    daemon.wait_states()
    daemon.wait_cycles()
    assert daemon.are(), daemon.log()
    assert {source for source, _ in lab.isp("att").echo() if ":" not in source} == {own}
    assert set(shares(lab, 4)) == {"att", "webpass"}


# All of them

def test_with_all_wans_down_they_are_used_as_a_last_resort(watch):
    lab, daemon = watch()
    for isp in lab.isps:
        isp.fault(faults.NO_ECHO)
    daemon.wait_states(default="down")
    for family in (4, 6):
        assert set(shares(lab, family)) == {"att", "webpass"}
        for one in lab.wans:
            found = daemon.family(one.name, f"ipv{family}")
            assert (found["state"], found["eligible"], found["share"]) == ("down", True, 0.5)


def test_with_all_wans_down_new_flows_are_refused_where_that_is_wanted(watch):
    lab, daemon = watch(balance={"all_down": "unreachable"})
    for isp in lab.isps:
        isp.fault(faults.NO_ECHO)
    daemon.wait_states(default="down")
    for server in (SERVERS4[0], SERVERS6[0]):
        daemon.wait(lambda s=server: refused(lab.client, s, seconds=0.3), "refused")
    daemon.wait(lambda: not any(wan[f]["eligible"] for wan in daemon.health()["wans"] for f in ("ipv4", "ipv6")),
                "nobody is eligible")
    lab.isp("att").fault()
    daemon.wait_states(webpass4="down", webpass6="down")
    daemon.wait(lambda: shares(lab, 4) == {"att": 60}, "the one that is back carries")


# Thresholds over the window

# Six in a row are never lost by accident, where every other one is lost on purpose.
FAST = {**wans.QUICK, "interval": "150ms", "timeout": "145ms", "failure_threshold": 6, "ping4": "1.1.1.1",
        "ping6": "2606:4700:4700::1111"}


def test_loss_is_judged_where_max_loss_is_set_and_is_no_flapping_elsewhere(make_lab):
    """Every other probe lost never makes as many failures in a row."""
    lab = make_lab(wans.many([1, 1, 1]), health=FAST)
    lab.wan("isp1").keys["max_loss"] = lab.wan("isp2").keys["max_loss"] = 30
    lab.configure(health=FAST)
    for isp, lost, of in zip(lab.isps, (1, 1, 1), (2, 10, 2)):
        isp.fault(faults.lossy("1.1.1.1", lost, of), faults.lossy(FAST["ping6"], lost, of))
    daemon = lab.daemon()
    daemon.wait_states(isp14="down", isp16="down")
    assert [line for line in daemon.said("isp1 IPv") if "down after" in line and "max_loss" not in line] == []
    daemon.wait_cycles(10)
    assert daemon.are(isp14="down", isp16="down"), daemon.log()
    assert 0.35 <= daemon.family("isp1", "ipv4")["loss"] <= 0.65
    assert daemon.family("isp2", "ipv6")["loss"] <= 0.25
    assert "isp3 ipv4" in daemon.states() and daemon.log().count("isp3") == daemon.log().count("isp2")
    lab.isp("isp1").fault()
    daemon.wait_states()


def test_slow_answers_are_judged_where_max_rtt_is_set(make_lab):
    health = {**FAST, "ping4": LATE4, "ping6": LATE6}
    lab = make_lab([wans.att(keys={"max_rtt": "60ms"}), wans.webpass()], health=health)
    with LateEcho(lab.internet, LATE4, LATE6) as late:
        daemon = lab.daemon()
        daemon.wait_states()
        late.seconds = 0.1
        daemon.wait_states(att4="down", att6="down")
        assert [line for line in daemon.said("att IPv") if "down after" in line and "max_rtt" not in line] == []
        for family in ("ipv4", "ipv6"):
            daemon.wait(lambda f=family: 98 <= daemon.family("webpass", f)["rtt_ms"] <= 145, "rtt_ms")
        late.seconds = 0.3  # later than the timeout
        daemon.wait_states(default="down")
        late.seconds = 0
        daemon.wait_states()


# Flapping

def test_a_wan_that_flaps_by_the_second_is_bounded_in_what_it_causes(make_lab):
    lab = make_lab(health={**wans.QUICK, "failure_threshold": 1, "recovery_threshold": 1}, notify=Notify.keys)
    notify = Notify(lab.router)
    daemon = lab.daemon()
    daemon.wait_states()
    for turn in range(8):
        lab.isp("att").fault(*([] if turn % 2 else [faults.EVERYTHING]))
        time.sleep(0.5)
    daemon.wait_states()
    calls = [(one.wan, one.family) for one in notify.calls()]
    assert len(calls) == len(set(calls)), calls  # one call a minute for each
    assert daemon.family("webpass", "ipv4")["failures"] == 0
