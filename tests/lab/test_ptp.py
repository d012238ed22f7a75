# SPDX-License-Identifier: GPL-2.0-or-later
"""Point-to-point WANs: PPPoE and modems, whose links vanish, and return as other ones with other addresses."""

import json

import pytest

import test_mss
import wans
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import Load, UdpFlow, answers, close_all, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}
AFRESH = "198.51.100.77/32"  # what dsl's next call gets


def shares(lab, family, count=60):
    flows = udp_flows(lab.client, count, SERVERS[family])
    seen = lab.shares(answers(flows))
    close_all(flows)
    return seen


def hang_up(lab, daemon, name):
    """The daemon has left the WAN when this returns."""
    lab.hang_up(name)
    daemon.wait(lambda: not daemon.family(name, "ipv4")["eligible"], f"{name} is left")


def wait_for(daemon, name, *families):
    daemon.wait(lambda: all(daemon.family(name, family)["eligible"] for family in families), f"{name} is taken again")


def delegate(lab):
    for one in lab.wans:
        if one.prefix_key == "auto":
            lab.networkd().delegate(one.interface, one.prefix6)


@pytest.fixture
def dsl(make_lab):
    lab = make_lab([wans.webpass(), wans.dsl(prefix_key="auto")], health=wans.QUICK)
    delegate(lab)
    return lab


def test_pppoe_carries_both_families_with_segments_that_fit(dsl):
    dsl.up()
    for family in (4, 6):
        assert set(shares(dsl, family)) == {"webpass", "dsl"}
        assert test_mss.outbound(dsl, family) == {"webpass": {(1500, 1500)}, "dsl": {(1492, 1492)}}
    for target, inside in ((dsl.wan("dsl").edge(), wans.ROUTER6), (dsl.wan("dsl").host(CLIENT6), CLIENT6)):
        with UdpFlow(dsl.internet, target, STRANGER6) as flow:
            assert flow.ask().local == inside
    with test_mss.listen(dsl.opnsense, family=test_mss.AF[6], port=8443) as server:
        assert test_mss.connection(server, dsl.internet, 6, dsl.wan("dsl").edge(), STRANGER6)[1] == (1492, 1492)
    # Some have the other end as gateway, and not the link: both are the same.
    dsl.router.ip("route replace default via 198.51.100.1 dev ppp0 metric 102\n", 4)
    dsl.router.run("update-routes")
    assert "198.51.100.1" in [route.get("gateway") for route in dsl.router.routes(4, "300")]
    assert set(shares(dsl, 4)) == {"webpass", "dsl"}
    dsl.router.ip("link property add dev ppp0 altname dsl0\n")
    for name in ("ppp0", "dsl0"):
        assert dsl.router.run("update-npt", name, dsl.wan("dsl").prefix6, "--check").code == 0


def test_pppoe_that_hangs_up_is_left_and_taken_again_with_another_address(dsl):
    """It returns with another index, and the daemon needs nobody to tell it."""
    daemon = dsl.daemon()
    daemon.wait_states()
    kept = udp_flows(dsl.client, 30, SERVERS4 + SERVERS6)
    before = answers(kept)
    steady = [flow for flow, seen in zip(kept, before) if dsl.wan_of(seen.source).name == "webpass"]
    with Load(steady, rounds_per_second=20) as load:
        hang_up(dsl, daemon, "dsl")
        for option in ("--status", "--doctor"):
            said = " ".join(dsl.router.run("health-check", option, check=False).out.split())
            assert "there is no interface ppp0" in said and "`journalctl -t pppd` says why" in said
        for family in (4, 6):
            assert shares(dsl, family) == {"webpass": 60}
        dsl.dial("dsl", AFRESH)
        delegate(dsl)
        wait_for(daemon, "dsl", "ipv4", "ipv6")
        for family in (4, 6):
            assert set(shares(dsl, family)) == {"webpass", "dsl"}
    close_all(kept)
    assert not load.lost and not load.moved
    with UdpFlow(dsl.internet, dsl.wan("dsl").edge(), STRANGER6) as flow:
        assert flow.ask().local == wans.ROUTER6


def test_a_modem_is_found_by_its_other_name_whatever_the_kernel_calls_it(make_lab):
    """It returns as wwan7: rules, routes and probes name that; mwan.conf, --status and messages name lte0."""
    lab = make_lab([wans.webpass(), wans.lte()], health=wans.QUICK)
    daemon = lab.daemon()
    daemon.wait_states()
    assert set(shares(lab, 4)) == {"webpass", "lte"}
    hidden = lab.router.run("health-check", "--address", "ipv4", "lte", check=False)
    assert (hidden.code, hidden.out) == (1, "") and "lte has 100.70.1.2, which the internet does not reach" in hidden.err
    assert lab.router.run("health-check", "--address", "ipv4", "lte", "webpass").out == f"{lab.wan('webpass').public4[0]}\n"
    for number, interface in enumerate(("wwan7", "lte-modem0"), start=3):
        flows = udp_flows(lab.client, 30, SERVERS4)
        steady = [flow for flow, seen in zip(flows, answers(flows)) if lab.wan_of(seen.source).name == "webpass"]
        with Load(steady, rounds_per_second=20) as load:
            hang_up(lab, daemon, "lte")
            assert "there is no interface lte0" in lab.router.run("health-check", "--status", check=False).out
            assert shares(lab, 4) == {"webpass": 60}
            lab.dial("lte", f"100.70.1.{number}/32", interface)
            wait_for(daemon, "lte", "ipv4")
            daemon.wait(lambda: daemon.state("lte", "ipv4") == "up")
            assert set(shares(lab, 4)) == {"webpass", "lte"}
        close_all(flows)
        assert not load.lost and not load.moved
        ruleset = lab.router.command(["nft", "list", "ruleset"])
        assert f'"{interface}"' in ruleset and '"lte0"' not in ruleset and '"wwan0"' not in ruleset
        assert [wan["interface"] for wan in json.loads(
            lab.router.run("health-check", "--status", "--json", check=False).out)["wans"]] == ["enwebpass0", "lte0"]
    assert lab.router.run("update-routes", "--check").code == 0


def test_a_modem_that_gets_its_other_name_late_is_found_then(make_lab):
    """As udev gives it after the link is there."""
    lab = make_lab([wans.webpass(), wans.lte(altname="")], health=wans.QUICK)
    daemon = lab.daemon()
    daemon.wait(lambda: {daemon.state("webpass", family) for family in ("ipv4", "ipv6")} == {"up"})
    daemon.wait_cycles()  # nothing else is to come
    assert not daemon.family("lte", "ipv4")["eligible"]
    lab.router.ip("link property add dev wwan0 altname lte0\n")
    wait_for(daemon, "lte", "ipv4")
    assert set(shares(lab, 4)) == {"webpass", "lte"}
    with UdpFlow(lab.internet, lab.wan("lte").sources4()[0], STRANGER4) as flow:
        assert flow.ask(seconds=0.3) is None, "nobody inside is reached at a masqueraded address"
