"""What becomes of flows: when their WAN is declared down, and when the daemon itself comes and goes."""

import time

import pytest

import faults
import wans
from lab import SERVERS4, SERVERS6
from traffic import Load, answers, close_all, udp_flows

DETECTION = 0.2 * 3 + 0.15 + 3


def open_flows(lab, servers, count=40):
    """UDP flows from the client, each answered once; and each one's source as the server saw it."""
    flows = udp_flows(lab.client, count, servers)
    seen = answers(flows)
    assert None not in seen and set(lab.shares(seen)) == {"att", "webpass"}
    return flows, [one.source for one in seen]


def ask_again(flows, seconds=1):
    for flow in flows:
        flow.send()
    return answers(flows, seconds)


def sources(seen):
    return [one and one.source for one in seen]


def both(**keys):
    return [wans.att(keys=keys), wans.webpass(keys=keys)]


def test_drained_flows_wait_for_their_wan(watch):
    lab, daemon = watch()
    flows, before = open_flows(lab, SERVERS4 + SERVERS6)
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(DETECTION, att4="down", att6="down")
    during = lab.shares(ask_again(flows, 0.5))
    assert set(during) == {"lost", "webpass"}
    lab.isp("att").fault()
    assert sources(ask_again(flows)) == before
    daemon.wait_states(DETECTION)
    assert sources(ask_again(flows)) == before
    close_all(flows)


def test_flushed_flows_go_on_over_another_wan(watch):
    lab, daemon = watch(both(down_flows="flush"))
    flows, before = open_flows(lab, SERVERS4 + SERVERS6)
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(DETECTION, att4="down", att6="down")
    daemon.wait(lambda: lab.shares(ask_again(flows)) == {"webpass": len(flows)}, 2, "all over webpass")
    after = sources(ask_again(flows))
    assert [new for new, old in zip(after, before) if lab.wan_of(old).name == "webpass"] == [
        old for old in before if lab.wan_of(old).name == "webpass"]
    close_all(flows)


def test_only_the_family_that_is_down_is_flushed(watch):
    lab, daemon = watch(both(down_flows="flush"))
    flows, before = open_flows(lab, SERVERS4)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(DETECTION, att6="down")
    assert sources(ask_again(flows)) == before
    close_all(flows)


@pytest.mark.parametrize("down_flows", ["drain", "flush"])
def test_flows_of_a_wan_without_carrier_go_on_over_another(watch, down_flows):
    lab, daemon = watch(both(down_flows=down_flows))
    flows, _ = open_flows(lab, SERVERS4 + SERVERS6)
    lab.cut("att")
    daemon.wait(lambda: lab.shares(ask_again(flows)) == {"webpass": len(flows)}, 3, "all over webpass")
    close_all(flows)


def test_flows_of_the_last_usable_wan_are_never_flushed(watch):
    lab, daemon = watch(both(down_flows="flush"))
    flows, _ = open_flows(lab, SERVERS4 + SERVERS6)
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(DETECTION, att4="down", att6="down")
    daemon.wait(lambda: lab.shares(ask_again(flows)) == {"webpass": len(flows)}, 2, "all over webpass")
    before = [(one.source, one.port) for one in ask_again(flows)]
    lab.isp("webpass").fault(faults.EVERYTHING)
    daemon.wait_states(DETECTION, default="down")
    lab.isp("webpass").fault()
    assert [one and (one.source, one.port) for one in ask_again(flows)] == before
    close_all(flows)


@pytest.mark.parametrize("how", ["stopped", "killed", "told to reread"])
def test_flows_lose_nothing_while_the_daemon_comes_and_goes(watch, how):
    lab, daemon = watch()
    flows, _ = open_flows(lab, SERVERS4 + SERVERS6, 120)
    with Load(flows, rounds_per_second=100) as load:
        for _ in range(3):
            time.sleep(0.2)
            if how == "told to reread":
                daemon.reload()
                daemon.wait(lambda: daemon.state("att", "ipv4") == "up", 1)
            else:
                daemon.stop() if how == "stopped" else daemon.kill()
                daemon = lab.daemon()
        time.sleep(0.2)
    close_all(flows)
    assert load.sent > 1000 and load.lost == {} and load.moved == set()


def test_flows_of_the_other_wan_lose_nothing_while_one_fails_and_recovers(watch):
    lab, daemon = watch(both(down_flows="flush"))
    flows, before = open_flows(lab, SERVERS4 + SERVERS6, 120)
    kept = [flow for flow, source in zip(flows, before) if lab.wan_of(source).name == "webpass"]
    with Load(kept, rounds_per_second=100) as load:
        lab.isp("att").fault(faults.EVERYTHING)
        daemon.wait_states(DETECTION, att4="down", att6="down")
        lab.isp("att").fault()
        daemon.wait_states(DETECTION)
    close_all(flows)
    assert load.lost == {} and load.moved == set()
