# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing leaks (I1) when the ground moves: the LAN goes, marks, WANs and prefixes change, sources are forged."""

import socket

import pytest

import rtnl
import wans
from icmp import ping
from lab import CLIENT2_6, CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import PATIENCE, PORT, Load, UdpFlow, answers, close_all, udp_flows, wait_until

ATT, WEBPASS, NEW = "2600:1700:2f71:c80::/60", "2604:5500:c271:be00::/60", "2600:1700:aaaa:50::/60"
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
METRIC_LAST = 4278198272
LAN_GONE = {
    "down": lambda lab: lab.router.ip(f"link set {wans.LAN} down\n"),
    "deleted": lambda lab: lab.router.ip(f"link del {wans.LAN}\n"),
    "without addresses": lambda lab: lab.router.ip(f"addr flush dev {wans.LAN}\n"),
    "cut": lambda lab: lab.opnsense.ip("link set wan0 down\n"),
}


def ask_again(flows, seconds=PATIENCE):
    for flow in flows:
        flow.send()
    return answers(flows, seconds)


def open_flows(lab, servers=(*SERVERS4, *SERVERS6), count=60):
    """Flows from the client on both WANs, and how the servers saw each."""
    flows = udp_flows(lab.client, count, servers)
    seen = answers(flows)
    assert set(lab.shares(seen)) == {"att", "webpass"}
    return flows, seen


# The LAN goes

@pytest.mark.parametrize("run", [False, True], ids=["before a run", "after a run"])
@pytest.mark.parametrize("event", LAN_GONE)
def test_what_is_for_a_lan_that_is_gone_does_not_leave_through_a_wan(lab, event, run):
    outbound = udp_flows(lab.client, 40, SERVERS4 + SERVERS6, kind="late")
    inbound = [UdpFlow(lab.internet, target, stranger) for one in lab.wans
               for target, stranger in ((one.public4[1], STRANGER4), (one.host(CLIENT6), STRANGER6))]
    assert all(ask_again(inbound))
    wait_until(lambda: all(lab.servers.seen.get(flow.identity) for flow in outbound))
    LAN_GONE[event](lab)
    if run:
        lab.router.run("update-routes")
    lab.servers.release()
    for flow in inbound:
        flow.send()
    for one in lab.wans:  # behind all the others
        assert ping(lab.internet, one.address6, STRANGER6)
    close_all(outbound + inbound)
    assert lab.leaks() == {}


def test_replies_do_not_leave_while_the_routes_to_the_lan_are_missing(lab):
    """As when somebody flushes them: the WAN's default is all that is left for what comes in."""
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6, kind="late")
    wait_until(lambda: all(lab.servers.seen.get(flow.identity) for flow in flows))
    for family in (4, 6):
        for route in lab.router.own_routes(family):
            if route["dst"] != "default":
                kind = "unreachable " if "gateway" not in route and route.get("dev", "lo") == "lo" else ""
                lab.router.ip(f"route del {kind}{route['dst']} table {route.get('table', 'main')} "
                              f"metric {route.get('metric', 0)}\n", family)
    lab.servers.release()
    for one in lab.wans:  # behind all the others
        assert ping(lab.internet, one.address6, STRANGER6)
    close_all(flows)
    assert lab.leaks() == {}


def test_each_table_ends_what_is_for_the_lan(lab):
    for one in lab.wans:
        for family, inside in ((4, {"10.250.250.0/29"}), (6, {wans.PREFIX6, wans.ROUTER6})):
            last = {route["dst"] for route in lab.router.routes(family, one.table)
                    if route.get("type") == "7" and route["metric"] == METRIC_LAST}
            assert inside <= last, f"{one.name}, IPv{family}"


# Marks and WANs change

def change_marks(lab, marks):
    """The configuration with other marks; None takes a WAN out."""
    before = {one.name: one.mark for one in lab.wans}
    kept = lab.wans
    lab.wans = [one for one in kept if marks.get(one.name, one.mark) is not None]
    for one in lab.wans:
        one.mark = marks.get(one.name, one.mark)
    lab.configure()
    for one in kept:
        one.mark = before[one.name]  # the lab's links are called after it
    lab.wans = kept


@pytest.mark.parametrize("record", ["kept", "lost"])
@pytest.mark.parametrize("marks", [{"att": 2, "webpass": 1}, {"att": 7, "webpass": 8}, {"att": 7},
                                   {"att": 2, "webpass": 3}, {"att": None}, {"webpass": None}],
                         ids=["swapped", "renumbered", "one renumbered", "shifted", "first gone", "second gone"])
def test_flows_begin_anew_where_marks_change_and_go_on_where_not(lab, marks, record):
    flows, before = open_flows(lab)
    change_marks(lab, marks)
    if record == "lost":
        lab.router.run("sh", "-c", "rm -rf /run/mwan/*")
    lab.router.run("update-routes")
    after = ask_again(flows)
    close_all(flows)
    assert lab.leaks() == {}
    assert None not in after
    for old, new in zip(before, after):
        if lab.wan_of(old.source).name not in marks:
            assert (new.source, new.port) == (old.source, old.port)


@pytest.mark.parametrize("what", ["marks", "tables"])
def test_nothing_leaks_while_wans_swap_what_leads_to_them_under_load(lab, what):
    """During the run too: what leads a flow to its WAN cannot all change at once."""
    flows, _ = open_flows(lab)
    att, webpass = lab.wans
    with Load(flows, rounds_per_second=200):
        for turn in range(6):
            if what == "marks":
                change_marks(lab, {} if turn % 2 else {"att": 2, "webpass": 1})
            else:
                att.table, webpass.table = webpass.table, att.table
                lab.configure()
            lab.router.run("update-routes")
    close_all(flows)
    assert lab.leaks() == {}


# Prefixes change

@pytest.mark.parametrize("trouble", ["record lost", "WAN renamed"])
def test_flows_of_a_prefix_that_is_no_longer_known_are_gone(make_lab, trouble):
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass()]).up()
    lab.router.run("update-npt", "enatt0.3242", ATT)
    flows, _ = open_flows(lab, SERVERS6)
    if trouble == "record lost":
        lab.router.run("rm", "-f", "/run/mwan/prefixes")
    else:
        lab.wan("att").name = "fibre"
        lab.configure()
        lab.router.run("update-routes")
        ask_again(flows, seconds=0.3)
        assert lab.leaks() == {}
        lab.wan("fibre").name = "att"
    lab.give_prefix("att", NEW)
    lab.take_prefix("att", NEW)
    lab.router.run("update-npt", "enatt0.3242", NEW)
    assert rtnl.tracks(lab.router, ATT) == 0 and rtnl.tracks(lab.router, WEBPASS) > 0
    assert None not in ask_again(flows)
    close_all(flows)
    assert lab.leaks() == {}


@pytest.mark.parametrize("record", ["kept", "lost"])
def test_flows_are_gone_with_the_ipv6_of_the_site(lab, record):
    flows, before = open_flows(lab)
    for one in lab.wans:
        one.keys["prefix6"] = None
    lab.configure(lan={"prefix6": None, "router6": None, "router6_linklocal": None})
    if record == "lost":
        lab.router.run("sh", "-c", "rm -rf /run/mwan/*")
    lab.router.run("update-routes")
    assert rtnl.tracks(lab.router, ATT) == rtnl.tracks(lab.router, WEBPASS) == 0
    after = ask_again(flows, seconds=0.3)
    close_all(flows)
    assert [new for old, new in zip(before, after) if "." in old.source] == [one for one in before if "." in one.source]
    assert lab.leaks() == {}


# What may not come in, and what may not go out

def send_as(namespace, source, target, text):
    """One datagram with any source at all."""
    four = "." in source
    with namespace.socket(socket.AF_INET if four else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(*((socket.IPPROTO_IP, IP_TRANSPARENT) if four else (socket.IPPROTO_IPV6, IPV6_TRANSPARENT)), 1)
        sock.bind((source, 7777))
        sock.sendto(text.encode(), (target, PORT))


def arriving(lab, sent):
    """Which of these datagrams, {text: (source, target)}, get from att's provider to the LAN. The honest one is the last."""
    with lab.opnsense.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as lan:
        lan.bind(("wan0", 3))
        lan.settimeout(PATIENCE)
        for text, (source, target) in sent.items():
            send_as(lab.isp("att"), source, target, f"mute {text}.")
        frames = [lan.recv(2048)]
        while b"mute honest" not in frames[-1]:
            frames.append(lan.recv(2048))
    return {text for text in sent if any(f"mute {text}.".encode() in frame for frame in frames)}


OURS = {4: ["10.250.250.4", "10.250.250.1", "104.57.226.193", "104.57.226.195", "136.25.91.242", "136.25.91.246"],
        6: [CLIENT6, wans.ROUTER6, "2001:506:72f7:108c::1", "2604:5500:c271:8000::72b", "2600:1700:2f71:c80::1",
            "2600:1700:2f71:c81::100", "2604:5500:c271:be00::1", "2604:5500:c271:be0f::9"]}
NOBODYS = {4: ["0.1.2.3", "10.1.2.3", "100.64.9.9", "169.254.1.1", "172.31.1.1", "192.0.0.9", "192.168.1.1", "198.19.0.1",
               "240.0.0.1"],
           6: ["fd00::1", "fc00:1::1", "100::1", "2001:2::1"]}


@pytest.mark.parametrize("family", [4, 6])
def test_forged_sources_from_a_wan_never_reach_the_lan(lab, family):
    """Inside ones, our own of any WAN, those of any WAN's delegated prefix, and what nobody on the internet has."""
    att, stranger = lab.wan("att"), STRANGER4 if family == 4 else STRANGER6
    targets = [att.public4[1]] if family == 4 else [att.host(CLIENT2_6), att.host(CLIENT6), att.edge()]
    sent = {f"{source}-{target}": (source, target) for source in OURS[family] + NOBODYS[family] for target in targets}
    assert arriving(lab, {**sent, "honest": (stranger, targets[0])}) == {"honest"}


def test_who_is_behind_a_modem_meets_private_sources(make_lab):
    """A WAN whose own address is private has neighbours with private ones; another WAN has none."""
    modem = wans.webpass(address4="192.168.8.100/24", gateway4="192.168.8.1", nat4="masquerade", address6="fd08::100")
    lab = make_lab([wans.att(nat4="masquerade"), modem]).up()
    for one, answered in ((lab.wan("att"), False), (modem, True)):
        isp = lab.isp(one.name)
        isp.ip("link set lo up\naddr add 192.168.8.1/32 dev lo\naddr add 10.9.9.9/32 dev lo\naddr add fd08:9::9/128 dev lo\n")
        for target, source in ((one.address4.split("/")[0], "192.168.8.1"), (one.address4.split("/")[0], "10.9.9.9"),
                               (one.address6, "fd08:9::9")):
            assert ping(isp, target, source, seconds=PATIENCE if answered else 0.2) == answered, (one.name, source)


def test_unmapped_sources_avoid_a_masquerading_wan_that_is_probed_down(make_lab):
    """[map4] has no public address for them on the other WAN: refused, unless no WAN at all is up."""
    lab = make_lab([wans.att(), wans.webpass(nat4="masquerade")], inside=2).up()
    for down, wanted in (({}, "webpass"), ({"webpass4": "down"}, "lost"), ({"att4": "down"}, "webpass"),
                         ({"att4": "down", "webpass4": "down"}, "webpass")):
        lab.router.health(**down)
        lab.router.run("update-routes")
        flows = udp_flows(lab.opnsense, 8, SERVERS4, ["10.250.250.5"])
        seen = lab.shares(answers(flows, seconds=0.3))
        close_all(flows)
        assert seen == {wanted: 8}, down
