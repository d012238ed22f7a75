# SPDX-License-Identifier: GPL-2.0-or-later
"""
A provider's link with two routers: which of them is used, and what happens when one withdraws, falls silent, or
forwards nothing any more.
"""

import json

import pytest

import wans
from doctor import Doctor
from lab import SERVERS4, SERVERS6
from traffic import Load, answers, close_all, udp_flows

SERVERS = {4: SERVERS4, 6: SERVERS6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
ORDERS = pytest.mark.parametrize("order", [1, -1], ids=["best first", "best last"])
FIRST = {4: "104.57.226.198", 6: "fe80::1"}
SECOND = {4: "104.57.226.254", 6: "fe80::2"}
METRIC = {4: {FIRST[4]: 100, SECOND[4]: 200}, 6: {FIRST[6]: 100, SECOND[6]: 100}}
# As networkd makes them: with RFC 4191's preference, or with metrics.
PREFERENCE = {FIRST[4]: "", SECOND[4]: "onlink", FIRST[6]: "pref high", SECOND[6]: "pref low"}


def default(family, router):
    return (f"default via {router} dev enatt0.3242 proto {'dhcp' if family == 4 else 'ra'} "
            f"metric {METRIC[family][router]} {PREFERENCE[router]}\n")


class Pair:
    """
    The two routers of att's link. The provider is one machine with two cards there, each with an address of its own,
    so that one may be dead while the other is not.
    """

    ADDRESS = {4: {FIRST[4]: "104.57.226.198/32 dev mwan", SECOND[4]: "104.57.226.254/32 dev second"},
               6: {FIRST[6]: "fe80::1/64 dev mwan nodad", SECOND[6]: "fe80::2/64 dev second nodad"}}

    def __init__(self, lab, family):
        self.lab, self.family, self.isp = lab, family, lab.isp("att")
        self.first, self.second = FIRST[family], SECOND[family]
        self.isp.ip("link add link mwan name second address 02:00:00:00:02:99 type macvlan mode bridge\nlink set second up\n")
        for interface in ("mwan", "second"):
            self.isp.sysctl(f"net/ipv4/conf/{interface}/arp_ignore", 1)
        self.isp.ip(f"addr add {self.ADDRESS[family][self.second]}\n"
                    "addr add 192.0.2.9/32 dev mwan\n")  # with its last address, a link loses its routes
        self.isp.nft("""table inet routers {
            set dead { type ifname; }
            counter mwan { }
            counter second { }
            chain forward {
                type filter hook forward priority filter;
                meta nfproto != ipv%d accept
                iifname @dead drop
                iifname "mwan" counter name mwan
                iifname "second" counter name second
            }
        }""" % family)

    def advertise(self, *routers):
        """Default routes of these routers, in this order; the others are gone."""
        self.lab.router.command(["ip", f"-{self.family}", "route", "flush", "default", "dev", "enatt0.3242", "proto",
                                 "dhcp" if self.family == 4 else "ra"])
        for router in routers:
            self.announce(router)

    def announce(self, router):
        self.lab.router.ip(f"route append {default(self.family, router)}", self.family)

    def withdraw(self, router):
        self.lab.router.ip(f"route del {default(self.family, router)}", self.family)

    def silence(self, router, silent=True):
        """It is off, or on again. Who knows its hardware address gets no answer either."""
        address = self.ADDRESS[self.family][router]
        self.isp.ip(f"addr del {address.removesuffix(' nodad')}\n" if silent else f"addr replace {address}\n")
        self.kill(router, silent)

    def kill(self, router, dead=True):
        """It answers for its address, and forwards nothing; or it does again."""
        interface = "mwan" if router == self.first else "second"
        self.isp.nft(f'{"add" if dead else "delete"} element inet routers dead {{ "{interface}" }}')

    def watch(self):
        """Its health-check, with every WAN up over the first router."""
        daemon = self.lab.daemon()
        daemon.wait_states()
        assert self.used() == [self.first]
        return daemon

    def told(self, daemon):
        """What health.json says of it: (gateway, whether there is trouble)."""
        found = daemon.family("att", f"ipv{self.family}")
        return found["gateway"], "trouble" in found

    def used(self):
        """The gateway of the WAN's table."""
        return [route.get("gateway") for route in self.lab.router.routes(self.family, "100")
                if route["dst"] == "default" and route.get("type") != "7"]

    def forwarded(self):
        """{router: packets} since the last question."""
        listing = json.loads(self.isp.command(["nft", "-j", "reset", "counters", "table", "inet", "routers"]))["nftables"][1:]
        packets = {item["counter"]["name"]: item["counter"]["packets"] for item in listing}
        return {self.first: packets["mwan"], self.second: packets["second"]}

    def carried_by(self):
        """The routers that new flows leave by; all of them are answered, on both WANs."""
        self.forwarded()
        flows = udp_flows(self.lab.client, 30, SERVERS[self.family])
        seen = self.lab.shares(answers(flows))
        close_all(flows)
        assert set(seen) == {"att", "webpass"}
        return {router for router, packets in self.forwarded().items() if packets}


@pytest.fixture
def pair(make_lab):
    """pair(family): a lab with two routers on att's link, both advertised."""
    def make(family, **config):
        return Pair(make_lab(**config), family)
    return make


@FAMILIES
@ORDERS
def test_the_preferred_router_is_used_and_the_other_when_it_withdraws(pair, family, order):
    two = pair(family)
    two.advertise(*[two.first, two.second][::order])
    two.lab.up()
    assert two.used() == [two.first] and two.carried_by() == {two.first}
    two.withdraw(two.first)
    two.lab.router.update()
    assert two.used() == [two.second] and two.carried_by() == {two.second}
    two.announce(two.first)
    two.lab.router.update()
    assert two.used() == [two.first] and two.carried_by() == {two.first}


@FAMILIES
def test_a_router_that_withdraws_is_left_at_once_and_its_flows_go_on(pair, family):
    two = pair(family, health=wans.QUICK)
    two.advertise(two.second, two.first)
    daemon = two.watch()
    flows = udp_flows(two.lab.client, 30, SERVERS[family])
    assert None not in answers(flows)
    with Load(flows) as load:
        for change, router in ((two.withdraw, two.second), (two.announce, two.first)):
            change(two.first)
            daemon.wait(lambda r=router: two.told(daemon) == (r, False), router)
    assert load.lost == {} and load.moved == set()
    close_all(flows)
    assert daemon.are() and two.carried_by() == {two.first}


FAILURES = {"silent": Pair.silence, "forwards nothing": Pair.kill}


@FAMILIES
@pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
def test_a_router_that_fails_is_left_before_its_wan_is_down(pair, family, fail):
    """Flows move with the gateway, and keep their addresses."""
    two = pair(family, health=wans.QUICK)
    two.advertise(two.first, two.second)
    daemon = two.watch()
    flows = udp_flows(two.lab.client, 30, SERVERS[family])
    before = answers(flows)
    fail(two, two.first)
    daemon.wait(lambda: two.told(daemon) == (two.second, True), "the other router, and that it is named")
    assert [flow.ask() for flow in flows] == before
    close_all(flows)
    daemon.wait_states()
    assert two.carried_by() == {two.second}
    assert not daemon.said("is down"), daemon.log()
    daemon.said_once(" is used, ")
    two.lab.router.run("update-routes")
    assert two.used() == [two.second], "no other program goes back"
    Doctor(two.lab.router, ["gateways"]).finds("gateways", "note", two.first)


def test_a_router_that_was_gone_is_used_again_when_it_is_back(pair):
    two = pair(6, health=wans.QUICK)
    two.advertise(two.first, two.second)
    daemon = two.watch()
    two.silence(two.first)
    daemon.wait(lambda: two.told(daemon) == (two.second, True), "the other router")
    daemon.wait(lambda: "does not answer" in daemon.family("att", "ipv6")["trouble"], "the kernel has missed it")
    two.silence(two.first, False)
    daemon.wait(lambda: two.told(daemon) == (two.first, False), "the first router")
    daemon.wait_states()
    assert two.carried_by() == {two.first}


def test_with_both_routers_dead_the_wan_is_down_and_the_first_that_is_back_is_used(pair):
    two = pair(6, health=wans.QUICK)
    two.advertise(two.first, two.second)
    daemon = two.watch()
    two.kill(two.first)
    two.kill(two.second)
    daemon.wait_states(att6="down")
    two.kill(two.second, False)
    # The turn of one may end just when it is back: then the other has one more.
    daemon.wait(lambda: daemon.are() and two.told(daemon) == (two.second, True), "the one that is back")
    daemon.wait_cycles(1)
    assert two.used() == [two.second] and two.carried_by() == {two.second}


def test_a_restarted_daemon_does_not_go_back_to_a_dead_router(pair):
    two = pair(6, health=wans.QUICK)
    two.advertise(two.first, two.second)
    daemon = two.watch()
    two.kill(two.first)
    daemon.wait(lambda: two.told(daemon) == (two.second, True), "the other router")
    daemon.stop()
    two.lab.daemon().wait_cycles(1)
    assert two.used() == [two.second]
