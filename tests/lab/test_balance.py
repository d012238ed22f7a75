# SPDX-License-Identifier: GPL-2.0-or-later
"""New flows are spread over the WANs as configured."""

import socket
from collections import Counter

import pytest

import wans
from icmp import Echo
from lab import CLIENT4, MANY6, SERVERS4, SERVERS6, SPREAD4, SPREAD6
from traffic import TcpFlow, UdpFlow, answers, close_all, tcp_answers, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def expect(shares, weights, sigmas=4):
    """Each WAN's count is within 4 sigma of its weight's share, and nothing else is there."""
    total, weight = sum(shares.values()), sum(weights.values())
    assert set(shares) <= set(weights), f"lost or from elsewhere: {shares}"
    for name, part in weights.items():
        share = part / weight
        sigma = (total * share * (1 - share)) ** 0.5
        assert abs(shares[name] - total * share) <= sigmas * sigma, f"{name}: {shares}"


def udp_share(lab, family, count, servers=None, sources=(None,)):
    flows = udp_flows(lab.client, count, servers or SERVERS[family], sources)
    seen = answers(flows)
    close_all(flows)
    return lab.shares(seen)


@FAMILIES
def test_two_wans_carry_half_each(lab, family):
    expect(udp_share(lab, family, 2000), {"att": 1, "webpass": 1})


@FAMILIES
def test_udp_flows_are_shared_by_weight(lab3, family):
    expect(udp_share(lab3, family, 3000), {"isp1": 5, "isp2": 3, "isp3": 2})


@FAMILIES
def test_tcp_flows_are_shared_by_weight(lab3, family):
    expect(lab3.shares(tcp_answers(lab3.client, 3000, SERVERS[family])), {"isp1": 5, "isp2": 3, "isp3": 2})


@FAMILIES
def test_echo_flows_are_shared_by_weight(lab3, family):
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    with Echo(lab3.internet, af) as tap, Echo(lab3.client, af) as client:
        for identifier in range(3000):
            client.send(SERVERS[family][0], identifier)
        requests = tap.received(requests=True)
        replies = client.received()
    assert len({identifier for _, identifier in replies}) == 3000
    expect(Counter(lab3.wan_of(source).name for source, _ in requests), {"isp1": 5, "isp2": 3, "isp3": 2})


@FAMILIES
def test_only_the_lowest_tier_carries_flows(make_lab, family):
    lab = make_lab(wans.many([1, 1, 1], [1, 1, 2])).up()
    shares = udp_share(lab, family, 600)
    expect(shares, {"isp1": 1, "isp2": 1})


@FAMILIES
def test_the_next_tier_takes_over_when_the_lowest_is_down(make_lab, family):
    lab = make_lab(wans.many([1, 1, 3, 1], [1, 1, 2, 2]))
    lab.router.health(**{f"isp1{family}": "down", f"isp2{family}": "down"})
    lab.up()
    expect(udp_share(lab, family, 800), {"isp3": 3, "isp4": 1})


@FAMILIES
def test_a_tier_with_one_wan_left_does_not_open_the_next(make_lab, family):
    lab = make_lab(wans.many([1, 1, 1], [1, 1, 2]))
    lab.router.health(**{f"isp1{family}": "down"})
    lab.up()
    assert udp_share(lab, family, 200) == {"isp2": 200}


def test_a_source_keeps_its_wan_in_mode_source(make_lab):
    lab = make_lab(wans.many([1, 1]), balance={"mode": "source"}).up()
    by_source = {}
    for number in range(300):
        with UdpFlow(lab.client, SERVERS6[number % 2], f"{MANY6}{number:x}") as first, \
                TcpFlow(lab.client, f"{SPREAD6}{number:x}", f"{MANY6}{number:x}") as second:
            seen = {lab.wan_of(one.source).name for one in (first.ask(), second.greeting)}
        assert len(seen) == 1
        by_source[number] = seen.pop()
    expect(Counter(by_source.values()), {"isp1": 1, "isp2": 1})


def test_each_public_identity_keeps_its_wan_in_mode_source(make_lab):
    lab = make_lab(wans.many([1, 1]), balance={"mode": "source"}).up()
    by_inside = {}
    flows = [UdpFlow(lab.opnsense, f"{SPREAD4}{i}", inside) for i in range(1, 41) for inside in wans.INSIDE4]
    for flow in flows:
        flow.send()
    for i, seen in enumerate(answers(flows)):
        by_inside.setdefault(wans.INSIDE4[i % 5], set()).add(lab.wan_of(seen.source).name)
    close_all(flows)
    assert all(len(names) == 1 for names in by_inside.values()), by_inside


def test_a_pair_keeps_its_wan_in_mode_source_destination(make_lab):
    lab = make_lab(wans.many([1, 1]), balance={"mode": "source-destination"}).up()
    shares = Counter()
    for number in range(1, 251):
        server, source = f"{SPREAD6}{number:x}", f"{MANY6}{number % 5 + 1:x}"
        with UdpFlow(lab.client, server, source) as first, TcpFlow(lab.client, server, source) as second:
            seen = {lab.wan_of(one.source).name for one in (first.ask(), second.greeting)}
        assert len(seen) == 1
        shares[seen.pop()] += 1
    expect(shares, {"isp1": 1, "isp2": 1})


def test_one_source_uses_all_wans_in_mode_source_destination(make_lab):
    lab = make_lab(wans.many([1, 1]), balance={"mode": "source-destination"}).up()
    flows = [UdpFlow(lab.opnsense, f"{SPREAD4}{i}", "10.250.250.2") for i in range(1, 251)]
    for flow in flows:
        flow.send()
    shares = lab.shares(answers(flows))
    close_all(flows)
    expect(shares, {"isp1": 1, "isp2": 1})


def test_a_wan_that_is_down_only_hands_over_its_own_share(make_lab):
    """Sources on healthy WANs keep their WAN: nobody else's sessions at a bank break."""
    lab = make_lab(wans.many([1, 1, 1]), balance={"mode": "source"}).up()
    sources = [f"{MANY6}{number:x}" for number in range(1, 301)]

    def choices():
        flows = udp_flows(lab.client, len(sources), SERVERS6[:1], sources)
        seen = [lab.wan_of(one.source).name for one in answers(flows)]
        close_all(flows)
        return seen

    before = choices()
    lab.router.health(isp36="down")
    lab.router.run("update-routes")
    after = choices()
    assert "isp3" not in after
    assert [b for b, a in zip(before, after) if b != a] == ["isp3"] * before.count("isp3")


@FAMILIES
def test_many_wans_share_alike(make_lab, family):
    lab = make_lab(wans.many([1] * 8)).up()
    expect(udp_share(lab, family, 2400), {f"isp{i}": 1 for i in range(1, 9)})


def from_source(lab, source, count=50):
    flows = udp_flows(lab.opnsense, count, SERVERS4, [source])
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return seen


def test_masquerade_carries_sources_that_have_no_mapping(make_lab):
    """A WAN with a single address takes its share, and all of what the maps don't know."""
    descriptions = wans.many([1, 1])
    descriptions[1].nat4 = "masquerade"
    lab = make_lab(descriptions, inside=4).up()
    expect(from_source(lab, "10.250.250.3", 400), {"isp1": 1, "isp2": 1})
    assert from_source(lab, "10.250.250.6") == {"isp2": 50}


def test_a_source_without_mapping_goes_nowhere_where_all_wans_map(make_lab):
    lab = make_lab(wans.many([1, 1]), inside=4).up()
    assert from_source(lab, "10.250.250.6") == {"lost": 50}
    assert set(from_source(lab, "10.250.250.5")) == {"isp1", "isp2"}


def test_nat6_masquerade_shares_too(make_lab):
    descriptions = wans.many([1, 1])
    descriptions[1].nat6 = "masquerade"
    descriptions[1].prefix_key = None
    lab = make_lab(descriptions).up()
    expect(udp_share(lab, 6, 600), {"isp1": 1, "isp2": 1})


def test_translations_are_the_documented_ones(lab):
    """3d06:bad:b01:1::100 is 2600:1700:2f71:c81::100 to the world, or 2604:5500:c271:be01::100."""
    flows = udp_flows(lab.client, 40, SERVERS6)
    assert {one.source for one in answers(flows)} == {"2600:1700:2f71:c81::100", "2604:5500:c271:be01::100"}
    close_all(flows)
    flows = udp_flows(lab.client2, 40, SERVERS6)
    assert {one.source for one in answers(flows)} == {"2600:1700:2f71:c82::50", "2604:5500:c271:be02::50"}
    close_all(flows)


def test_each_public_identity_is_mapped_one_to_one(lab):
    for number, inside in enumerate(wans.INSIDE4):
        flows = udp_flows(lab.opnsense, 30, SERVERS4, [inside])
        assert {one.source for one in answers(flows)} == {one.public4[number] for one in lab.wans}
        close_all(flows)


def test_the_routers_own_edge_leaves_as_the_prefixs_first_address(lab):
    flows = udp_flows(lab.opnsense, 30, SERVERS6, [wans.ROUTER6])
    assert {one.source for one in answers(flows)} == {one.edge() for one in lab.wans}
    close_all(flows)


def test_ports_survive_one_to_one_mapping(lab):
    with UdpFlow(lab.opnsense, SERVERS4[0], "10.250.250.3") as flow:
        assert flow.ask().port == flow.sock.getsockname()[1]


def test_the_client_address_is_not_used_outside(lab):
    with UdpFlow(lab.client, SERVERS4[0], CLIENT4) as flow:
        assert lab.wan_of(flow.ask().source)
