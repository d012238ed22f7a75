# SPDX-License-Identifier: GPL-2.0-or-later
"""The LAN link and OPNsense on it: health-check says when WANs lead to nobody, and leaves their verdicts alone."""

import json
import re

import pytest

import wans
from topology import OPNSENSE_LL, ROUTER_LL

SILENT = """
table arp silent { chain input { type filter hook input priority 0; drop; }; chain output { type filter hook output priority 0; drop; }; }
table ip6 silent { chain input { type filter hook input priority -400; drop; }; chain output { type filter hook output priority -400; drop; }; }
"""
ALIVE = "delete table arp silent\ndelete table ip6 silent\n"
# The kernel gives up on a neighbour within a second.
IMPATIENT = {f"net/{family}/neigh/{wans.LAN}/{key}": value for family in ("ipv4", "ipv6")
             for key, value in (("retrans_time_ms", 100), ("delay_first_probe_time", 1))}


@pytest.fixture
def begin(watch):
    """begin(**config): a lab whose daemon has seen OPNsense."""
    def make(**config):
        lab, daemon = watch(**config)
        daemon.wait(lambda: daemon.health()["lan"] == SEEN, "OPNsense is seen")
        lab.before = [(one["name"], family, one[family]["state"], one[family]["share"])
                      for one in daemon.health()["wans"] for family in ("ipv4", "ipv6")]
        return lab, daemon
    return make


@pytest.fixture
def site(begin):
    return begin()


SEEN = {"interface": wans.LAN, "carrier": True, "router4": True, "router6": OPNSENSE_LL}


def is_told(lab, daemon, state, up):
    """The same by table, JSON, metrics and systemd; the WANs are as before."""
    status = lab.router.run("health-check", "--status", check=False)
    assert re.search(rf"^LAN +{wans.LAN} +- +{state} +\d+ (s|min)$", status.out, re.M), status
    assert ("\nLAN: " in status.out) != up and status.code == (0 if up else 4)
    assert status.out.startswith("All well\n" if up else "LAN"), status
    daemon.wait(lambda: daemon.notified("STATUS")[-1].startswith("All well" if up else "LAN"), "told to systemd")
    metrics = lab.router.run("health-check", "--status", "--metrics", check=False).out
    assert f'mwan_lan_up{{interface="{wans.LAN}"}} {int(up)}\n' in metrics
    found = json.loads(lab.router.run("health-check", "--status", "--json", check=False).out)
    assert found["lan"] == daemon.health()["lan"]
    assert [(one["name"], family, one[family]["state"], one[family]["share"])
            for one in found["wans"] for family in ("ipv4", "ipv6")] == lab.before


def speak(machine, *to):
    """A packet to each, which needs their hardware addresses."""
    machine.command(["sh", "-c", "".join(f"ping -c 1 -W 1 {address} & " for address in to) + "wait"])


def test_a_lan_without_carrier_is_told_and_told_again_when_it_is_back(site):
    lab, daemon = site
    is_told(lab, daemon, "up", True)
    lab.opnsense.ip("link set wan0 down\n")
    daemon.wait(lambda: not daemon.health()["lan"]["carrier"], "no carrier")
    assert daemon.health()["lan"] == {**SEEN, "carrier": False, "router4": None, "router6": None}
    is_told(lab, daemon, "no carrier", False)
    daemon.said_once(f"LAN: {wans.LAN} has no carrier, so nothing inside can be reached")
    lab.opnsense.ip("link set wan0 up\n")
    daemon.wait(lambda: daemon.health()["lan"] == SEEN, "all is well")
    is_told(lab, daemon, "up", True)
    _, back = daemon.said("LAN:")
    assert re.match(rf"<5>LAN: nothing is wrong with {wans.LAN} any more, after \d+ s$", back)


def test_an_opnsense_that_falls_silent_is_told(site):
    lab, daemon = site
    lab.router.sysctls(IMPATIENT)
    lab.opnsense.nft(SILENT)
    lab.router.command(["ip", "neigh", "flush", "dev", wans.LAN])
    speak(lab.router, "10.250.250.2", f"{OPNSENSE_LL}%{wans.LAN}")
    daemon.wait(lambda: daemon.health()["lan"] == {**SEEN, "router4": False, "router6": False}, "silent")
    is_told(lab, daemon, "silent", False)
    daemon.said_once("LAN: nobody answers for ")
    lab.opnsense.nft(ALIVE)
    speak(lab.opnsense, "10.250.250.1", f"{ROUTER_LL}%wan0")
    daemon.wait(lambda: daemon.health()["lan"] == SEEN, "it speaks")
    is_told(lab, daemon, "up", True)
    daemon.said_once("LAN: nothing is wrong")


def test_a_quiet_lan_is_not_down(begin):
    """Neighbours that nobody has needed for hours are forgotten. With the link-local in mwan.conf, nobody looks for them either."""
    lab, daemon = begin(lan={"router6_linklocal": OPNSENSE_LL})
    for family in ("-4", "-6"):
        lab.router.command(["ip", family, "neigh", "flush", "dev", wans.LAN])
    daemon.reload()
    daemon.wait(lambda: daemon.said("nothing new"), "a run")
    daemon.wait_cycles()
    assert daemon.health()["lan"] == SEEN
    is_told(lab, daemon, "up", True)
    assert daemon.said("LAN:") == []
