# SPDX-License-Identifier: GPL-2.0-or-later
"""Delegated prefixes come, change and go at networkd; health-check follows what it says on the bus."""

import json
import re
import time

import pytest

import wans
from lab import CLIENT6, SERVERS6
from traffic import Load, answers, close_all, udp_flows, wait_until

ATT, WEBPASS, NEW = "2600:1700:2f71:c80::/60", "2604:5500:c271:be00::/60", "2600:1700:aaaa:50::/60"
CONFIG = "/etc/mwan/mwan.conf"
HEALTH = {"interval": "1s", "timeout": "500ms", "failure_threshold": 10, "recovery_threshold": 3}


@pytest.fixture
def auto(make_lab):
    """make(prefixes): two WANs with prefix6 = auto, networkd with these delegations, and health-check."""
    def make(**given):
        lab = make_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")], health=HEALTH)
        bus = lab.networkd()
        for one in lab.wans:
            bus.delegate(one.interface, *([given[one.name]] if one.name in given else []))
        daemon = lab.daemon()
        # Where networkd takes its time, it is ready before it has an answer.
        usable = {name: prefix for name, prefix in given.items() if prefix.endswith("/60")}
        daemon.wait(lambda: prefixes(daemon) == usable, "what networkd says")
        lab.router.wait_quiet()
        return lab, bus, daemon
    return make


def prefixes(daemon):
    return {wan["name"]: wan["ipv6"].get("prefix") for wan in daemon.health()["wans"] if wan["ipv6"]["eligible"]}


def told(lab):
    """What --status says is wrong, beside WANs: {"networkd": …}"""
    found = json.loads(lab.router.run("health-check", "--status", "--json", check=False).out)
    return {one["who"]: one["trouble"] for one in found.get("troubles", [])}


def shares(lab, count=40):
    flows = udp_flows(lab.client, count, SERVERS6)
    seen = answers(flows, seconds=1)
    close_all(flows)
    return seen


def traces(lab, prefix):
    start = prefix.split("::", maxsplit=1)[0] + ":"
    return [line for line in lab.router.snapshot() if start in line]


def test_a_prefix_that_comes_late_is_used_at_once(auto):
    lab, bus, daemon = auto(webpass=WEBPASS)
    assert prefixes(daemon) == {"webpass": WEBPASS}
    bus.renumber("enatt0.3242", ATT)
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "both")
    assert set(lab.shares(shares(lab))) == {"att", "webpass"}


def test_a_prefix_that_changes_is_followed_and_nothing_of_the_old_is_left(auto):
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    lab.give_prefix("att", NEW)
    bus.renumber("enatt0.3242", NEW)
    daemon.wait(lambda: prefixes(daemon) == {"att": NEW, "webpass": WEBPASS}, "the new one")
    lab.take_prefix("att", NEW)
    assert traces(lab, ATT) == []
    assert set(lab.shares(shares(lab))) == {"att", "webpass"}
    assert lab.wan("att").host(CLIENT6) in {one.source for one in shares(lab)}


def forget(lab, daemon):
    """Somebody removes what was kept; the next run begins with nothing."""
    lab.router.run("rm", "/run/mwan/prefixes")
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait(lambda: any(rule["priority"] == 101 for rule in lab.router.rules(4)), "a run")


def rename(lab, daemon):
    text = lab.router.read(CONFIG)
    lab.router.write(CONFIG, text.replace("[wan att]", "[wan fiber]").replace("= att ", "= fiber "))
    daemon.reload()
    daemon.wait(lambda: "fiber" in [one["name"] for one in daemon.health()["wans"]], "the new name")


def masquerade_for_a_while(lab, daemon):
    text = lab.router.read(CONFIG)
    lab.router.write(CONFIG, re.sub(r"(nat6 *= )npt", r"\1masquerade", text, count=1))
    daemon.reload()
    daemon.wait(lambda: prefixes(daemon).get("att") is None, "masquerade")
    lab.router.write(CONFIG, text)
    daemon.reload()


@pytest.mark.parametrize("lose", [forget, rename, masquerade_for_a_while])
def test_a_prefix_that_is_lost_here_is_taken_from_networkd_again(auto, lose):
    """networkd says nothing new, but has it still."""
    lab, _, daemon = auto(att=ATT, webpass=WEBPASS)
    lose(lab, daemon)
    lab.router.wait_quiet()
    daemon.wait(lambda: sorted(prefix or "" for prefix in prefixes(daemon).values()) == sorted([ATT, WEBPASS]), "both again")


def test_a_prefix_that_expires_takes_its_wan_out_and_the_other_carries(auto):
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    bus.renumber("enatt0.3242", ATT, valid=-1)
    daemon.wait(lambda: prefixes(daemon) == {"webpass": WEBPASS}, "webpass alone")
    assert lab.shares(shares(lab)) == {"webpass": 40}
    assert daemon.family("att", "ipv4")["eligible"]
    bus.renumber("enatt0.3242", ATT)
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "both")


def test_a_prefix_that_is_too_small_concerns_its_wan_only(auto):
    lab, bus, daemon = auto(att="2600:1700:2f71:c80::/64", webpass=WEBPASS)
    assert prefixes(daemon) == {"webpass": WEBPASS}
    assert lab.shares(shares(lab)) == {"webpass": 40}
    lab.give_prefix("webpass", NEW)
    bus.renumber("enwebpass0", NEW)
    daemon.wait(lambda: prefixes(daemon) == {"webpass": NEW}, "the other's new one")
    result = lab.router.run("health-check", "--status", check=False)
    assert "not in force" not in result.out, result
    assert "att IPv6: prefix 2600:1700:2f71:c80::/64 is a /64" in result.out, result
    assert "/64" not in daemon.notified("STATUS")[-1] and len(daemon.said("/64")) < 3, daemon.log()


def test_networkd_restarting_loses_nothing(auto):
    """For some seconds it knows of no prefix. What was in use stays so."""
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    before = lab.router.snapshot()
    flows = udp_flows(lab.client, 60, SERVERS6)
    assert None not in answers(flows)
    with Load(flows, rounds_per_second=100) as load:
        bus.restart(seconds=3)
        time.sleep(0.5)
    close_all(flows)
    assert load.lost == {} and load.moved == set()
    daemon.wait_snapshot(before)
    assert prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}


def test_a_link_that_networkd_reconfigures_keeps_its_prefix(auto):
    """It forgets the lease and asks for one again, which takes seconds."""
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    before = lab.router.snapshot()
    flows = udp_flows(lab.client, 60, SERVERS6)
    assert None not in answers(flows)
    with Load(flows, rounds_per_second=100) as load:
        for client in (None, {"DUID": [0, 4]}):
            bus.describe("enatt0.3242", client)
            bus.announce("enatt0.3242")
            time.sleep(0.5)
        bus.renumber("enatt0.3242", ATT)
        time.sleep(0.5)
    close_all(flows)
    assert load.lost == {} and load.moved == set()
    daemon.wait_snapshot(before)


def test_a_prefix_ends_in_time_while_networkd_has_no_lease(auto):
    lab, bus, daemon = auto(webpass=WEBPASS)
    bus.renumber("enatt0.3242", ATT, valid=6)
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "both")
    bus.describe("enatt0.3242", {"DUID": [0, 4]})
    bus.announce("enatt0.3242")
    daemon.wait_cycles(1)
    assert prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}
    daemon.wait(lambda: prefixes(daemon) == {"webpass": WEBPASS}, "webpass alone")
    assert lab.shares(shares(lab)) == {"webpass": 40}


def test_a_prefix_ends_in_time_when_networkd_has_left_the_bus(auto):
    """
    dbus is restarted, and networkd does not come back to it. The loss is said once, with what to do; once more when it is over. The
    bus itself may come late.
    """
    lab, bus, daemon = auto(webpass=WEBPASS)
    end = time.clock_gettime(time.CLOCK_BOOTTIME) + 7
    bus.renumber("enatt0.3242", ATT, valid=7)
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "both")
    bus.stop_bus()
    flows = udp_flows(lab.client, 60, SERVERS6)
    sources = {flow.identity: answer.source for flow, answer in zip(flows, answers(flows))}
    with Load(flows, rounds_per_second=100) as load:
        daemon.wait(lambda: prefixes(daemon) == {"webpass": WEBPASS}, "webpass alone")
        wait_until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) >= end, "the end")
        lab.isp("att").accept_only([])
        daemon.wait(lambda: "there is no system bus" in told(lab).get("networkd", ""), "said by --status")
        bus.start_bus()
        daemon.wait(lambda: "it is not on the system bus" in told(lab)["networkd"], "the bus is there again")
    close_all(flows)
    assert not [one for one in {*load.lost, *load.moved} if sources[one].startswith("2604")], "webpass's flows go on"
    assert lab.leaks() == {}
    assert lab.shares(shares(lab)) == {"webpass": 40}
    assert traces(lab, ATT) == [] and daemon.family("att", "ipv4")["eligible"]
    assert "`systemctl restart systemd-networkd`" in told(lab)["networkd"]
    daemon.said_once("systemd-networkd can't be asked")
    daemon.said_once(f"prefix {ATT} has reached the end of its lifetime")
    lab.isp("att").accept_only([ATT])
    bus.delegate("enatt0.3242", ATT)
    bus.stop()
    bus.start()
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "both again")
    daemon.wait(lambda: told(lab) == {}, "all is well")
    daemon.said_once("systemd-networkd answers again")


def test_networkd_and_the_daemon_restarting_together_lose_nothing(auto):
    """A daemon that has just started knows the prefix, too, that networkd does not tell yet."""
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    before = lab.router.snapshot()
    flows = udp_flows(lab.client, 60, SERVERS6)
    assert None not in answers(flows)
    with Load(flows, rounds_per_second=50) as load:
        daemon.stop()
        bus.stop()
        for one in lab.wans:
            bus.describe(one.interface, {"DUID": [0, 4]})
        bus.start()
        daemon = lab.daemon()
        time.sleep(2)
        bus.renumber("enatt0.3242", ATT)
        bus.renumber("enwebpass0", WEBPASS)
        time.sleep(0.5)
    close_all(flows)
    assert load.lost == {} and load.moved == set()
    daemon.wait_snapshot(before)
    assert prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}


def test_networkd_going_away_and_coming_back_is_followed(auto):
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    before = lab.router.snapshot()
    bus.stop()
    time.sleep(1)
    assert lab.router.snapshot() == before
    lab.give_prefix("att", NEW)
    bus.delegate("enatt0.3242", NEW)
    bus.start()
    daemon.wait(lambda: prefixes(daemon) == {"att": NEW, "webpass": WEBPASS}, "the new one")
    bus.renumber("enatt0.3242", ATT)  # the new connection's signals are heard too
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "the old one again")


def test_a_networkd_that_starts_later_than_the_daemon_is_heard(make_lab):
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")], health=HEALTH)
    bus = lab.networkd()
    bus.stop()
    daemon = lab.daemon()
    assert prefixes(daemon) == {}
    bus.delegate("enatt0.3242", ATT)
    bus.delegate("enwebpass0", WEBPASS)
    bus.start()
    daemon.wait(lambda: prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}, "both")


def test_a_networkd_that_does_not_answer_does_not_keep_it_from_probing(auto):
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    bus.slow(5000)
    bus.announce("enatt0.3242")
    lab.isp("webpass").count_echo()
    time.sleep(3)
    assert sum(lab.isp("webpass").echo().values()) >= 4
    assert prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}


def test_a_storm_of_signals_is_kept_up_with(auto):
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    cpu = daemon.cpu()
    with lab.router.monitor() as monitor:
        for _ in range(1000):
            bus.announce("enatt0.3242")
        time.sleep(1)
        assert monitor.events() == {}
    assert daemon.cpu() - cpu < 1
    assert prefixes(daemon) == {"att": ATT, "webpass": WEBPASS}


def test_a_networkd_that_hangs_holds_nobody_up(auto):
    """Whoever runs update-npt waits for its answer, but not with the lock that the daemon needs."""
    lab, bus, daemon = auto(att=ATT, webpass=WEBPASS)
    with bus.silent():
        program = lab.router.start("update-npt")
        time.sleep(0.2)
        lab.router.nft("flush ruleset")
        daemon.wait(lambda: "chain exits" in lab.router.ruleset(), "the base ruleset is back")
        assert program.poll() is None, "it still waits"
        assert program.communicate() == ("", "") and program.returncode == 0
