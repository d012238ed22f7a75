# SPDX-License-Identifier: GPL-2.0-or-later
"""Two OPNsense that share router4 by CARP: its hardware address is a virtual router's, and no machine's."""

import pytest

import wans
from doctor import Doctor
from lab import SERVERS6
from topology import ROUTER_LL
from traffic import UdpFlow

SHARED = "fe80::b01:6"  # a CARP address of the pair, with a group of its own
MASTER, BACKUP = "fe80::ff:fe00:b01", "fe80::ff:fe00:b02"


def port(name, mac, addresses="", options=""):
    """Lines for a port of the switch between the router and the pair."""
    return (f"link add {name} address {mac} type veth peer name {name}b\nlink set {name}b master br0 up\n"
            f"link set {name} {options} up\n" + "".join(f"addr add {one} dev {name} nodad\n" for one in addresses.split()))


@pytest.fixture
def pair(make_lab):
    """
    pair(*, linklocal, frames, **config): a lab where the master and the backup hang on one switch with the router.
    FreeBSD answers ARP for the shared address in frames of the machine's own.
    """
    def make(*, linklocal=None, frames=None, **config):
        lab = make_lab(**config)
        lab.opnsense.sysctls({"net/ipv4/conf/all/arp_ignore": 1, "net/ipv4/conf/all/arp_announce": 2,
                              "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0})
        lab.opnsense.ip("link set wan0 down\naddr flush dev wan0\nlink set wan0 name trunk address 02:00:00:00:0b:03\nlink add br0 type bridge\n"
                        "link set br0 arp off addrgenmode none\nlink set br0 up\n"
                        "link set trunk master br0 up\n"
                        + port("wan0", "02:00:00:00:0b:01", f"10.250.250.3/29 {wans.ROUTER6}/64")
                        + port("backup", "02:00:00:00:0b:02", "10.250.250.4/32")
                        + port("carp4", "00:00:5e:00:01:01", "10.250.250.2/32", "addrgenmode none")
                        + "route add default via 10.250.250.1 dev wan0\n")
        lab.opnsense.ip(f"route add default via {ROUTER_LL} dev wan0\n", 6)
        if frames == "the machine's own":
            lab.opnsense.nft("table bridge pair { chain out { type filter hook prerouting priority 0; ether type arp "
                             "ether saddr 00:00:5e:00:01:01 ether saddr set 02:00:00:00:0b:01; }; }\n")
        if linklocal:
            lab.opnsense.ip(port("carp6", "00:00:5e:00:01:06", f"{linklocal}/64", "addrgenmode none"), 6)
        return lab
    return make


def gateways(lab):
    return {route["gateway"] for route in lab.router.own_routes(6) if route["dst"] == wans.PREFIX6 and "gateway" in route}


def carries6(lab):
    with UdpFlow(lab.client, SERVERS6[0]) as flow:
        return bool(flow.ask())


def test_a_pair_without_a_shared_link_local_is_named_with_the_fix(pair):
    lab = pair()
    daemon = lab.daemon()
    daemon.wait_states()

    def told():
        status = lab.router.run("health-check", "--status", check=False, env={"COLUMNS": "1000"})
        lines = [line for line in status.out.splitlines() if line.startswith("LAN: 10.250.250.2 is shared by a pair")]
        return status.code == 4 and len(lines) == 1 and "router6_linklocal" in lines[0]

    daemon.wait(told, "told")
    daemon.said_once("is shared by a pair")
    found = Doctor(lab.router).finds("OPNsense", "WRONG", "is shared by a pair")
    assert "router6_linklocal" in found.fix
    result = lab.router.run("update-routes", check=False)
    assert result.code == 0 and "<4>10.250.250.2 is shared by a pair" in result.err, result


@pytest.mark.parametrize("frames", ["the machine's own", "the shared address's"])
def test_a_shared_link_local_is_found_and_followed(pair, frames):
    lab = pair(linklocal=SHARED, frames=frames)
    lab.opnsense.command(["ping", "-6", "-c", "1", "-I", "carp6", ROUTER_LL])  # as one does that has something to send
    daemon = lab.daemon()
    daemon.wait(lambda: gateways(lab) == {SHARED}, "found")
    daemon.wait(lambda: daemon.health()["lan"]["router6"] == SHARED, "seen")
    daemon.wait_states()
    assert carries6(lab)
    status = lab.router.run("health-check", "--status", check=False)
    assert status.code == 0, status


def test_a_shared_link_local_that_is_configured_is_right(pair):
    lab = pair(linklocal=SHARED, lan={"router6_linklocal": SHARED})
    daemon = lab.daemon()
    daemon.wait(lambda: gateways(lab) == {SHARED}, "routes")
    daemon.wait_states()
    assert carries6(lab)
    assert Doctor(lab.router, ["OPNsense"]).complaints() == []
