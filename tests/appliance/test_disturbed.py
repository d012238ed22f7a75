# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever an administrator, an upgrade or an accident does to the running appliance, established flows go on (I5),
and what mwan has in the kernel is whole again at once. One appliance and one set of flows live through all of it.
"""

import ipaddress
import json
import socket
import struct
import time

import pytest

import rtnl
from lab import SERVERS4, SERVERS6
from machine import difference
from steady import Flows, own_and_others
from traffic import PATIENCE, Load, answers, close_all, udp_flows, wait_until

RATE = 50  # datagrams a second in each flow
QUIET = 0.7  # what comes late, as hooks do, is waited for
RTM_DELROUTE, RTA_OIF, RTPROT_RA = 25, 4, 9
SERVICES = ["mwan-health", "nftables", "systemd-networkd", "networkd-dispatcher"]

BY_HAND = "for i in 1 2 3; do update-routes & update-npt & done"
KILL = "systemctl kill --kill-whom=main --signal=KILL"
NETWORK = "/etc/systemd/network"
HARMLESS = {
    "reload nftables": "systemctl reload nftables",
    "restart nftables": "systemctl restart nftables",
    "stop nftables, start it": "systemctl stop nftables; sleep 1; systemctl start nftables",
    "restart networkd": "systemctl restart systemd-networkd",
    "restart networkd three times": "for i in 1 2 3; do systemctl restart systemd-networkd; sleep 0.2; done",
    "restart networkd, and both programs by hand":
        f"systemctl restart systemd-networkd & {BY_HAND}; sleep 0.5; {BY_HAND}; wait",
    "restart networkd and the daemon, reload nftables":
        "systemctl reload nftables & systemctl restart systemd-networkd & systemctl restart mwan-health & wait",
    "networkctl reload": "networkctl reload",
    "networkctl reload, a file changed": f"echo '# new' >>{NETWORK}/40-enwebpass0.network; networkctl reload",
    "networkctl reload, a file renamed":
        f"mv {NETWORK}/40-enatt0.3242.network {NETWORK}/41-enatt0.3242.network; networkctl reload",
    "networkctl reconfigure, of the LAN": "networkctl reconfigure enmwanbr0",
    "networkctl renew": "networkctl renew enatt0.3242 enwebpass0",
    "restart networkd-dispatcher": "systemctl restart networkd-dispatcher",
    # Those that it leaves behind have to come to the new one.
    "restart dbus": "systemctl restart dbus; systemctl restart systemd-networkd networkd-dispatcher",
    "kill the daemon": f"{KILL} mwan-health",
    "restart the daemon": "systemctl restart mwan-health",
    "reload the daemon": "systemctl reload mwan-health",
    "systemd reads its units again, and executes itself": "systemctl daemon-reload; systemctl daemon-reexec",
    "both programs by hand": f"{BY_HAND}; wait",
}
# networkd removes the lease's address, and with it go all IPv4 routes over it; both are back within a moment.
TAKING = {
    "networkctl reconfigure, of AT&T": ("networkctl reconfigure enatt0.3242", ["att"]),
    "networkctl reconfigure, of Webpass": ("networkctl reconfigure enwebpass0", ["webpass"]),
    "kill networkd": (f"{KILL} systemd-networkd", ["att", "webpass"]),
}


def has_leases(lab):
    """Whether networkd knows of a DHCPv4 lease and a delegation on each WAN."""
    for one in lab.wans:
        told = lab.router.run("networkctl", "status", "--json=short", "--lines=0", one.interface, check=False)
        said = json.loads(told.out) if told.code == 0 else {}
        if not said.get("DHCPv4Client", {}).get("Lease") or not said.get("DHCPv6Client", {}).get("Prefixes"):
            return False
    return True


def is_whole(lab):
    return all(lab.router.run(program, "--check", check=False).code == 0 for program in ("update-routes", "update-npt"))


def taken_away(monitor, lab):
    """{(WAN's name, family)}: whose leased address, or default route from an advertisement, was removed."""
    with lab.router.entered():
        links = {socket.if_nametoindex(one.interface): one.name for one in lab.wans}
    leases = {ipaddress.ip_interface(one.address4).ip.packed: one.name for one in lab.wans}
    found = set()
    for kind, body in monitor.routing():
        if kind == rtnl.RTM_DELADDR:
            name = leases.get(rtnl.attributes(body[8:]).get(rtnl.IFA_LOCAL))
            found |= {(name, 4)} if name else set()
        elif kind == RTM_DELROUTE and body[1] == 0 and body[5] == RTPROT_RA:
            link = rtnl.attributes(body[12:]).get(RTA_OIF)
            found |= {(links.get(struct.unpack("=I", link)[0]), 6)} if link else set()
    return found


class Site:
    """The appliance, its flows, and what it is like when nothing has happened."""

    def __init__(self, lab):
        self.lab = lab
        lab.up()
        lab.router.booted()
        wait_until(lambda: has_leases(lab) and is_whole(lab), "all leases")
        self.flows = Flows(lab)
        self.own, self.others = own_and_others(lab.router)

    def disturb(self, action):
        """Does it under load; returns the Load, and a line that says how long it all took."""
        self.lab.router.run("systemctl", "reset-failed")  # networkd may be restarted five times in ten seconds
        with Load(self.flows.udp, RATE, 2 * PATIENCE) as load:
            time.sleep(0.2)
            took, whole = self._settle(self.lab.router.start("sh", "-c", action))
        assert time.monotonic() < load.limit
        return load, (f"took {took:.1f} s, whole {whole:.1f} s later, lost {sum(load.lost.values())} "
                             f"of {load.sent}, moved {len(load.moved)}")

    def _settle(self, process):
        """
        Until all is as it was, and quiet. Returns for how many seconds it was done, and for how many, after that or
        after networkd had given again what it gives, mwan's objects were not whole.
        """
        begin = given = whole = time.monotonic()
        ended = None
        while True:
            assert self.flows.echo()
            if not ended and process.poll() is not None:
                ended = time.monotonic()
            own, others = own_and_others(self.lab.router)
            now = time.monotonic()
            given = given if others == self.others else now
            whole = whole if own == self.own else now
            if ended and now > max(ended, given, whole) + QUIET and has_leases(self.lab):
                break
            assert now < begin + PATIENCE, difference(self.own + self.others, own + others)
        assert process.returncode == 0, process.communicate()
        process.communicate()
        return ended - begin, max(0, whole - max(ended, given))

    def check(self):
        """Flows are where they have been from the first, new ones have a choice, and nobody has anything to do."""
        assert self.flows.seen() == self.flows.first
        for servers in (SERVERS4, SERVERS6):
            flows = udp_flows(self.lab.client, 30, servers)
            assert set(self.lab.shares(answers(flows))) == {"att", "webpass"}
            close_all(flows)
        assert is_whole(self.lab)
        assert self.lab.leaks() == {}
        wait_until(lambda: {self.lab.router.unit(name, "ActiveState")["ActiveState"] for name in SERVICES} == {"active"},
                   "all are active")  # systemd starts a daemon again after a second
        assert self.lab.router.failed() == []


@pytest.fixture(scope="module")
def site(share_appliance):
    one = Site(share_appliance())
    yield one
    one.flows.close()


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_is_lost(site, report, name):
    load, line = site.disturb(HARMLESS[name])
    report(f"{name}: {line}")
    assert load.lost == {} and load.moved == set()
    site.check()


def test_nothing_is_lost_while_the_hooks_are_alone(site, report):
    site.lab.router.run("systemctl", "stop", "mwan-health")
    load, line = site.disturb("systemctl restart systemd-networkd")
    site.lab.router.run("systemctl", "start", "mwan-health")
    report(f"restart networkd, without the daemon: {line}")
    assert load.lost == {} and load.moved == set()
    site.check()


@pytest.mark.parametrize("name", TAKING)
def test_only_what_networkd_takes_away_is_missed(site, report, name):
    action, wans = TAKING[name]
    with site.lab.router.monitor() as monitor:
        load, line = site.disturb(action)
        taken = taken_away(monitor, site.lab)
    report(f"{name}: {line}; networkd took away {sorted(taken)}")
    missed = {(site.flows.homes[flow.identity], 4 if flow.sock.family == socket.AF_INET else 6)
              for flow in site.flows.udp if flow.identity in load.lost}
    assert missed <= taken <= {(wan, family) for wan in wans for family in (4, 6)}
    assert load.moved == set()
    site.check()
