# SPDX-License-Identifier: GPL-2.0-or-later
"""[rule NAME]: new flows from inside have WANs of their own, and no other flow has."""

import socket
import threading

import pytest

import wans
from icmp import Echo
from lab import MANY6, SERVERS4, SERVERS6, SPREAD4, SPREAD6, Lab, made_by
from traffic import BUFFER, PORT, TcpFlow, UdpFlow, answers, close_all, readable, udp_flows

PORTS = (500, 4500, 5060, 5065, 6000)
SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
EXPERIMENT = 253  # a protocol without ports
EF, CS1 = 46, 8


class RulesLab(Lab):
    """The internet serves more ports."""

    def _begin(self):
        super()._begin()
        for port in PORTS:
            self.servers.add(self.internet, port)


@pytest.fixture(scope="module")
def share_lab():
    yield from made_by(RulesLab)


@pytest.fixture
def make_lab():
    yield from made_by(RulesLab)


class Flow(UdpFlow):
    """One with a source port and a class of traffic of its own."""

    def __init__(self, lab, server, source=None, port=PORT, sport=None, dscp=0):
        self.sport = sport
        super().__init__(lab.client if ":" in server else lab.opnsense, server, source, port)
        if ":" in server:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)

    def _bind(self, source):
        if self.sport:
            self.sock.bind((source, self.sport))
        else:
            super()._bind(source)


def inside(family, number=0):
    """An address inside: one of [map4], or of the client."""
    return wans.INSIDE4[number] if family == 4 else f"{MANY6}{number + 1:x}"


def outside(family, number):
    return f"{SPREAD4}{number}" if family == 4 else f"{SPREAD6}{number:x}"


def used(lab, family, servers=None, count=12, **kwargs):
    """The names of the WANs that so many flows use; "lost": there was no answer."""
    kwargs = {"source": inside(family), **kwargs}
    flows = [Flow(lab, (servers or SERVERS[family])[i % 2], **kwargs) for i in range(count)]
    for flow in flows:
        flow.send()
    seen = set(lab.shares(answers(flows)))
    close_all(flows)
    return seen


def used_by_tcp(lab, family, port):
    seen = set()
    for i in range(8):
        space = lab.client if family == 6 else lab.opnsense
        with TcpFlow(space, SERVERS[family][i % 2], inside(family), port) as flow:
            seen |= set(lab.shares([flow.greeting]))
    return seen


def used_by_echo(lab, family):
    """Echo requests as the internet sees them."""
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    with Echo(lab.internet, af) as tap, Echo(lab.client if family == 6 else lab.opnsense, af, inside(family)) as echo:
        for identifier in range(20):
            echo.send(SERVERS[family][0], 100 + identifier)
        return {lab.wan_of(source).name for source, _ in tap.received(requests=True)}


def used_by_protocol(lab, family, count=8):
    """Packets of a protocol without ports, each to another server."""
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    seen = set()
    with lab.internet.socket(af, socket.SOCK_RAW, EXPERIMENT, BUFFER) as tap, \
            (lab.client if family == 6 else lab.opnsense).socket(af, socket.SOCK_RAW, EXPERIMENT) as sock:
        sock.bind((inside(family), 0))
        for number in range(200, 200 + count):
            sock.sendto(b"x" * 8, (outside(family, number), 0))
            assert readable(tap, 60)
            seen.add(lab.wan_of(tap.recvfrom(2048)[1][0]).name)
    return seen


RULES = {
    "sip": {"protocol": "udp", "dport": "5060-5061", "wans": "isp1"},
    "range": {"dport": "5060-5069", "wans": "isp2"},
    "host": {"source": f"10.250.250.4, {MANY6}3", "wans": "isp2"},
    "net": {"destination": f"{SPREAD4}64/26, {SPREAD6}40/122", "wans": "isp1"},
    "net4": {"destination": f"{SPREAD4}8/29", "wans": "isp3"},
    "from": {"protocol": "udp", "sport": "1000-1999", "wans": "isp1"},
    "both": {"source": f"10.250.250.5, {MANY6}4", "destination": f"{SPREAD4}128/25, {SPREAD6}80/121", "protocol": "udp",
             "sport": "2000-2999", "dport": str(PORT), "wans": "isp2"},
    "class": {"dscp": "ef, cs1", "wans": "isp1"},
    "ping": {"protocol": "icmp", "wans": "isp2"},
    "experiment": {"protocol": str(EXPERIMENT), "wans": "isp1"},
    "ike": {"protocol": "udp", "dport": "500, 4500", "wans": "isp1, isp2", "mode": "source-destination"},
    "backup": {"dport": "6000", "wans": "isp3, isp1"},
}
ALL, TIER1 = {"isp1", "isp2", "isp3"}, {"isp1", "isp2"}


@pytest.fixture(scope="module")
def site(share_lab):
    """Two WANs of tier 1 and one of tier 2, and rules of each kind."""
    return share_lab(wans.many([1, 1, 1], [1, 1, 2]), rules=RULES).up()


@FAMILIES
def test_a_flow_that_no_rule_matches_is_shared_among_all(site, family):
    assert used(site, family, count=40) == TIER1
    assert used_by_tcp(site, family, PORT) <= TIER1


@FAMILIES
def test_each_field_is_matched(site, family):
    assert used(site, family, port=5060) == {"isp1"}
    assert used(site, family, source=inside(family, 2)) == {"isp2"}
    assert used(site, family, [outside(family, 64), outside(family, 127)]) == {"isp1"}
    assert used(site, family, sport=1999, count=1) == {"isp1"}
    assert used(site, family, dscp=EF) == {"isp1"} and used(site, family, dscp=CS1) == {"isp1"}
    assert used_by_echo(site, family) == {"isp2"}
    assert used_by_protocol(site, family) == {"isp1"}


@FAMILIES
def test_only_a_flow_that_has_all_of_a_rules_fields_is_matched(site, family):
    servers = [outside(family, 130), outside(family, 131)]
    lucky = {"source": inside(family, 3), "servers": servers}
    assert all(used(site, family, count=1, sport=sport, **lucky) == {"isp2"} for sport in range(2000, 2010))
    for missed in ({"source": inside(family)}, {"servers": SERVERS[family]}):
        seen = [used(site, family, count=1, sport=sport, **{**lucky, **missed}) for sport in range(2100, 2116)]
        assert set().union(*seen) == TIER1


@FAMILIES
def test_the_first_rule_in_the_file_counts(site, family):
    assert used(site, family, port=5065) == {"isp2"} and used_by_tcp(site, family, 5060) == {"isp2"}
    assert used(site, family, port=5060, source=inside(family, 2)) == {"isp1"}
    assert used(site, family, [outside(family, 64), outside(family, 65)], source=inside(family, 2)) == {"isp2"}
    assert used(site, family, port=5065, dscp=EF) == {"isp2"}


def test_a_list_of_ipv4_never_matches_ipv6(site):
    assert used(site, 4, [outside(4, 8), outside(4, 15)]) == {"isp3"}
    assert used(site, 6, [f"{SPREAD6}{n:x}" for n in (8, 15)], count=40) == TIER1


@FAMILIES
def test_a_rules_own_wans_have_tiers_among_themselves(site, family):
    """isp3 is of tier 2: it has flows only where a rule gives it some, and isp1 comes first there."""
    assert used(site, family, port=6000) == {"isp1"}


@FAMILIES
def test_ports_500_and_4500_of_a_peer_stay_together(site, family):
    seen = set()
    for number in range(150, 180):
        pair = [outside(family, number)] * 2
        both = used(site, family, pair, 1, port=500) | used(site, family, pair, 1, port=4500)
        assert len(both) == 1
        seen |= both
    assert seen == TIER1


def test_flows_keep_their_wans_and_a_second_run_is_silent(site):
    """Whatever becomes of the rules, also when they go."""
    flows = [Flow(site, SERVERS[family][i % 2], inside(family, i % 5), port) for i in range(20) for family in (4, 6)
             for port in (PORT, 5060, 5065)]
    before = [site.wan_of(flow.ask().source).name for flow in flows]
    moved = {**RULES, "sip": {**RULES["sip"], "wans": "isp2"}, "range": {**RULES["range"], "wans": "isp3"}}
    for rules in (moved, {}, RULES):
        site.configure(rules=rules)
        site.up()
        assert [site.wan_of(flow.ask().source).name for flow in flows] == before
        assert site.router.run("update-routes", "--dry-run").out == ""
        with site.router.monitor() as monitor:
            site.router.update()
            assert monitor.events() == {}
    assert used(site, 4, port=5060) == {"isp1"}
    close_all(flows)


# What becomes of a rule's flows when its WANs are down

OTHERWISE = {
    "calls": {"dport": "5060", "wans": "isp1"},
    "backup": {"dport": "6000", "wans": "isp1", "otherwise": "unreachable"},
    "pair": {"dport": "500", "wans": "isp1, isp3"},
}


def verdicts(lab, **states):
    lab.router.health(**{f"{name}{family}": state for name, state in states.items() for family in (4, 6)})
    lab.router.run("update-routes")


def refused(lab, family, port):
    """True when the flow is refused at once, with an error that the client sees."""
    with TcpFlowAttempt(lab, family, port) as attempt:
        return attempt.refused


class TcpFlowAttempt:
    def __init__(self, lab, family, port):
        af = socket.AF_INET if family == 4 else socket.AF_INET6
        self.sock = (lab.client if family == 6 else lab.opnsense).socket(af, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.bind((inside(family), 0))
        try:
            self.sock.connect((SERVERS[family][0], port))
            self.refused = False
        except (ConnectionError, OSError) as error:
            self.refused = not isinstance(error, TimeoutError)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def test_without_its_wans_a_rule_follows_the_others_or_refuses(make_lab):
    lab = make_lab(wans.many([1, 1, 1], [1, 1, 2]), rules=OTHERWISE).up()
    for family in (4, 6):
        assert used(lab, family, port=5060) == {"isp1"} and used(lab, family, port=500) == {"isp1"}

    verdicts(lab, isp1="down")
    for family in (4, 6):
        assert used(lab, family, port=5060) == {"isp2"}
        assert used(lab, family, port=500) == {"isp3"}
        assert refused(lab, family, 6000) and not refused(lab, family, 5060)

    # A last resort is one for a rule as well.
    verdicts(lab, isp1="down", isp2="down", isp3="down")
    for family in (4, 6):
        assert used(lab, family, port=5060) == {"isp1"}
        assert used(lab, family, port=6000) == {"isp1"}

    lab.configure(rules=OTHERWISE, balance={"all_down": "unreachable"})
    lab.router.run("update-routes")
    for family in (4, 6):
        assert refused(lab, family, 5060) and refused(lab, family, 6000)

    lab.configure(rules=OTHERWISE)
    verdicts(lab, isp1="up", isp2="up", isp3="up")
    for family in (4, 6):
        assert used(lab, family, port=5060) == {"isp1"} and not refused(lab, family, 6000)
    lab.cut("isp1")
    lab.router.run("update-routes")
    for family in (4, 6):
        assert used(lab, family, port=5060) == {"isp2"} and refused(lab, family, 6000)


def test_sources_that_not_each_wan_translates_use_those_of_the_rule_that_do(make_lab):
    """Of an address in no [map4], and of one whose public address is the gateway's."""
    descriptions = wans.many([1, 1, 1])
    descriptions[2].nat4 = "masquerade"
    lab = make_lab(descriptions, inside=4, rules={
        "mapped": {"dport": "5060", "wans": "isp1"}, "mixed": {"dport": "500", "wans": "isp1, isp2, isp3"},
        "strict": {"dport": "6000", "wans": "isp1", "otherwise": "unreachable"}}).up()
    unmapped = wans.INSIDE4[4]
    assert used(lab, 4, port=5060) == {"isp1"}
    assert used(lab, 4, port=5060, source=unmapped) == {"isp3"}  # balance: no WAN of the rule can
    assert used(lab, 4, port=500, source=unmapped) == {"isp3"}
    assert used(lab, 4, port=500, count=60) == ALL
    with Flow(lab, SERVERS4[0], unmapped, 6000) as flow:
        assert flow.ask(seconds=1) is None

    host = descriptions[0].public4[1]
    lab.isp("isp1").ip(f"addr add {host}/29 dev mwan\n")
    lab.router.ip(f"route replace default via {host} dev enwan1 metric 101\n")
    lab.router.run("update-routes")
    left_out = wans.INSIDE4[1]
    assert used(lab, 4, port=5060, source=left_out) == {"isp2", "isp3"}
    assert used(lab, 4, port=5060) == {"isp1"}
    with Flow(lab, SERVERS4[0], left_out, 6000) as flow:
        assert flow.ask(seconds=1) is None


def test_many_hosts_of_map4_are_known_to_each_rule(make_lab):
    """They stand in one set then; a source that is not among them is refused."""
    further = {f"10.250.250.{n}": f"isp1 192.0.2.{n}, isp2 198.51.100.{n}" for n in range(50, 80)}
    lab = make_lab(wans.many([1, 1]), lan={"prefix4": "10.250.250.0/24"}, inside=4, further=further,
                   rules={"calls": {"dport": "5060", "wans": "isp1"}, "web": {"dport": "5065", "wans": "isp2, isp1"}}).up()
    assert "@mapped" in lab.router.command(["nft", "list", "chain", "inet", "mangle", "policy/isp1"])
    assert used(lab, 4, port=5060) == {"isp1"} and used(lab, 4, source=wans.INSIDE4[3], port=5060) == {"isp1"}
    assert used(lab, 4, port=5065, count=40) == TIER1
    for port in (5060, PORT):
        with Flow(lab, SERVERS4[0], wans.INSIDE4[4], port) as flow:
            assert flow.ask(seconds=1) is None
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}


# @FILEs

def listed(lab, text):
    lab.router.write("/etc/mwan/servers.txt", text)


def test_a_list_in_a_file_is_read_again_by_each_run_and_by_a_reload(make_lab):
    lab = make_lab(health=wans.QUICK)
    rules = {"listed": {"destination": "@servers.txt", "wans": "webpass"}}
    listed(lab, f"{SERVERS4[0]}\n{SERVERS6[0]} ; the first\n")
    lab.configure(health=wans.QUICK, rules=rules)
    daemon = lab.daemon()
    daemon.wait_states()

    def each(number, count=12):
        return [used(lab, family, [SERVERS[family][number]] * 2, count) for family in (4, 6)]

    def in_force():
        return "not in force" not in lab.router.run("health-check", "--status", check=False).out

    assert each(0) == [{"webpass"}] * 2 and each(1, 40) == [{"att", "webpass"}] * 2
    listed(lab, f"{SERVERS4[1]}\n{SERVERS6[1]}\n")
    assert not in_force() and each(0) == [{"webpass"}] * 2
    daemon.reload()
    daemon.wait(lambda: each(1) == [{"webpass"}] * 2, "the list is in force")
    assert in_force() and each(0, 40) == [{"att", "webpass"}] * 2

    # A program's run puts it in force, too, and the daemon follows.
    listed(lab, f"{SERVERS4[0]}\n{SERVERS6[0]}\n")
    lab.router.run("update-routes")
    assert in_force() and each(0) == [{"webpass"}] * 2
    daemon.wait_cycles()
    assert each(0) == [{"webpass"}] * 2

    before = lab.router.snapshot()
    for mistake, message in (("192.0.2.1\nnowhere\n", 'servers.txt:2: "nowhere" is not an address or a prefix'),
                             ("", "servers.txt: there is no address or prefix in the file"),
                             (None, "servers.txt: No such file or directory")):
        if mistake is None:
            lab.router.path("/etc/mwan/servers.txt").unlink()
        else:
            listed(lab, mistake)
        result = lab.router.run("update-routes", check=False)
        assert result.code == 2 and "[rule listed] destination: /etc/mwan/" + message in result.err
        daemon.reload()
        daemon.wait(lambda text=message: any(text in line for _, line in daemon.lines), "it is refused")
        assert lab.router.snapshot() == before and each(0) == [{"webpass"}] * 2


# Hitless

class NewFlows(threading.Thread):
    """Opens flows that rules match, one after another, until it is stopped; `seen` counts their WANs."""

    def __init__(self, lab, port):
        super().__init__(daemon=True)
        self.lab, self.port, self.seen, self.running = lab, port, {}, True

    def run(self):
        number = 0
        while self.running:
            number += 1
            family = 4 if number % 2 else 6
            with Flow(self.lab, SERVERS[family][0], inside(family, number % 5), self.port) as flow:
                for name in self.lab.shares([flow.ask()]):
                    self.seen[name] = self.seen.get(name, 0) + 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.join()


def test_rules_and_lists_change_without_a_gap_for_other_rules(make_lab):
    """New flows that a rule matches never fall through to the others while rules around it change."""
    lab = make_lab()

    def rules(turn):
        listed(lab, "".join(f"192.0.{i}.0/24\n" for i in range(turn % 7 + 1, 60)))
        extra = {f"more{i}": {"dport": str(7000 + i), "wans": "webpass"} for i in range(turn % 3)}
        return {**extra, "list": {"destination": "@servers.txt", "wans": "att" if turn % 2 else "webpass"},
                "steady": {"protocol": "udp", "dport": "5060-5061", "wans": "att"}}

    lab.configure(rules=rules(0))
    lab.up()
    with NewFlows(lab, 5060) as load:
        for turn in range(1, 41):
            lab.configure(rules=rules(turn))
            lab.router.run("update-routes")
    assert set(load.seen) == {"att"} and load.seen["att"] > 40
