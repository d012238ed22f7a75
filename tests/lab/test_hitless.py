# SPDX-License-Identifier: GPL-2.0-or-later
"""Established flows on healthy WANs lose nothing (I5), a second run changes nothing (I6), one run is enough (I7)."""

import pytest

from lab import SERVERS4, SERVERS6, STRANGER6
from traffic import Load, TcpFlow, UdpFlow, answers, close_all, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}


def open_flows(lab, count=120):
    """UDP flows of both families from the client, each answered once; {identity: WAN's name} with them."""
    flows = udp_flows(lab.client, count, SERVERS4 + SERVERS6)
    return flows, {flow.identity: lab.wan_of(seen.source).name for flow, seen in zip(flows, answers(flows))}


def losses(load, homes, name):
    """What the load lost on one WAN."""
    return {flow: lost for flow, lost in load.lost.items() if homes[flow] == name}


def shares(lab, family, count=100):
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = lab.shares(answers(flows))
    close_all(flows)
    return seen


# I5: established flows on healthy WANs lose nothing

def test_i5_reloading_the_base_loses_nothing(lab):
    flows, _ = open_flows(lab)
    streams = [TcpFlow(lab.client, server) for server in SERVERS4 + SERVERS6]
    with Load(flows, rounds_per_second=100) as load:
        for _ in range(15):
            lab.router.load_base()
            assert all(stream.echo("x") == "x" for stream in streams)
    close_all(flows + streams)
    assert load.lost == {} and load.moved == set() and lab.leaks() == {}


def test_i5_new_flows_are_carried_right_after_a_reload(lab):
    """The base includes the runtime rules: there is no gap until the next run."""
    lab.router.load_base()
    for family in (4, 6):
        assert set(shares(lab, family, 60)) == {"att", "webpass"}
    for wan in lab.wans:
        with UdpFlow(lab.internet, wan.edge(), STRANGER6) as flow:
            assert flow.ask()


def test_i5_running_the_programs_again_loses_nothing(lab):
    flows, _ = open_flows(lab)
    with Load(flows, rounds_per_second=100) as load:
        for turn in range(10):
            lab.router.health(att4="down" if turn % 2 else "up", att6="up" if turn % 2 else "down")
            lab.router.update()
    close_all(flows)
    assert load.lost == {} and load.moved == set() and lab.leaks() == {}


def test_i5_a_wan_going_down_and_up_loses_nothing_on_the_other(lab):
    flows, homes = open_flows(lab)
    with Load(flows, rounds_per_second=100) as load:
        lab.cut("att")
        lab.router.update()
        lab.mend("att")
        lab.router.update()
    close_all(flows)
    assert set(homes.values()) == {"att", "webpass"}
    assert losses(load, homes, "webpass") == {} and load.moved == set() and lab.leaks() == {}


def test_i5_flows_of_a_wan_that_comes_back_go_on(lab):
    flows, homes = open_flows(lab, 60)
    lab.cut("att")
    lab.router.update()
    lab.mend("att")
    lab.router.update()
    for flow in flows:
        flow.send()
    assert {flow.identity: lab.wan_of(seen.source).name for flow, seen in zip(flows, answers(flows))} == homes
    close_all(flows)


# I6: a second run changes nothing

@pytest.mark.parametrize("program", [["update-routes"], ["update-npt"], ["update-npt", "enatt0.3242"],
                                     ["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/60"]])
def test_i6_a_second_run_is_silent(lab, program):
    before = lab.router.snapshot()
    with lab.router.monitor() as monitor:
        lab.router.run(*program)
        assert monitor.events() == {}
    assert lab.router.snapshot() == before
    assert lab.router.run(*program, "--dry-run").out == ""
    assert lab.router.run(*program, "--check").code == 0


def test_i6_a_run_after_a_reload_is_silent(lab):
    lab.router.load_base()
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}


# I7: from any state, one run reaches the configured one (more in test_converge.py)

def test_i7_one_run_of_either_program_reaches_the_same_state(lab):
    wanted = lab.router.snapshot()
    for program in ("update-routes", "update-npt"):
        lab.router.command(["nft", "flush", "ruleset"])
        lab.router.load_base()
        for family in (4, 6):
            lab.router.command(["ip", f"-{family}", "route", "flush", "table", "all", "proto", "77"])
        lab.router.run(program)
        assert lab.router.snapshot() == wanted
