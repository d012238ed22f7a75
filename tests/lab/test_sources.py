# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of a link's addresses packets leave a WAN from, and what becomes of flows when it changes."""

import socket

import pytest

import topology
import wans
from lab import SERVERS4, SERVERS6
from traffic import Load, UdpFlow, answers, close_all, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}
OTHER6 = "2001:db8:77::7"  # in a /64 of the ISP's


def masquerading(**changes):
    """A WAN that masquerades in both families."""
    return wans.att(**{"nat4": "masquerade", "nat6": "masquerade", "prefix_key": None, **changes})


def owns(lab, *addresses):
    """These are att's too: its provider routes them here and doesn't count them as leaks."""
    isp = lab.isp("att")
    for address in addresses:
        length, family = (128, 6) if ":" in address else (32, 4)
        isp.ip(f"route replace {address}/{length} via "
               f"{topology.router_linklocal(isp.wan) if family == 6 else '104.57.226.193'} dev mwan onlink\n", family)
        lab.internet.ip(f"route replace {address}/{length} via {'fe80::a' if family == 6 else '100.64.1.1'} dev i1\n",
                        family)
        isp.nft(f"add element inet lab own4 {{ {address} }}\n" if family == 4 else
                f"insert rule inet lab own6 ip6 saddr {address} accept\n")


def seen_from(lab, family, count=40):
    """The sources of new flows over att, as servers see them: from inside, and the router's own by its mark and without."""
    flows = udp_flows(lab.client, count, SERVERS[family])
    inside = {one.source for one in answers(flows) if lab.wan_of(one.source) is not lab.wan("webpass")}
    close_all(flows)
    own = set()
    for mark in (None, lab.wan("att").mark):
        for server in SERVERS[family]:
            with UdpFlow(lab.router, server, mark=mark) as flow:
                own.add(flow.ask().source)
    return inside, own


def link(lab, *lines):
    """What is done to att's addresses and routes."""
    lab.router.ip("".join(f"{line}\n".replace("DEV", lab.wan("att").interface) for line in lines))


# IPv4

LINKS4 = {
    "the route says so": ["addr flush dev DEV scope global", "addr add 192.168.100.2/24 dev DEV",
                          "addr add 104.57.226.195/29 dev DEV", "addr add 104.57.226.193/32 dev DEV",
                          "route add default via 104.57.226.198 dev DEV onlink proto dhcp src 104.57.226.193 metric 100"],
    "the lease": ["addr flush dev DEV scope global", "addr add 104.57.226.195/29 dev DEV",
                  "addr add 104.57.226.193/32 dev DEV valid_lft 3600 preferred_lft 3600",
                  "route add default via 104.57.226.198 dev DEV metric 100"],
    "beside the gateway": ["addr flush dev DEV scope global", "addr add 192.168.100.2/24 dev DEV",
                           "addr add 104.57.226.193/29 dev DEV",
                           "route add default via 104.57.226.198 dev DEV metric 100"],
}


@pytest.mark.parametrize("gateway4", ["auto", "104.57.226.198"])
@pytest.mark.parametrize("case", LINKS4)
def test_ipv4_leaves_from_the_address_of_the_wan(make_lab, case, gateway4):
    """Whatever else is on the link, in whatever order."""
    lab = make_lab([masquerading(keys={"gateway4": gateway4}), wans.webpass(weight=1)])
    link(lab, *LINKS4[case])
    lab.up()
    assert seen_from(lab, 4) == ({"104.57.226.193"}, {"104.57.226.193"})
    with lab.router.monitor() as monitor:
        lab.up()
        assert monitor.events() == {}


def test_the_routers_own_ipv4_has_no_mapped_address(make_lab):
    """Webpass's mapped addresses are on its link, for ARP. Its lease is what the router's own leave with."""
    lab = make_lab([wans.webpass(keys={"weight": "2"}), wans.att()])
    webpass = lab.wan("webpass")
    lab.router.ip(f"addr del {webpass.address4} dev {webpass.interface}\n")
    lab.up()
    lab.router.ip(f"addr add {webpass.address4} dev {webpass.interface}\n"
                  f"route add default via {webpass.gateway4} dev {webpass.interface} metric 101\n")
    lab.up()
    with UdpFlow(lab.router, SERVERS4[0]) as flow:
        assert flow.ask().source == webpass.address4.split("/")[0]


# IPv6

def test_the_routers_own_ipv6_leaves_from_the_edge(lab):
    """Towards 2001:4860::, the kernel's own choice is AT&T's 2001:506:…/128, which doesn't get there."""
    for one in lab.wans:
        for server in SERVERS6:
            with UdpFlow(lab.router, server, mark=one.mark) as flow:
                assert flow.ask().source == one.edge()
    for server in SERVERS6:
        with UdpFlow(lab.router, server) as flow:
            assert flow.ask().source == lab.wan("att").edge()
    lab.router.health(att6="down")
    lab.up()
    with UdpFlow(lab.router, SERVERS6[1]) as flow:
        assert flow.ask().source == lab.wan("webpass").edge()


def test_the_routers_own_ipv6_follows_the_prefix(make_lab):
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass()])
    new = "2600:1700:dead:be0::/60"
    lab.router.run("update-npt", "enatt0.3242", lab.wan("att").prefix6)
    lab.give_prefix("att", new)
    lab.router.run("update-npt", "enatt0.3242", new)
    lab.take_prefix("att", new)
    for mark in (None, 1):
        with UdpFlow(lab.router, SERVERS6[1], mark=mark) as flow:
            assert flow.ask().source == lab.wan("att").edge()
    with lab.router.monitor() as monitor:
        lab.up()
        assert monitor.events() == {}


@pytest.mark.parametrize("key", ["masquerade", "fallback"])
def test_ipv6_is_masqueraded_behind_the_best_address(make_lab, key):
    """Neither a /128 nor what is deprecated or unique local, while there is a better one."""
    att = masquerading() if key == "masquerade" else wans.att(prefix_key="auto", keys={"nat6_fallback": "masquerade"})
    lab = make_lab([att, wans.webpass()])
    owns(lab, OTHER6)
    link(lab, "addr add fd00:9::1/64 dev DEV nodad",
         "addr add 2001:db8:78::7/64 dev DEV nodad valid_lft 3600 preferred_lft 0",
         f"addr add {OTHER6}/64 dev DEV nodad valid_lft 3600 preferred_lft 3600")
    lab.up()
    assert seen_from(lab, 6) == ({OTHER6}, {OTHER6})
    link(lab, f"addr del {OTHER6}/64 dev DEV")
    lab.up()
    assert seen_from(lab, 6) == ({att.address6}, {att.address6})


# Changes

CHANGES = {
    "another lease": ("104.57.226.193/29", "104.57.226.195/29",
                      "route replace default via 104.57.226.198 dev DEV proto dhcp metric 100"),
    "point-to-point": ("104.57.226.193 peer 104.57.226.198", "104.57.226.195 peer 104.57.226.198",
                       "route replace default via 104.57.226.198 dev DEV metric 100"),
    "IPv6": ("2001:506:72f7:108c::1/128", f"{OTHER6}/128", ""),
}


@pytest.mark.parametrize("by", ["daemon", "update-routes"])
@pytest.mark.parametrize("change", CHANGES)
def test_flows_of_an_address_that_has_gone_begin_anew(make_lab, change, by):
    """And no others: not those of the other WAN, nor those of this one that are not masqueraded."""
    old, new, route = CHANGES[change]
    mapped6 = change != "IPv6"
    att = masquerading(nat6="npt" if mapped6 else "masquerade", prefix_key="fixed" if mapped6 else None)
    lab = make_lab([att, wans.webpass()], health=wans.QUICK)
    if change == "point-to-point":
        lab.isp("att").ip("route replace 104.57.226.193/32 dev mwan\n")
        link(lab, "addr flush dev DEV scope global", f"addr add {old} dev DEV", route)
    gone, come = (address.split("/")[0].split()[0] for address in (old, new))
    owns(lab, come)
    lab.isp("att").ip(f"route replace {come}/32 dev mwan\n" if mapped6 else f"route replace {come}/128 dev mwan\n",
                      4 if mapped6 else 6)
    if by == "daemon":
        lab.daemon().wait_states()
    else:
        lab.up()
    family = 4 if mapped6 else 6
    flows = udp_flows(lab.client, 40, SERVERS[family])
    others = udp_flows(lab.client, 20, SERVERS[10 - family])
    before, steady = answers(flows), answers(others)
    assert gone in {one.source for one in before}
    with Load(others, rounds_per_second=50) as load:
        link(lab, f"addr del {old} dev DEV", f"addr add {new} dev DEV" + (" nodad" if ":" in new else ""), route)
        if by != "daemon":
            lab.up()

        probe = next(flow for flow, one in zip(flows, before) if one.source == gone)
        wait_until(lambda: probe.send() or getattr(probe.answer(0.2), "source", gone) != gone, "another address")
        flows.remove(probe)
        for flow in flows:
            flow.send()
        after = {one and one.source for one in answers(flows)}
        assert gone not in after and None not in after
    probe.close()
    close_all(flows)
    close_all(others)
    assert not load.lost and not load.moved and steady
    lab.isp("att").nft(f"delete element inet lab own4 {{ {gone} }}\n" if family == 4 else "flush chain inet lab own6\n"
                       f"add rule inet lab own6 ip6 saddr {{ ::, fe80::/10, {come} }} accept\n")
    wait_until(lambda: come in again_from(lab, family), "the new address")
    assert lab.leaks() == {}


def again_from(lab, family):
    flows = udp_flows(lab.client, 20, SERVERS[family])
    seen = [one.source for one in answers(flows)]
    close_all(flows)
    return seen


@pytest.mark.parametrize("family", [4, 6])
def test_a_flow_keeps_its_address_while_that_is_on_the_link(make_lab, family):
    """A privacy address makes way for a newer one each day, and stays on the link for a week."""
    lab = make_lab([masquerading(), wans.webpass()])
    old, new = {4: ("104.57.226.193/29", "104.57.226.195/32"), 6: ("2001:506:72f7:108c::1/128", f"{OTHER6}/64")}[family]
    gone, come = (address.split("/")[0] for address in (old, new))
    owns(lab, come)
    lab.up()
    flows = udp_flows(lab.client, 40, SERVERS[family])
    before = [one.source for one in answers(flows)]
    assert gone in before
    link(lab, f"addr add {new} dev DEV" + (" nodad" if family == 6 else ""))
    if family == 4:
        link(lab, f"route replace default via 104.57.226.198 dev DEV src {come} metric 100")
    lab.up()
    for flow in flows:
        flow.send()
    assert [one.source for one in answers(flows)] == before
    assert seen_from(lab, family) == ({come}, {come})
    link(lab, f"addr del {old} dev DEV")
    lab.up()
    for flow in flows:
        flow.send()
    after = [one and one.source for one in answers(flows)]
    close_all(flows)
    assert gone not in after and come in after
    assert [one for one in after if one != come] == [one for one in before if one != gone]


def test_nothing_leaves_with_an_address_that_has_gone_before_a_run(make_lab):
    """Nobody has looked yet: new flows are dropped, not sent with what was the WAN's a moment ago."""
    lab = make_lab([masquerading(), wans.webpass()]).up()
    link(lab, "addr add 104.57.226.195/32 dev DEV", "addr del 104.57.226.193/29 dev DEV",
         "route replace default via 104.57.226.198 dev DEV onlink metric 100")
    lab.isp("att").nft("delete element inet lab own4 { 104.57.226.193 }\n")
    flows = udp_flows(lab.client, 12, SERVERS4)
    seen = answers(flows, 0.2)
    close_all(flows)
    assert set(lab.shares(seen)) == {"lost", "webpass"}
    assert lab.leaks() == {}


def test_a_lost_lease_leaks_nothing(make_lab):
    """Not a packet leaves with the address that was: the routes go with it, then the flows, and routes come back last."""
    lab = make_lab([masquerading(), wans.webpass()], health=wans.QUICK)
    lab.daemon().wait_states()
    lab.router.nft("table inet seen { chain postrouting { type filter hook postrouting priority 300; oifname "
                   f"{lab.wan('att').interface} ip saddr 104.57.226.193 fib saddr type != local counter; }}; }}")
    flows = udp_flows(lab.client, 30, SERVERS4)
    assert "104.57.226.193" in {one.source for one in answers(flows)}
    owns(lab, "104.57.226.195")
    with Load(flows, rounds_per_second=100) as load:
        link(lab, "addr del 104.57.226.193/29 dev DEV", "addr add 104.57.226.195/29 dev DEV",
             "route replace default via 104.57.226.198 dev DEV proto dhcp metric 100")
        wait_until(lambda: load.moved)
    close_all(flows)
    seen = lab.router.command(["nft", "list", "chain", "inet", "seen", "postrouting"])
    assert "counter packets 0 " in seen, seen


# Routes

def test_routes_of_an_older_version_get_their_source(lab):
    """In one run, without a moment in which there is no default."""
    wanted = [lab.router.own_routes(family) for family in (4, 6)]
    for family in (4, 6):
        for route in lab.router.own_routes(family):
            if "prefsrc" in route:
                words = (f"default via {route['gateway']} dev {route['dev']} table {route.get('table', 'main')} proto 77 "
                         + (f"metric {route['metric']} " if route.get("metric") else ""))
                lab.router.ip(f"route del {words}\nroute add {words}\n", family)
    assert [lab.router.own_routes(family) for family in (4, 6)] != wanted
    lab.up()
    assert [lab.router.own_routes(family) for family in (4, 6)] == wanted


def test_the_mark_still_leads_where_the_router_binds(lab):
    """A source that a program names wins over the route's."""
    att = lab.wan("att")
    with UdpFlow(lab.router, SERVERS6[0], att.address6) as flow:
        assert flow.ask().source == att.address6
    with lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((att.gateway4, 9))
        assert sock.getsockname()[0] == att.address4.split("/")[0]
