# SPDX-License-Identifier: GPL-2.0-or-later
"""[notify]: what the command is told, and that one which misbehaves harms nobody."""

import time

import pytest

import faults
import notify
import wans
from notify import Notify

QUIET = 60  # a minute in which a WAN and family are told once


def noted_lab(make, then=""):
    """A lab whose command does that; its verdicts are up, and have been for a while."""
    lab = make(health=wans.QUICK, notify=Notify.keys)
    lab.daemon().wait_states()
    lab.end_daemons()  # the next one knows the verdicts, and has not called for any
    return lab, lab.daemon(), Notify(lab.router, then)


@pytest.fixture
def noted(make_lab):
    """noted(then): a lab whose command does that."""
    made = []

    def make(then=""):
        made.append(noted_lab(make_lab, then))
        return made[-1]

    yield make
    for _, _, told in made:
        told.close()


@pytest.fixture(scope="module", autouse=True)
def flapped(share_lab):
    """A lab where att has flapped before the other tests, for the last one, which looks a minute later."""
    lab, daemon, told = noted_lab(share_lab)
    for _ in range(2):
        lab.isp("att").fault(faults.NO_IPV6)
        daemon.wait_states(att6="down")
        lab.isp("att").fault()
        daemon.wait_states()
    return lab, daemon, told


@pytest.fixture(scope="module", autouse=True)
def taken_out(share_lab):
    """A lab where there was something left to tell when the command was taken out of mwan.conf; for the last test."""
    lab, daemon, told = noted_lab(share_lab)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(told.calls, "a call")
    begin = time.monotonic()
    lab.isp("att").fault()
    daemon.wait_states()
    lab.wan("att").weight = 2
    lab.configure(health=wans.QUICK)
    daemon.reload()
    daemon.wait(lambda: daemon.wan("att")["weight"] == 2, "the new file")
    lab.isp("webpass").fault(faults.NO_IPV4)
    daemon.wait_states(webpass4="down")
    return begin, told


def test_each_verdict_that_changes_is_told_once(noted):
    lab, daemon, told = noted()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(told.calls, "a call")
    lab.isp("webpass").fault(faults.NO_IPV4)
    daemon.wait(lambda: len(told.calls()) == 2, "another call")
    time.sleep(0.5)
    assert [(one.wan, one.family, one.old, one.new, one.count, one.arguments) for one in told.calls()] == [
        ("att", "ipv6", "up", "down", "1", 0), ("webpass", "ipv4", "up", "down", "1", 0)]
    assert [(one.blocked, one.sockets) for one in told.calls()] == [(0, 0)] * 2  # it inherits nothing of the daemon's


def test_the_first_verdicts_are_told_only_where_they_are_down(make_lab):
    """That all is well after the first start wakes nobody, and does not keep an outage from being told at once."""
    lab = make_lab(health=wans.QUICK, notify=Notify.keys)
    told = Notify(lab.router)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon = lab.daemon()
    daemon.wait_states(att6="down")
    daemon.wait(told.calls, "a call")
    lab.isp("webpass").fault(faults.NO_IPV4)
    daemon.wait(lambda: len(told.calls()) > 1, "another call")
    time.sleep(0.3)
    assert [(one.wan, one.family, one.old, one.new, one.count) for one in told.calls()] == [
        ("att", "ipv6", "unknown", "down", "1"), ("webpass", "ipv4", "up", "down", "1")]


@pytest.mark.parametrize("name, families", [("carrier", ["ipv4", "ipv6"]), ("gateway", ["ipv4"])])
def test_a_wan_that_no_longer_takes_flows_is_told_whatever_it_has_lost(noted, name, families):
    """The probes have nothing to do with it."""
    lab, daemon, told = noted()
    if name == "carrier":
        lab.cut("att")
    else:
        lab.router.ip(f"route del default dev enatt0.3242 metric {lab.wan('att').metric}\n", 4)
    daemon.wait(lambda: len(told.calls("eligible")) == len(families), "calls")
    assert sorted((one.wan, one.family, one.old, one.new, one.count) for one in told.calls("eligible")) == [
        ("att", family, "true", "false", "1") for family in families]
    assert [one for one in told.calls() if one.new == "down"] == []


def test_a_wan_that_is_not_there_yet_after_a_start_is_told_only_if_it_stays_away(make_lab):
    """After a boot, one thing comes after the other, and nobody is woken up for that."""
    lab = make_lab(health=wans.QUICK, notify=Notify.keys)
    lab.daemon().wait_states()
    lab.end_daemons()
    lab.cut("att")
    told, daemon = Notify(lab.router), lab.daemon()
    daemon.wait(lambda: daemon.state("webpass", "ipv4") == "up" and not daemon.wan("att")["carrier"], "a report")
    daemon.wait_cycles(3)
    assert told.calls("eligible") == []
    lab.mend("att")
    daemon.wait_states()
    daemon.wait_cycles(3)
    assert told.calls("eligible") == []
    lab.cut("att")
    daemon.wait(lambda: len(told.calls("eligible")) == 2, "it was there: its loss is told")


def test_a_command_that_hangs_holds_up_nothing_and_is_ended_with_its_children(noted):
    lab, daemon, told = noted(notify.HANG)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(lambda: len(told.living()) >= 2, "the command and its child")
    begin = time.monotonic()
    lab.isp("webpass").fault(faults.NO_IPV4)
    daemon.wait_states(att6="down", webpass4="down")
    lab.isp("att").fault()
    lab.isp("webpass").fault()
    daemon.wait_states()
    assert told.living(), "ended too early"
    daemon.wait(lambda: not told.living(), "its processes are ended")
    assert time.monotonic() - begin > 8, "it had no time to end by itself"


@pytest.mark.parametrize("what", ["fails", "is missing", "is a folder", "is not executable"])
def test_a_command_that_does_not_work_is_told_and_no_more(noted, what):
    lab, daemon, told = noted(notify.FAIL)
    path = lab.router.path(notify.COMMAND)
    if what == "is missing":
        path.unlink()
    elif what == "is a folder":
        path.unlink()
        path.mkdir()
    elif what == "is not executable":
        path.chmod(0o644)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    daemon.wait(lambda: daemon.said(notify.COMMAND), "says what is wrong with the command")
    assert len(told.calls()) == (what == "fails")
    lab.isp("att").fault()
    daemon.wait_states()


def test_flapping_is_told_once_a_minute_with_the_count(flapped):
    _, daemon, told = flapped
    daemon.wait(lambda: len(told.calls()) == 2, "the rest, after a minute")
    first, last = told.calls()
    assert (first.new, first.count) == ("down", "1")
    assert (last.old, last.new, last.count) == ("down", "up", "3")
    assert last.when - first.when >= QUIET - 1


def test_a_command_that_was_taken_out_is_not_called_any_more(taken_out):
    """Neither for what changes then, nor for what was left to tell after a minute."""
    begin, told = taken_out
    time.sleep(max(0, begin + QUIET + 3 - time.monotonic()))
    assert [(one.wan, one.family, one.new) for one in told.calls()] == [("att", "ipv6", "down")]
