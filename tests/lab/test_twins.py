# SPDX-License-Identifier: GPL-2.0-or-later
"""Two like modems: both WANs have the same address, gateway and subnet, and each is used over its own link alone."""

from collections import Counter

import pytest

import wans
from doctor import Doctor
from lab import SERVERS4, STRANGER4
from icmp import ping
from traffic import Load, TcpFlow, UdpFlow, answers, close_all, udp_flows, wait_until

ADDRESS, GATEWAY = "192.168.8.100", "192.168.8.1"
OUTSIDE = {"one": "100.64.1.1", "two": "100.64.2.1"}  # as servers see them
NAMES = set(OUTSIDE)


def modem(name, mark, **changes):
    return wans.Wan(**{
        "name": name, "interface": f"enmodem{mark}", "mark": mark, "table": 100 * mark, "address4": f"{ADDRESS}/24",
        "gateway4": GATEWAY, "public4": [], "nat4": "masquerade", "routed4": False, "metric": 100 + mark,
        "address6": f"2001:db8:ffff:{mark}::2", "prefix6": f"2001:db8:{mark}:a0::/60", **changes})


def plug_in(make_lab, **config):
    """The lab with two modems, which translate as well, and lead pings from outside to the router."""
    lab = make_lab([modem("one", 1), modem("two", 2)], health=wans.QUICK, **config)
    for isp in lab.isps:
        isp.nft(f"""table ip modem {{
            chain prerouting {{ type nat hook prerouting priority dstnat; iifname "uplink" icmp type echo-request dnat to {ADDRESS}; }}
            chain postrouting {{ type nat hook postrouting priority srcnat; oifname "uplink" masquerade; }}
        }}""")
    return lab


@pytest.fixture
def modems(make_lab):
    return plug_in(make_lab)


def carried(lab, count=40, seconds=1):
    """New flows by the modem that a server saw."""
    flows = udp_flows(lab.client, count, SERVERS4)
    seen = Counter(one.source if one else "lost" for one in answers(flows, seconds))
    close_all(flows)
    return {name: seen.pop(outside) for name, outside in OUTSIDE.items() if outside in seen} | seen


def by_mark(lab, count=40):
    """Flows from inside, each answered once, by their modem."""
    flows = udp_flows(lab.client, count, SERVERS4)
    found = {outside: [] for outside in OUTSIDE.values()}
    for flow, one in zip(flows, answers(flows)):
        found[one.source].append(flow)
    return found[OUTSIDE["one"]], found[OUTSIDE["two"]]


def test_both_carry_and_answers_come_back(modems):
    daemon = modems.daemon()
    daemon.wait_states()
    shares = carried(modems, 100)
    assert set(shares) == NAMES and min(shares.values()) > 25
    for server in SERVERS4 * 4:
        with TcpFlow(modems.client, server) as flow:
            assert flow.echo("x" * 20000) == "x" * 20000
    with modems.router.monitor() as monitor:
        modems.up()
        assert monitor.events() == {}


@pytest.mark.parametrize("fails", sorted(NAMES))
@pytest.mark.parametrize("how", ["uplink", "link"])
def test_one_fails_and_the_other_carries(modems, fails, how):
    """Its flows, and the router's own, lose nothing; and the first is used again."""
    daemon = modems.daemon()
    daemon.wait_states()
    other = (NAMES - {fails}).pop()
    isp = modems.isp(fails)
    one, two = by_mark(modems)
    lost, steady = (one, two) if fails == "one" else (two, one)
    with Load(steady) as load:
        if how == "uplink":
            isp.uplink(False)
        else:
            modems.cut(fails)
        daemon.wait(lambda: not daemon.family(fails, "ipv4")["eligible"], "not eligible")
        assert daemon.family(other, "ipv4")["state"] == "up"
        assert carried(modems) == {other: 40}
        for source in (None, ADDRESS):
            with UdpFlow(modems.router, SERVERS4[0], source) as flow:
                assert flow.ask().source == OUTSIDE[other]
        if how == "uplink":
            isp.uplink(True)
        else:
            modems.mend(fails)
        daemon.wait(lambda: daemon.family(fails, "ipv4")["eligible"], "eligible")
        assert set(carried(modems)) == NAMES
    close_all(lost + steady)
    assert not load.lost and not load.moved
    daemon.wait_states()


def test_the_routers_own_packets_stay_on_their_link(modems):
    """Those with a mark, bound to an interface, and answers to what came in there."""
    modems.up()
    for name, outside in OUTSIDE.items():
        with UdpFlow(modems.router, SERVERS4[0], ADDRESS, mark=modems.wan(name).mark) as flow:
            assert flow.ask().source == outside
        assert ping(modems.internet, outside, STRANGER4)
    assert modems.leaks() == {}


def test_one_gets_another_lease(modems):
    """Its flows begin anew; those of the other, with what was its address too, go on."""
    new = "192.168.8.101"
    modems.up()
    one, two = by_mark(modems)
    modems.isp("one").nft(f"add element inet lab own4 {{ {new} }}\n")
    with Load(two) as load:
        modems.router.ip(f"addr del {ADDRESS}/24 dev enmodem1\naddr add {new}/24 dev enmodem1\n"
                         f"route replace default via {GATEWAY} dev enmodem1 metric 101\n")
        modems.up()
        modems.isp("one").nft(f"delete element inet lab own4 {{ {ADDRESS} }}\n")
        for flow in one:
            flow.send()
        assert {flow.source for flow in answers(one)} == {OUTSIDE["one"]}
    close_all(one + two)
    assert not load.lost and not load.moved and modems.leaks() == {}


def test_the_doctor_has_nothing_to_say_of_the_address(modems):
    daemon = modems.daemon()
    daemon.wait_states()
    assert [one for one in Doctor(modems.router).complaints() if ADDRESS in one.text] == []
    wait_until(lambda: set(carried(modems)) == NAMES)
