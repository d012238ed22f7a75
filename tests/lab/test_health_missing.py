# SPDX-License-Identifier: GPL-2.0-or-later
"""
What an ISP has given and does not give again by itself: the daemon asks for it, and no more often than it may.
"""

import time

import pytest

import wans
from lab import SERVERS6
from solicited import Solicited
from traffic import Load, answers, close_all, udp_flows, wait_until

LIFETIME = 9
LINK = "enatt0.3242"
LEASE = {"Family": 2, "Address": [104, 57, 226, 193], "PrefixLength": 29, "ConfigSource": "DHCPv4"}


@pytest.fixture
def solicited(make_lab):
    """A lab where AT&T's router is learnt by the kernel, from advertisements that have to be asked for."""
    lab = make_lab(health=wans.QUICK)
    lab.router.sysctl(f"net/ipv6/conf/{LINK}/accept_ra", 2)
    lab.router.ip(f"route del default dev {LINK} proto ra\n", 6)
    with Solicited(lab.isp("att"), LIFETIME) as router:
        yield lab, router
        assert router.wrong == []


def has_router(lab):
    return any(route["dst"] == "default" and route.get("dev") == LINK and route["protocol"] == "9"
               for route in lab.router.routes(6, "main"))


@pytest.mark.plain("most of a minute is waiting")
def test_a_router_that_answers_solicitations_only_is_not_lost(solicited):
    """Its lifetime ends again and again, and it is asked once for each."""
    lab, router = solicited
    daemon = lab.daemon()
    daemon.wait(lambda: daemon.family("att", "ipv6")["eligible"], "IPv6 over AT&T")
    assert len(router.asked) == 1
    flows = udp_flows(lab.client, 40, SERVERS6)
    assert set(lab.shares(answers(flows))) == {"att", "webpass"}
    with Load(flows, seconds=6 * LIFETIME) as load:
        daemon.wait(lambda: len(router.asked) == 5, "it is asked for")
        assert has_router(lab)
    close_all(flows)
    assert load.lost == {} and load.moved == set()
    gaps = [after - before for before, after in zip(router.asked, router.asked[1:])]
    assert min(gaps) > LIFETIME / 3, gaps
    assert not daemon.said("no IPv6 gateway", since=router.asked[0]), daemon.log()


@pytest.mark.plain("most of a minute is waiting")
def test_a_router_that_is_silent_is_asked_less_and_less_often_and_is_back_when_it_answers(solicited):
    lab, router = solicited
    daemon = lab.daemon()
    daemon.wait(lambda: daemon.family("att", "ipv6")["eligible"], "IPv6 over AT&T")
    router.silent = True
    begun = len(router.asked)
    wait_until(lambda: len(router.asked) == begun + 4, "it is asked", 60)
    gaps = [after - before for before, after in zip(router.asked[begun:], router.asked[begun + 1:])]
    # 4, 8, 16 s; a busy machine makes them longer.
    assert all(gap > least for gap, least in zip(gaps, (3.9, 7.9, 15.9))), gaps
    # With its answer it is there, whatever the kernel still knew of it.
    router.silent = False
    wait_until(lambda: len(router.asked) > begun + 4 and has_router(lab), "asked again, and there", 60)
    daemon.wait(lambda: daemon.family("att", "ipv6")["eligible"], "IPv6 over AT&T")


# Leases

@pytest.fixture
def leased(make_lab):
    """A lab whose networkd has given AT&T's IPv4 address, and its daemon."""
    lab = make_lab(health=wans.QUICK)
    bus = lab.networkd()
    bus.describe(LINK, Addresses=[LEASE])
    daemon = lab.daemon()
    daemon.wait_states()
    return lab, bus, daemon


def flush(lab):
    """Somebody removes what DHCP gave, but for the address."""
    lab.router.command(["ip", "-4", "route", "flush", "dev", LINK, "proto", "dhcp"])


def test_a_default_route_that_somebody_removes_is_asked_for_once(leased):
    lab, bus, daemon = leased
    flush(lab)
    daemon.wait(bus.calls, "networkd is asked")
    assert bus.calls() == [f"RenewLink {bus.index(LINK)}"]
    time.sleep(3)  # it is in no hurry to do so again
    daemon.wait_cycles(2)
    assert len(bus.calls()) == 1
    daemon.said_once("networkd is asked to renew the lease")
    assert daemon.family("att", "ipv6")["eligible"]


def test_where_there_is_no_ipv6_to_lose_the_link_is_configured_anew_if_a_renewal_has_not_helped(leased):
    """No renewal gets to a DHCP server beyond a router."""
    lab, bus, daemon = leased
    lab.router.ip(f"route del default dev {LINK} proto ra\n", 6)
    flush(lab)
    wait_until(lambda: len(bus.calls()) == 2, "networkd is asked again", 60)
    assert bus.calls() == [f"RenewLink {bus.index(LINK)}", f"ReconfigureLink {bus.index(LINK)}"]
    daemon.wait(lambda: daemon.said("networkd is asked to configure the link anew"), "it is said")


def test_one_that_is_back_in_time_is_not_asked_for(leased):
    """networkd restarts: its routes go, and come back."""
    lab, bus, daemon = leased
    route = f"default via {lab.wan('att').gateway4} dev {LINK} proto dhcp metric 100\n"
    for _ in range(10):
        asked, begin = len(bus.calls()), time.monotonic()
        flush(lab)
        daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "it is lost")
        lab.router.ip(f"route add {route}", 4)
        daemon.wait(lambda: daemon.family("att", "ipv4")["eligible"], "it is back")
        if time.monotonic() - begin < 1.5:
            break  # a busy machine takes longer, and may rightly ask
    time.sleep(3)
    assert len(bus.calls()) == asked


@pytest.mark.parametrize("source, state", [("foreign", "configured"), ("DHCPv4", "unmanaged")])
def test_a_link_that_others_have_configured_is_left_alone(leased, source, state):
    lab, bus, daemon = leased
    bus.describe(LINK, Addresses=[{**LEASE, "ConfigSource": source}], AdministrativeState=state)
    flush(lab)
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "it is lost")
    time.sleep(4)
    daemon.wait_cycles(1)
    assert bus.calls() == []


def test_a_renewal_that_networkd_refuses_is_said(leased):
    lab, bus, daemon = leased
    bus.refuse()
    flush(lab)
    daemon.wait(lambda: daemon.said("networkd does not renew the lease: told to refuse"), "it is said")


# At boot

@pytest.mark.plain("most of a minute is waiting")
def test_what_has_not_been_there_yet_is_warned_of_after_a_minute_and_said_once_before(make_lab):
    lab = make_lab(health=wans.QUICK)
    lab.router.ip(f"route del default dev {LINK} proto ra\n", 6)
    daemon = lab.daemon()
    words = "att: no IPv6 gateway: no default route over enatt0.3242"
    daemon.wait_cycles(4)
    assert daemon.said(words) == [f"<6>{words}"], daemon.log()
    # Programs leave it to the daemon.
    assert [line for line in lab.router.run("update-routes").err.splitlines() if words in line] == [f"<6>{words}"]
    wait_until(lambda: len(daemon.said(words)) == 2, "a warning", 120)
    assert daemon.said(words)[1] == f"<4>{words}"
    assert [line for line in lab.router.run("update-routes").err.splitlines() if words in line] == [f"<4>{words}"]
    daemon.wait_cycles(2)
    assert len(daemon.said(words)) == 2, daemon.log()


def test_what_was_there_is_warned_of_at_once(make_lab):
    lab = make_lab(health=wans.QUICK)
    daemon = lab.daemon()
    daemon.wait_states()
    lab.router.ip(f"route del default dev {LINK} proto ra\n", 6)
    daemon.wait(lambda: daemon.said("<4>att: no IPv6 gateway"), "a warning")
