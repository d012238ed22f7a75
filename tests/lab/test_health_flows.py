# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of flows: when their WAN is declared down, and when the daemon itself comes and goes."""

import time

import pytest

import faults
import rtnl
import wans
from lab import SERVERS4, SERVERS6
from traffic import Load, TcpFlow, answers, close_all, udp_flows


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


def tracked(lab, name, family):
    """How many flows of the family are tracked on a WAN; a few more than were opened: probes."""
    return rtnl.marked(lab.router, family, lab.wan(name).mark)


def both(**keys):
    return [wans.att(keys=keys), wans.webpass(keys=keys)]


def all_over(lab, daemon, name, flows):
    daemon.wait(lambda: lab.shares(ask_again(flows)) == {name: len(flows)}, f"all over {name}")


def test_drained_flows_wait_for_their_wan(watch):
    lab, daemon = watch()
    flows, before = open_flows(lab, SERVERS4 + SERVERS6)
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(att4="down", att6="down")
    during = lab.shares(ask_again(flows, 0.5))
    assert set(during) == {"lost", "webpass"}
    lab.isp("att").fault()
    assert sources(ask_again(flows)) == before
    daemon.wait_states()
    assert sources(ask_again(flows)) == before
    close_all(flows)


def test_flushed_flows_go_on_over_another_wan(watch):
    lab, daemon = watch(both(down_flows="flush"))
    flows, before = open_flows(lab, SERVERS4 + SERVERS6)
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(att4="down", att6="down")
    all_over(lab, daemon, "webpass", flows)
    after = sources(ask_again(flows))
    assert [new for new, old in zip(after, before) if lab.wan_of(old).name == "webpass"] == [
        old for old in before if lab.wan_of(old).name == "webpass"]
    close_all(flows)


def test_only_the_family_that_is_down_is_flushed(watch):
    """The IPv4 flows were opened when webpass had no IPv4: opened anew, half of them would move there."""
    lab, daemon = watch(both(down_flows="flush"))
    lab.isp("webpass").fault(faults.NO_IPV4)
    daemon.wait_states(webpass4="down")
    flows = udp_flows(lab.client, 40, SERVERS4)
    before = sources(answers(flows))
    lab.isp("webpass").fault()
    daemon.wait_states()
    flows6, _ = open_flows(lab, SERVERS6)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    all_over(lab, daemon, "webpass", flows6)
    assert tracked(lab, "att", 4) >= len(flows)
    assert sources(ask_again(flows)) == before
    close_all(flows + flows6)


def test_the_last_usable_wan_of_ipv4_keeps_those_flows_when_its_ipv6_is_down(watch):
    lab, daemon = watch(both(down_flows="flush"))
    lab.isp("webpass").fault(faults.NO_IPV4)
    daemon.wait_states(webpass4="down")
    flows = [TcpFlow(lab.client, SERVERS4[0]) for _ in range(10)]
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down", webpass4="down")
    daemon.wait(lambda: daemon.said("flows are removed"), "IPv6 is flushed")
    assert tracked(lab, "att", 4) >= len(flows)
    assert [flow.echo("still here") for flow in flows] == ["still here"] * len(flows)
    close_all(flows)


def test_flows_are_not_flushed_before_the_others_can_have_them(watch):
    """With a base ruleset that can't be loaded every run fails. What is sent is not translated, so nothing is."""
    lab, daemon = watch(both(down_flows="flush"))
    flows, before = open_flows(lab, SERVERS4)
    count = sum(lab.wan_of(source).name == "att" for source in before)
    base = lab.router.read("/etc/mwan/nftables.conf")
    lab.router.write("/etc/mwan/nftables.conf", "nonsense\n")
    lab.router.command(["nft", "flush", "ruleset"])
    begin = time.monotonic()
    lab.isp("att").fault(faults.NO_IPV4)
    daemon.wait(lambda: daemon.said("att IPv4 is down", begin), "the verdict")
    time.sleep(0.5)
    assert tracked(lab, "att", 4) >= count
    lab.router.write("/etc/mwan/nftables.conf", base)
    lab.router.load_base()
    all_over(lab, daemon, "webpass", flows)
    close_all(flows)


@pytest.mark.parametrize("down_flows", ["drain", "flush"])
def test_flows_of_a_wan_without_carrier_go_on_over_another(watch, down_flows):
    lab, daemon = watch(both(down_flows=down_flows))
    flows, _ = open_flows(lab, SERVERS4 + SERVERS6)
    lab.cut("att")
    all_over(lab, daemon, "webpass", flows)
    close_all(flows)


@pytest.mark.parametrize("when", ["webpass lost it too", "webpass lost it too and the file was edited",
                                  "the daemon did not run", "the file was edited before"])
def test_flows_of_a_wan_without_carrier_are_not_forgotten(watch, when):
    lab, daemon = watch(both())
    flows, _ = open_flows(lab, SERVERS4 + SERVERS6)
    if when == "the daemon did not run":
        daemon.stop()
        lab.cut("att")
        daemon = lab.daemon()
    elif when == "the file was edited before":
        lab.configure(health=wans.QUICK)
        lab.cut("att")
        daemon.wait(lambda: not daemon.wan("att")["carrier"], "att is cut")
        daemon.reload()
    else:
        for one in lab.wans:
            lab.cut(one.name)
        daemon.wait(lambda: not any(daemon.wan(one.name)["carrier"] for one in lab.wans), "all are cut")
        if "edited" in when:
            lab.wan("webpass").weight = 2
            lab.configure(health=wans.QUICK)
            daemon.reload()
            daemon.wait(lambda: daemon.wan("webpass")["weight"] == 2, "the new file")
        lab.mend("webpass")
    all_over(lab, daemon, "webpass", flows)
    close_all(flows)


def test_flows_of_a_wan_that_lost_its_lease_go_on_over_another_after_some_seconds(watch):
    """Not at once: networkd that is restarted gives back what it took."""
    lab, daemon = watch(both())
    flows, before = open_flows(lab, SERVERS4 + SERVERS6)
    count = {family: sum(lab.wan_of(source).name == "att" and (":" in source) == (family == 6) for source in before)
             for family in (4, 6)}
    begin = time.monotonic()
    lab.lose_lease("att")
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "not eligible")
    time.sleep(max(0, begin + 1.5 - time.monotonic()))
    assert all(tracked(lab, "att", family) >= count[family] for family in (4, 6))
    all_over(lab, daemon, "webpass", flows)
    close_all(flows)


def test_a_gateway_that_is_back_within_a_second_moves_no_flow(watch):
    lab, daemon = watch(both())
    flows, before = open_flows(lab, SERVERS4 + SERVERS6)
    att = lab.wan("att")
    routes = [f"default via {gateway} dev {att.interface} proto {proto} metric {att.metric}\n"
              for gateway, proto in ((att.gateway4, "dhcp"), (att.gateway6, "ra"))]
    lab.router.ip("".join(f"route del {route}" for route in routes))
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "not eligible")
    time.sleep(0.5)
    lab.router.ip("".join(f"route add {route}" for route in routes))
    daemon.wait(lambda: daemon.family("att", "ipv6")["eligible"], "eligible")
    assert sources(ask_again(flows)) == before
    time.sleep(4)  # what was begun then would be over by now
    assert sources(ask_again(flows)) == before
    close_all(flows)


@pytest.mark.parametrize("family", [4, 6])
def test_a_wan_that_masquerades_and_loses_its_address_leaks_nothing(watch, family):
    """The kernel takes another interface's address when there is none left to masquerade behind."""
    masquerade = {f"nat{family}": "masquerade"}
    lab, daemon = watch([wans.att(), wans.webpass(**masquerade)])
    webpass = lab.wan("webpass")
    own = webpass.address4 if family == 4 else f"{webpass.address6}/128"
    flows, _ = open_flows(lab, SERVERS4 if family == 4 else SERVERS6, 60)
    with Load(flows, rounds_per_second=100):
        lab.router.ip(f"addr del {own} dev {webpass.interface}\n")
        daemon.wait(lambda: not daemon.family("webpass", f"ipv{family}")["eligible"], "not eligible")
        assert lab.leaks() == {}
        lab.mend("webpass")
        daemon.wait(lambda: daemon.family("webpass", f"ipv{family}")["eligible"], "eligible")
        time.sleep(0.5)
    close_all(flows)
    assert lab.leaks() == {}


def test_flows_of_the_last_usable_wan_are_never_flushed(watch):
    lab, daemon = watch(both(down_flows="flush"))
    flows, _ = open_flows(lab, SERVERS4 + SERVERS6)
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(att4="down", att6="down")
    all_over(lab, daemon, "webpass", flows)
    before = [(one.source, one.port) for one in ask_again(flows)]
    lab.isp("webpass").fault(faults.EVERYTHING)
    daemon.wait_states(default="down")
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
                daemon.wait(lambda: daemon.state("att", "ipv4") == "up")
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
        daemon.wait_states(att4="down", att6="down")
        lab.isp("att").fault()
        daemon.wait_states()
    close_all(flows)
    assert load.lost == {} and load.moved == set()
