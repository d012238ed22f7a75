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
from lab import CLIENT6, FORWARDED, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from machine import OWNER, difference
from traffic import Load, TcpFlow, UdpFlow, answers, close_all, udp_flows, wait_until

RATE = 50  # datagrams a second in each flow
WHOLE = 5  # seconds until mwan's objects are back; it takes less than one, and a busy machine some more
QUIET = 0.7  # what comes late, as hooks do, is waited for
RTM_DELROUTE, RTA_OIF, RTPROT_RA = 25, 4, 9
LEASES = 20  # seconds for networkd to have all that it had before
SERVICES = ["mwan-health", "nftables", "systemd-networkd", "networkd-dispatcher"]

TOUCH = "echo '# {0}' >>/etc/systemd/network/40-{0}.network"
RENAMED = "mv /etc/systemd/network/40-{0}.network /etc/systemd/network/41-{0}.network"
BY_HAND = "for i in 1 2 3; do update-routes & update-npt & done"
KILL = "systemctl kill --kill-whom=main --signal=KILL"
ACTIONS = [
    "systemctl reload nftables",
    "systemctl restart nftables",
    "systemctl stop nftables; sleep 1; systemctl start nftables",
    "systemctl restart systemd-networkd",
    "for i in 1 2 3; do systemctl restart systemd-networkd; sleep 0.2; done",
    f"systemctl restart systemd-networkd & {BY_HAND}; sleep 0.5; {BY_HAND}; wait",
    "systemctl reload nftables & systemctl restart systemd-networkd & systemctl restart mwan-health & wait",
    "networkctl reload",
    f"{TOUCH.format('enwebpass0')}; networkctl reload",
    f"{TOUCH.format('enatt0.3242')}; {RENAMED.format('enatt0.3242')}; networkctl reload",
    "networkctl reconfigure enmwanbr0",
    "networkctl renew enatt0.3242 enwebpass0",
    "systemctl restart networkd-dispatcher",
    f"{KILL} mwan-health",
    f"{KILL} systemd-networkd",
    "systemctl restart mwan-health",
    "systemctl reload mwan-health",
    "systemctl daemon-reload; systemctl daemon-reexec",
    f"{BY_HAND}; wait",
]


class Flows:
    """Flows over every WAN, in both families, from inside and from outside, and what each was seen as at first."""

    def __init__(self, lab):
        self.lab = lab
        self.udp = udp_flows(lab.client, 32, SERVERS4 + SERVERS6)
        self.homes = {flow.identity: lab.wan_of(seen.source).name for flow, seen in zip(self.udp, answers(self.udp))}
        for one in lab.wans:
            for flow in (UdpFlow(lab.internet, one.public4[0], STRANGER4, port=FORWARDED),
                         UdpFlow(lab.internet, one.host(CLIENT6), STRANGER6)):
                self.udp.append(flow)
                self.homes[flow.identity] = one.name
        self.tcp = [TcpFlow(lab.client, server) for server in (SERVERS4 + SERVERS6) * 3]
        self.first = self.seen()

    def seen(self):
        for flow in self.udp:
            flow.send()
        return answers(self.udp)

    def echo(self):
        return all(stream.echo("x") == "x" for stream in self.tcp)

    def close(self):
        close_all(self.udp + self.tcp)


def own_and_others(router):
    """A snapshot in two: what is mwan's, and what networkd gives. The kernel's own routes follow addresses."""
    own, others = [], []
    for line in router.snapshot():
        if line.startswith("route") and ('"protocol": "2"' in line or '"type": "7"' in line and f'"{OWNER}"' not in line):
            continue  # of several WANs' "unreachable" routes, networkd keeps that of the last renewal
        foreign = line.startswith(("rule", "route")) and f'"protocol": "{OWNER}"' not in line
        foreign |= line.startswith("address") and not line.endswith(f" {OWNER})")
        (others if foreign else own).append(line)
    return own, others


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
        wait_until(lambda: has_leases(lab) and is_whole(lab), LEASES, "all leases")
        self.flows = Flows(lab)
        self.own, self.others = own_and_others(lab.router)

    def disturb(self, action):
        """Does it under load; returns the Load, and a line about it."""
        self.lab.router.run("systemctl", "reset-failed")  # networkd may be restarted five times in ten seconds
        begin = time.monotonic()
        with Load(self.flows.udp, RATE, seconds=60) as load:
            time.sleep(0.2)
            took, whole = self._settle(self.lab.router.start("sh", "-c", action))
        lost = sum(load.lost.values())
        assert time.monotonic() - begin < 60
        return load, whole, f"{action}: took {took:.1f} s, whole after {whole:.1f} s, lost {lost} of {load.sent}"

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
            assert now < begin + LEASES, difference(self.own + self.others, own + others)
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
        states = {name: self.lab.router.unit(name, "ActiveState")["ActiveState"] for name in SERVICES}
        assert set(states.values()) == {"active"} and self.lab.router.failed() == [], states


@pytest.fixture(scope="module")
def site(share_appliance):
    one = Site(share_appliance())
    yield one
    one.flows.close()


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_lost(site, report, action):
    load, whole, line = site.disturb(action)
    report(line)
    assert load.lost == {} and load.moved == set() and whole < WHOLE
    site.check()


def test_nothing_is_lost_while_the_hooks_are_alone(site, report):
    site.lab.router.run("systemctl", "stop", "mwan-health")
    load, whole, line = site.disturb("systemctl restart systemd-networkd")
    site.lab.router.run("systemctl", "start", "mwan-health")
    report(f"without the daemon: {line}")
    assert load.lost == {} and load.moved == set() and whole < WHOLE
    site.check()


@pytest.mark.parametrize("name", ["att", "webpass"])
def test_a_link_that_networkd_sets_up_anew_loses_only_what_networkd_takes_away(site, report, name):
    """It removes the lease's address, and with it go all routes over it; both are back within a moment."""
    interface = site.lab.wan(name).interface
    with site.lab.router.monitor() as monitor:
        load, whole, line = site.disturb(f"networkctl reconfigure {interface}")
        taken = taken_away(monitor, site.lab)
    report(f"{line}, where networkd took away {sorted(taken)}")
    families = {flow.identity: 6 if flow.sock.family == socket.AF_INET6 else 4 for flow in site.flows.udp}
    assert load.moved == set() and whole < WHOLE
    assert {(site.flows.homes[flow], families[flow]) for flow in load.lost} <= taken <= {(name, 4), (name, 6)}
    assert max(load.lost.values(), default=0) < RATE * WHOLE
    site.check()
