# SPDX-License-Identifier: GPL-2.0-or-later
"""update-npt: where a prefix comes from, and what happens when it changes or goes."""

import re
import socket
import time

import pytest

import rtnl
import wans
from icmp import ping
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER6
from traffic import TcpFlow, UdpFlow, answers, close_all, refused, udp_flows

ATT, WEBPASS = "2600:1700:2f71:c80::/60", "2604:5500:c271:be00::/60"
NEW = "2600:1700:aaaa:50::/60"


@pytest.fixture
def auto(make_lab):
    """The original's two WANs with prefix6 = auto; IPv6 waits for a prefix."""
    return make_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")])


def prefixes(lab):
    """{WAN's name: prefix} as the rules in the kernel have them."""
    found = {}
    for rule in lab.router.chain("ip6", "nat", "postrouting"):
        words = rule.split()
        if "prefix" in words:
            name = next(one.name for one in lab.wans if f'"{one.interface}"' in words)
            found[name] = words[-1]
    return found


def shares(lab, count=60):
    flows = udp_flows(lab.client, count, SERVERS6)
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return seen


def traces(lab, prefix):
    """Lines of the kernel's state in which a prefix still stands."""
    start = prefix.split("::")[0] + ":"
    return [line for line in lab.router.snapshot() if start in line]


# Sources

def test_the_original_manual_commands_bring_ipv6_back(auto):
    auto.router.run("update-routes.sh")
    auto.router.run("/usr/local/bin/update-npt.sh", "enatt0.3242", ATT)
    auto.router.run("/usr/local/bin/update-npt.sh", "enwebpass0", WEBPASS)
    assert prefixes(auto) == {"att": ATT, "webpass": WEBPASS}
    assert set(shares(auto)) == {"att", "webpass"}


def test_one_prefix_given_leaves_the_other_wan_as_it_is(auto):
    auto.up()
    auto.router.run("update-npt", "enatt0.3242", ATT)
    assert prefixes(auto) == {"att": ATT}
    assert shares(auto) == {"att": 60}


def test_a_live_delegation_is_used(auto):
    auto.networkd().delegate("enatt0.3242", ATT)
    auto.networkd().delegate("enwebpass0", WEBPASS)
    auto.up()
    assert prefixes(auto) == {"att": ATT, "webpass": WEBPASS}
    assert set(shares(auto)) == {"att", "webpass"}


def test_the_argument_wins_over_the_delegation(auto):
    auto.networkd().delegate("enatt0.3242", NEW)
    auto.router.run("update-npt", "enatt0.3242", ATT)
    assert prefixes(auto) == {"att": ATT}


def test_a_fixed_prefix_wins_over_the_delegation(lab):
    lab.networkd().delegate("enatt0.3242", NEW)
    lab.router.run("update-npt")
    assert prefixes(lab)["att"] == ATT


@pytest.mark.parametrize("valid", [3600, None])
def test_lifetimes_may_be_finite_or_not(auto, valid):
    auto.networkd().delegate("enatt0.3242", ATT, valid=valid)
    auto.up()
    assert prefixes(auto) == {"att": ATT}


@pytest.mark.parametrize("client, carrier", [
    ({"Lease": {}}, "carrier"), ({"Lease": {}, "Prefixes": []}, "carrier"), ({"DUID": [0, 4]}, "no-carrier"), (None, "off")])
def test_no_delegation_means_none(auto, client, carrier):
    """networkd has a lease without a prefix, or nobody to ask: the WAN carries no IPv6, also if it once did."""
    bus = auto.networkd()
    bus.delegate("enatt0.3242", ATT)
    bus.delegate("enwebpass0", WEBPASS)
    auto.up()
    bus.describe("enatt0.3242", client, CarrierState=carrier)
    result = auto.router.run("update-npt")
    assert "<4>" in result.err
    assert prefixes(auto) == {"webpass": WEBPASS}
    left = traces(auto, ATT)
    if carrier != "carrier":  # inside, what is there is still known by it: test_hairpin
        left = [line for line in left if not line.strip().startswith(("elements", "ip6 daddr", "meta mark"))]
    assert left == []
    assert shares(auto) == {"webpass": 60}
    flows = udp_flows(auto.client, 60, SERVERS4)
    assert set(auto.shares(answers(flows))) == {"att", "webpass"}
    close_all(flows)


@pytest.mark.parametrize("client", [None, {}, {"DUID": [0, 4]}, {"Prefixes": []}])
def test_without_a_lease_the_last_prefix_stays_to_its_end(auto, client):
    """networkd has been restarted, or reconfigures the link: it asks again, and the ISP has not taken anything away."""
    bus = auto.networkd()
    bus.delegate("enwebpass0", WEBPASS)
    begin = time.monotonic()
    auto.up()
    lifetime = 3 + 5 * (time.monotonic() - begin)  # time enough for what comes, as fast as this machine is now
    bus.delegate("enatt0.3242", ATT, valid=lifetime)
    begin = time.monotonic()
    auto.up()
    before = auto.router.snapshot()
    bus.describe("enatt0.3242", client)
    for program in ("update-npt", "update-routes"):
        assert auto.router.run(program).err == ""
    assert auto.router.snapshot() == before
    time.sleep(max(0, begin + lifetime + 0.1 - time.monotonic()))
    auto.router.run("update-npt")
    assert prefixes(auto) == {"webpass": WEBPASS}
    assert traces(auto, ATT) == []


def test_an_expired_delegation_is_none(auto):
    auto.networkd().delegate("enatt0.3242", ATT, valid=-5)
    auto.up()
    assert prefixes(auto) == {}


def test_of_several_delegations_the_one_in_use_stays(auto):
    bus = auto.networkd()
    bus.delegate("enatt0.3242", ATT)
    auto.up()
    bus.delegate("enatt0.3242", NEW, ATT)
    auto.router.run("update-npt")
    assert prefixes(auto) == {"att": ATT}


def test_without_a_bus_the_last_prefix_stays(auto):
    auto.up()
    auto.router.run("update-npt", "enatt0.3242", ATT)
    auto.router.load_base()
    auto.router.run("update-npt")
    assert prefixes(auto) == {"att": ATT}


def expire(lab, prefix):
    """The lifetime of a prefix in use has ended, as far as it was known."""
    kept = lab.router.read("/run/mwan/prefixes")
    assert re.search(rf"{prefix} \d+$", kept, re.M), kept
    lab.router.write("/run/mwan/prefixes", re.sub(rf"(?m)^(.* {prefix}) .*", r"\1 1", kept))


def test_without_a_bus_the_last_prefix_ends_with_its_lifetime(auto):
    """For either program, without a daemon; one that was given by hand has none."""
    bus = auto.networkd()
    auto.router.run("update-npt", "enwebpass0", WEBPASS)
    bus.delegate("enatt0.3242", ATT)
    auto.router.run("update-npt", "enatt0.3242")
    assert prefixes(auto) == {"att": ATT, "webpass": WEBPASS}
    bus.stop_bus()
    for program in ("update-routes", "update-npt"):
        assert auto.router.run(program, "--check").code == 0
        expire(auto, ATT)
        assert auto.router.run(program, "--check", check=False).code == 3
        auto.router.run(program)
        assert prefixes(auto) == {"webpass": WEBPASS} and traces(auto, ATT) == []
        bus.start_bus()
        bus.stop()
        bus.start()
        auto.router.run("update-npt", "enatt0.3242")
        assert prefixes(auto) == {"att": ATT, "webpass": WEBPASS}
        bus.stop_bus()
    auto.router.run("update-npt", "enatt0.3242", ATT)
    assert f"att {ATT}\n" in auto.router.read("/run/mwan/prefixes"), "no end"


def test_a_prefix_whose_lifetime_has_ended_is_asked_for(auto):
    """networkd has renewed it, and nobody has run update-npt since."""
    bus = auto.networkd()
    bus.delegate("enatt0.3242", ATT)
    auto.router.run("update-npt", "enatt0.3242")
    expire(auto, ATT)
    assert '"prefix": "2600:' in auto.router.run("health-check", "--once", "--json", check=False).out
    assert auto.router.run("update-routes").err.count("no delegated IPv6 prefix") == 1, "webpass alone has none"
    assert prefixes(auto) == {"att": ATT}
    bus.stop_bus()
    assert auto.router.run("update-routes", "--check").code == 0, "the new lifetime is known"


def test_a_bus_that_has_not_come_up_yet_is_waited_for_a_bounded_time(auto):
    """Its socket is there before it is, as at boot; whoever waits has the lock."""
    auto.router.run("update-npt", "enatt0.3242", ATT)
    with auto.router.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bus:
        bus.bind(str(auto.router.path("/run/dbus/system_bus_socket")))
        bus.listen()
        begin = time.monotonic()
        auto.router.run("update-npt")
        assert time.monotonic() - begin < 20, "longer than libsystemd waits by itself"
    assert prefixes(auto) == {"att": ATT}


@pytest.mark.parametrize("trouble", ["gone", "failing", "nonsense"])
def test_a_networkd_that_does_not_answer_leaves_the_last_prefix(auto, trouble):
    """It restarts now and then; IPv6 must not go with it."""
    bus = auto.networkd()
    bus.delegate("enatt0.3242", ATT)
    auto.up()
    if trouble == "gone":
        bus.stop()
    elif trouble == "failing":
        bus.fail()
    else:
        bus.raw("enatt0.3242", "{ this is not JSON")
    auto.router.run("update-npt")
    assert prefixes(auto) == {"att": ATT}


def test_a_larger_delegation_is_used_by_its_first_block(auto):
    auto.networkd().delegate("enatt0.3242", "2600:1700:2f71:c00::/56")
    auto.up()
    assert prefixes(auto) == {"att": "2600:1700:2f71:c00::/60"}


WHOLE = "2600:1700:2f71:c00::/56"  # which has 16 blocks of a /60


def with_block(lab, number):
    """Reads mwan.conf with another block of att's, and the provider routes all of the delegation."""
    lab.wan("att").keys["prefix6_block"] = number
    lab.configure()
    return lab.router.run("update-npt", check=False)


def test_the_block_of_a_larger_delegation_can_be_chosen_and_changed(auto):
    """Hosts and the edge are reached at that block; the rest is refused. What was translated to the old block goes."""
    auto.isp("att").accept_only([WHOLE])
    auto.give_prefix("att", WHOLE)
    auto.networkd().delegate("enatt0.3242", WHOLE)
    auto.networkd().delegate("enwebpass0", WEBPASS)
    auto.up()
    assert with_block(auto, 8).code == 0
    assert prefixes(auto) == {"att": ATT, "webpass": WEBPASS}
    flows = udp_flows(auto.client, 40, SERVERS6)
    before = answers(flows)
    moved = "2600:1700:2f71:cf0::/60"
    assert with_block(auto, 15).code == 0
    assert prefixes(auto) == {"att": moved, "webpass": WEBPASS} and traces(auto, ATT) == []
    assert rtnl.tracks(auto.router, ATT) == 0
    for flow in flows:
        flow.send()
    for old, new in zip(before, answers(flows)):
        assert new.source == old.source if old.source.startswith("2604") else new.source == old.source.replace(":c8", ":cf")
    assert {one.source[:17] for one in before} == {"2600:1700:2f71:c8", "2604:5500:c271:be"}
    close_all(flows)
    for target, inside in ((wans.translate("::1", "::/60", moved), wans.ROUTER6),
                           (wans.translate(CLIENT6, wans.PREFIX6, moved), CLIENT6)):
        with UdpFlow(auto.internet, target, STRANGER6) as flow:
            assert flow.ask().local == inside
    assert refused(auto.internet, wans.translate(CLIENT6, wans.PREFIX6, ATT), STRANGER6, seconds=0.3)
    assert auto.router.run("update-npt", "--check").code == 0


def test_a_block_that_the_delegation_does_not_have_is_named_with_what_to_set(auto):
    auto.networkd().delegate("enatt0.3242", WHOLE)
    auto.networkd().delegate("enwebpass0", WEBPASS)
    result = with_block(auto, 16)
    assert result.code == 1 and prefixes(auto) == {"webpass": WEBPASS}
    assert result.err.count(f"<3>att: prefix {WHOLE} has no block 16 of a /60, as prefix6_block says: its last is 15: "
                            "set prefix6_block in [wan att] to a number from 0 to 15\n") == 1
    result = auto.router.run("update-npt", "enatt0.3242", WHOLE, check=False)
    assert result.code == 2 and "has no block 16" in result.err
    assert shares(auto) == {"webpass": 60}


def test_a_kept_prefix_that_has_no_such_block_any_more_is_named_too(auto):
    """There is nobody to ask: it is the one that the last run has kept."""
    auto.router.run("update-npt", "enatt0.3242", WHOLE)
    result = with_block(auto, 16)
    assert result.code == 1 and f"<3>att: prefix {WHOLE} has no block 16 of a /60" in result.err
    assert "set prefix6_block in [wan att] to a number from 0 to 15" in result.err
    assert "att" not in prefixes(auto)


def test_a_smaller_delegation_is_an_error_that_names_both_lengths(auto):
    bus = auto.networkd()
    bus.delegate("enatt0.3242", "2600:1700:2f71:c80::/64")
    bus.delegate("enwebpass0", WEBPASS)
    result = auto.router.run("update-npt", check=False)
    assert result.code == 1
    assert "/64" in result.err and "/60" in result.err and "att" in result.err
    assert ": set `prefix6 = 3d06:bad:b01::/64` in [lan], which fits" in result.err
    assert prefixes(auto) == {"webpass": WEBPASS}, "the other WAN is brought up"


def test_bits_beyond_the_length_are_an_error_that_names_the_prefix(auto):
    auto.router.run("update-routes")
    before = auto.router.snapshot()
    result = auto.router.run("update-npt", "enatt0.3242", "2600:1700:2f71:c81::/60", check=False)
    assert result.code == 2 and "2600:1700:2f71:c81::/60" in result.err
    assert auto.router.snapshot() == before


def test_update_routes_uses_the_recorded_prefix(auto):
    auto.router.run("update-npt", "enatt0.3242", ATT)
    auto.router.run("rm", "-rf", "/run/mwan/nft")
    auto.router.load_base()
    auto.router.run("update-routes")
    assert prefixes(auto) == {"att": ATT}


# Change

def test_a_changed_prefix_replaces_the_old_everywhere(lab):
    """Rules, edge address, source rule and route of the old are gone after one run."""
    lab.give_prefix("att", NEW)
    lab.router.run("update-npt", "enatt0.3242", NEW)
    assert traces(lab, ATT) == []
    lab.take_prefix("att", NEW)
    assert set(shares(lab)) == {"att", "webpass"}
    for target in (lab.wan("att").edge(), lab.wan("att").host(CLIENT6)):
        with UdpFlow(lab.internet, target, STRANGER6) as flow:
            assert flow.ask()
    assert lab.leaks() == {}


def test_flows_with_the_old_prefix_are_forgotten_and_the_others_stay(lab):
    flows = udp_flows(lab.client, 60, SERVERS6 + SERVERS4)
    before = {flow.identity: seen.source for flow, seen in zip(flows, answers(flows))}
    lab.give_prefix("att", NEW)
    lab.router.run("update-npt", "enatt0.3242", NEW)
    lab.take_prefix("att", NEW)
    assert rtnl.tracks(lab.router, ATT) == 0 and rtnl.tracks(lab.router, WEBPASS) > 0
    for flow in flows:
        flow.send()
    after = {flow.identity: seen.source for flow, seen in zip(flows, answers(flows))}
    close_all(flows)
    for identity, source in before.items():
        if source.startswith("2600:1700:2f71:c8"):
            assert lab.wan_of(after[identity]), "it began anew, with a prefix that is ours"
        else:
            assert after[identity] == source
    assert lab.leaks() == {}


def test_tcp_on_the_other_wan_survives_a_prefix_change(lab):
    flows = [TcpFlow(lab.client, SERVERS6[i % 2]) for i in range(20)]
    lab.give_prefix("att", NEW)
    lab.router.run("update-npt", "enatt0.3242", NEW)
    lab.take_prefix("att", NEW)
    for flow in flows:
        if flow.greeting.source.startswith("2604"):
            assert flow.echo("x") == "x"
    close_all(flows)


def test_a_packet_to_the_old_prefix_does_not_bounce_back(lab):
    """The ISP still routes it to us for a while; it must not go round in circles."""
    lab.give_prefix("att", NEW)
    lab.router.run("update-npt", "enatt0.3242", NEW)
    assert refused(lab.internet, "2600:1700:2f71:c81::100", STRANGER6, seconds=0.3)


# Variants

def test_hairpin6_sends_the_dhcpv6_address_to_opnsense(make_lab):
    lab = make_lab([wans.att(keys={"hairpin6": "yes"}), wans.webpass()]).up()
    with UdpFlow(lab.internet, lab.wan("att").address6, STRANGER6) as flow:
        seen = flow.ask()
    assert (seen.server, seen.local, seen.source) == ("opnsense", wans.ROUTER6, STRANGER6)
    with TcpFlow(lab.internet, lab.wan("att").address6, STRANGER6) as flow:
        assert flow.echo("x") == "x"
    assert refused(lab.internet, lab.wan("webpass").address6, STRANGER6, seconds=0.3)
    with UdpFlow(lab.opnsense, SERVERS6[0], wans.ROUTER6) as flow:
        assert flow.ask().source in {one.edge() for one in lab.wans}
    with UdpFlow(lab.router, SERVERS6[0]) as flow:
        assert flow.ask(), "the router's own traffic still works"


def test_nat6_masquerade_uses_the_interface_address(make_lab):
    lab = make_lab([wans.att(nat6="masquerade", prefix_key=None), wans.webpass()]).up()
    flows = udp_flows(lab.client, 60, SERVERS6)
    sources = {one.source for one in answers(flows)}
    close_all(flows)
    assert sources == {"2001:506:72f7:108c::1", lab.wan("webpass").host(CLIENT6)}


def test_the_fallback_masquerades_until_there_is_a_prefix(make_lab):
    lab = make_lab([wans.att(prefix_key="auto", keys={"nat6_fallback": "masquerade"}), wans.webpass()]).up()
    assert set(shares(lab)) == {"att", "webpass"}
    flows = udp_flows(lab.client, 60, SERVERS6)
    assert "2001:506:72f7:108c::1" in {one.source for one in answers(flows)}
    close_all(flows)
    lab.router.run("update-npt", "enatt0.3242", ATT)
    flows = udp_flows(lab.client, 60, SERVERS6)
    assert {one.source for one in answers(flows)} == {one.host(CLIENT6) for one in lab.wans}
    close_all(flows)


def test_a_site_without_ipv6_has_no_npt(make_lab):
    lab = make_lab([wans.att(prefix_key=None, nat6=None), wans.webpass(prefix_key=None, nat6=None)],
                   lan={"prefix6": None, "router6": None, "router6_linklocal": None}).up()
    assert lab.router.chain("ip6", "nat", "postrouting") == []
    with UdpFlow(lab.client, SERVERS4[0]) as flow:
        assert flow.ask()
    assert refused(lab.client, SERVERS6[0], seconds=0.2)


def test_the_edge_is_put_on_the_interface_with_our_mark(lab):
    own = {(interface, address) for interface, address, _ in lab.router.own_addresses()}
    assert {("enatt0.3242", "2600:1700:2f71:c80::1/128"), ("enwebpass0", "2604:5500:c271:be00::1/128")} <= own
    assert ping(lab.internet, "2600:1700:2f71:c80::1", STRANGER6)


def test_a_dry_run_tells_in_ip_and_nft_syntax_and_changes_nothing(auto):
    auto.router.run("update-routes")
    before = auto.router.snapshot()
    plan = auto.router.run("update-npt", "enatt0.3242", ATT, "--dry-run").out
    assert "snat prefix to 2600:1700:2f71:c80::/60" in plan and "2600:1700:2f71:c80::1" in plan
    assert auto.router.run("update-npt", "enatt0.3242", ATT, "--check", check=False).code == 3
    assert auto.router.snapshot() == before
    auto.router.run("update-npt", "enatt0.3242", ATT)
    assert auto.router.run("update-npt", "enatt0.3242", ATT, "--check").code == 0


def test_a_slow_networkd_is_waited_for_a_bounded_time(auto):
    bus = auto.networkd()
    bus.delegate("enatt0.3242", ATT)
    bus.slow(200)
    auto.up()
    assert prefixes(auto) == {"att": ATT}


@pytest.mark.plain("LeakSanitizer does not work under strace")
def test_nobody_waits_for_a_driver_of_a_link_that_is_missing(auto):
    """SIOCGIFINDEX for a name that no link has makes the kernel start modprobe, and its caller wait: for seconds, with ppp0."""
    auto.networkd()
    auto.router.ip("link del enatt0.3242\n")
    for program in (["update-npt"], ["update-routes"], ["health-check", "--once"]):
        traced = auto.router.run("strace", "-f", "-e", "trace=ioctl", *program, check=False)
        assert "att" in traced.out + traced.err and "SIOCGIFINDEX" not in traced.err, traced
