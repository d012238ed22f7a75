# SPDX-License-Identifier: GPL-2.0-or-later
"""update-routes --explain is right about every flow: proven by sending the flows."""

import json
import socket
import time

import pytest

import wans
from icmp import Echo
from lab import MANY6, SERVERS4, SERVERS6, SPREAD4, SPREAD6, STRANGER4, STRANGER6
from traffic import PATIENCE, PORT, UdpFlow, answers, close_all, refused, wait_until

FAMILIES = pytest.mark.parametrize("family", [4, 6])
INSIDE = {4: wans.INSIDE4, 6: [f"{MANY6}{n:x}" for n in range(1, 6)]}
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
SPREAD = {4: SPREAD4, 6: SPREAD6}
SERVER = {4: SERVERS4[0], 6: SERVERS6[0]}
STRANGER = {4: STRANGER4, 6: STRANGER6}


@pytest.fixture(scope="module")
def plain(share_lab):
    return share_lab()


def explain(lab, *flow, code=0):
    result = lab.router.run("update-routes", "--explain", *map(str, flow), "--json", check=False)
    assert result.code == code and result.err == "", result
    return json.loads(result.out)


def inside(lab, family):
    """Who has the sources that the router sees, with no translation on the way."""
    return lab.opnsense if family == 4 else lab.client


def open_flows(lab, family, count, first=1):
    """Flows that nothing has been sent in, and what is said of them: [(UdpFlow, answer)]."""
    flows = []
    for n in range(first, first + count):
        flow = UdpFlow(inside(lab, family), SPREAD4 + str(n) if family == 4 else f"{SPREAD6}{n:x}", INSIDE[family][n % 5])
        source, sport = flow.sock.getsockname()[:2]
        flows.append((flow, explain(lab, source, flow.sock.getpeername()[0], "udp", sport, PORT)))
    return flows


def send(flows):
    """Sends them; returns their Answers."""
    for flow, _ in flows:
        flow.send()
    seen = answers([flow for flow, _ in flows])
    close_all([flow for flow, _ in flows])
    return seen


def check_udp(lab, family, count):
    """What is said of flows is what they get; returns the WANs that were said."""
    flows = open_flows(lab, family, count)
    said = [(answer["wan"], answer["source"]) for _, answer in flows]
    seen = [(lab.wan_of(one.source).name, one.source) for one in send(flows)]
    assert said == seen
    return {name for name, _ in said}


@FAMILIES
def test_each_flow_of_udp_goes_where_it_is_said(lab3, family):
    assert check_udp(lab3, family, 60) == {"isp1", "isp2", "isp3"}


@FAMILIES
def test_each_connection_of_tcp_goes_where_it_is_said(lab3, family):
    for n in range(20):
        source = INSIDE[family][n % 5]
        said = explain(lab3, source, SERVER[family], "tcp", 41000 + n, PORT)
        with inside(lab3, family).socket(AF[family], socket.SOCK_STREAM) as sock:
            sock.settimeout(PATIENCE)
            sock.bind((source, 41000 + n))
            sock.connect((SERVER[family], PORT))
            assert sock.recv(4096).decode().split()[2] == said["source"], said


@FAMILIES
def test_each_echo_goes_where_it_is_said(lab3, family):
    source, ids = INSIDE[family][0], range(100, 160)
    said = {n: explain(lab3, source, SERVER[family], "icmp", n)["source"] for n in ids}
    with Echo(lab3.internet, AF[family]) as tap, Echo(inside(lab3, family), AF[family], source) as client:
        for n in ids:
            client.send(SERVER[family], n)
        seen = {}
        wait_until(lambda: seen.update({n: peer for peer, n in tap.received(requests=True, seconds=0.1)})
                   or len(seen) == len(ids), "requests")
    assert seen == said


@pytest.mark.parametrize("mode", ["source", "source-destination"])
def test_modes_that_hash_less_are_explained(make_lab, mode):
    lab = make_lab(wans.many([5, 3, 2]), balance={"mode": mode}).up()
    for family in (4, 6):
        said = explain(lab, INSIDE[family][0], SERVER[family])
        assert said["wan"] == explain(lab, INSIDE[family][0], SERVER[family], "udp", 1, 2)["wan"] is not None
        assert len(check_udp(lab, family, 30)) > 1


RULES = {
    "net": {"destination": f"{SPREAD4}0/26, {SPREAD6}0/122", "wans": "isp1", "mode": "source"},
    "ports": {"protocol": "udp", "dport": "1-10", "destination": f"{SPREAD4}64/27, {SPREAD6}40/123",
              "wans": "isp2, isp3", "otherwise": "unreachable"},
    "all": {"wans": "isp3, isp1", "mode": "source-destination"},
}


@FAMILIES
def test_rules_are_explained(make_lab, family):
    lab = make_lab(wans.many([5, 3, 2]), rules=RULES).up()
    flows = open_flows(lab, family, 60, 44)
    said = [(answer["wan"], answer["source"]) for _, answer in flows]
    assert [answer["rule"] for _, answer in flows] == ["net"] * 20 + ["ports"] * 32 + ["all"] * 8
    assert said == [(lab.wan_of(one.source).name, one.source) for one in send(flows)]
    flows = open_flows(lab, family, 30, 64)
    assert {answer["wan"] for _, answer in flows} == {"isp2", "isp3"}
    if_down = [answer["if_down"]["isp2"] if answer["wan"] == "isp2" else [answer["wan"]] for _, answer in flows]
    lab.router.health(**{f"isp2{family}": "down"})
    lab.router.run("update-routes")
    assert if_down == [[lab.wan_of(one.source).name] for one in send(flows)]


@FAMILIES
def test_if_a_wan_were_down_is_what_happens_when_it_is(lab3, family):
    flows = open_flows(lab3, family, 40)
    said = [answer["if_down"]["isp1"] if answer["wan"] == "isp1" else [answer["wan"]] for _, answer in flows]
    assert ["isp1"] in [[answer["wan"]] for _, answer in flows]
    lab3.router.health(**{f"isp1{family}": "down"})
    lab3.router.run("update-routes")
    assert [[lab3.wan_of(one.source).name] for one in send(flows)] == said
    assert all(answer["wan"] != "isp1" for _, answer in open_flows(lab3, family, 10))


@FAMILIES
def test_a_flow_that_exists_has_what_it_has(lab3, family):
    """It stays where it is while a new one would go elsewhere."""
    lab3.router.sysctl("net/netfilter/nf_conntrack_timestamp", 1)
    flows = open_flows(lab3, family, 20)
    flow, before = next((flow, said) for flow, said in flows if said["wan"] == "isp1")
    close_all([other for other, _ in flows if other is not flow])
    source, sport = flow.sock.getsockname()[:2]
    args = (source, flow.sock.getpeername()[0], "udp", sport, PORT)
    with flow:
        assert not before["exists"]
        began = time.time()
        assert lab3.wan_of(flow.ask().source).name == "isp1"
        lab3.router.health(**{f"isp1{family}": "down"})
        lab3.router.run("update-routes")
        now = explain(lab3, *args)
        assert now["exists"] and now["wan"] == "isp1" and now["mark"] == 1 and now["source"] == before["source"]
        assert [way["wan"] for way in now["ways"]] == before["if_down"]["isp1"]
        assert began - 1 <= now["flows"][0]["begin_s"] <= time.time()
        # By its answers, too; and among all between the two.
        back = explain(lab3, flow.sock.getpeername()[0], before["source"], "udp", PORT, sport)
        assert back["exists"] and back["wan"] == "isp1"
        assert len(explain(lab3, *args[:2])["flows"]) == 1
        text = lab3.router.run("update-routes", "--explain", *map(str, args)).out
        assert text.startswith(f"wan: isp1\nsource: {before['source']}\nrule: none\nmark: 1\ntable: 1001\nflow: udp ")
        assert "begun" in text and "if isp1 were down: it would stay (down_flows = drain), and a new flow: " in text


@FAMILIES
def test_what_comes_in_reaches_who_is_said(lab, family):
    for one in lab.wans:
        public = one.public4[1] if family == 4 else one.host(INSIDE[6][0])
        said = explain(lab, STRANGER[family], public, "udp", 5000, PORT)
        with UdpFlow(lab.internet, public, STRANGER[family]) as flow:
            seen = flow.ask()
        assert (said["kind"], said["wan"], said["source"]) == ("in", one.name, public)
        assert said["inside"] == seen.local


@FAMILIES
def test_what_is_turned_round_reaches_who_is_said(lab, family):
    source = INSIDE[family][1]
    public = lab.wans[1].public4[0] if family == 4 else lab.wans[1].host(INSIDE[6][0])
    said = explain(lab, source, public, "udp", 5000, PORT)
    with UdpFlow(inside(lab, family), public, source) as flow:
        seen = flow.ask()
        assert (said["kind"], said["wan"], said["mark"]) == ("turned", None, 0)
        assert (said["inside"], said["source"]) == (seen.local, seen.source)
        now = explain(lab, source, public, "udp", flow.sock.getsockname()[1], PORT)
        assert now["exists"] and now["source"] == seen.source and now["wan"] is None


def test_where_there_is_no_way_it_fails_and_says_why(make_lab):
    lab = make_lab(inside=3).up()
    unmapped = wans.INSIDE4[3]
    said = explain(lab, unmapped, SERVER[4], "udp", 5000, PORT, code=1)
    assert said["wan"] is None and "is in no line of [map4]" in said["why"][0]
    assert refused(lab.opnsense, SERVER[4], unmapped)
    lab.router.health(att6="down", webpass6="down")
    lab.configure(balance={"all_down": "unreachable"})
    lab.router.run("update-routes")
    result = lab.router.run("update-routes", "--explain", INSIDE[6][0], SERVER[6], check=False)
    assert result.code == 1 and result.out.startswith("wan: none\nsource: none\nrule: none\nmark: 0\ntable: none\n")
    assert "why: att: down\nwhy: webpass: down\n" in result.out
    assert refused(lab.client, SERVER[6], INSIDE[6][0])
    lab.router.command(["nft", "delete", "table", "inet", "filter"])
    lab.router.path("/etc/mwan/nftables.conf").unlink()
    lab.router.run("update-routes", check=False)
    said = explain(lab, wans.INSIDE4[0], SERVER[4], code=1)
    assert said["wan"] is None and said["stopped"]


def test_what_the_kernel_lacks_is_said(bare):
    assert explain(bare, wans.INSIDE4[0], SERVER[4])["due"]
    note = "note: the kernel is not like this yet: `update-routes --dry-run` shows what a run changes\n"
    assert note in bare.router.run("update-routes", "--explain", wans.INSIDE4[0], SERVER[4]).out
    assert "fwmark" not in bare.router.command(["ip", "rule"])
    bare.up()
    assert not explain(bare, wans.INSIDE4[0], SERVER[4])["due"]


@pytest.mark.parametrize("arguments, complaint", [
    (["--explain"], "--explain needs SRC and DST"),
    (["--explain", "10.250.250.2"], "--explain needs SRC and DST"),
    (["--explain", "lan", "1.1.1.1"], "SRC is no address: lan"),
    (["--explain", "10.250.250.2", "1.1.1.1/32"], "DST is no address: 1.1.1.1/32"),
    (["--explain", "10.250.250.2", "2606:4700::1"], "SRC and DST are not of one family: 2606:4700::1"),
    (["--explain", "10.250.250.2", "1.1.1.1", "http"], "PROTO is no protocol: http"),
    (["--explain", "10.250.250.2", "1.1.1.1", "256"], "PROTO is no protocol: 256"),
    (["--explain", "10.250.250.2", "1.1.1.1", "tcp", "65536"], "no number from 0 to 65535: 65536"),
    (["--explain", "10.250.250.2", "1.1.1.1", "tcp", "x", "443"], "no number from 0 to 65535: x"),
    (["--explain", "10.250.250.2", "1.1.1.1", "esp", "1"], "this protocol has no ports: esp"),
    (["--explain", "10.250.250.2", "1.1.1.1", "icmp", "1", "2"], "ICMP has an id, and no ports: 2"),
    (["--explain", "10.250.250.2", "1.1.1.1", "tcp", "1", "2", "3"], "one argument too many: 3"),
    (["10.250.250.2"], "one argument too many: 10.250.250.2"),
    (["--json"], "--json goes with --explain"),
    (["--explain", "--dry-run", "10.250.250.2", "1.1.1.1"], "--explain changes nothing, and does not go with --dry-run"),
])
def test_bad_arguments_are_refused(plain, arguments, complaint):
    result = plain.router.run("update-routes", *arguments, check=False)
    assert result.code == 2 and result.out == ""
    assert result.err.endswith(f"update-routes: {complaint} (try --help)\n"), result


