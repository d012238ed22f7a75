# SPDX-License-Identifier: GPL-2.0-or-later
"""health-check --doctor looks further than this machine's own settings: at the way to the internet, and at who uses it."""

import pytest

import topology
import wans
from doctor import Doctor, edits
from lab import CLIENT4, SERVERS4, SERVERS6
from names import RESOLVER
from traffic import PATIENCE, answers, close_all, udp_flows, wait_until

TOPICS = ("refused", "path MTU", "resolver", "DHCP")
RESOLV_CONF = "/etc/resolv.conf"
SMALL = 1400
NO_WORD = """
table inet silent
delete table inet silent
table inet silent {
    chain output {
        type filter hook output priority filter;
        icmp type destination-unreachable icmp code frag-needed drop
        icmpv6 type packet-too-big drop
    }
}
"""


class Site:
    """A lab, and what the doctor says of it that is not as ever."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.doctor = Doctor(lab.router, TOPICS)
        bus = lab.networkd()
        for one in lab.wans:
            bus.delegate(one.interface, one.prefix6)
        lab.up()

    def well(self):
        assert self.doctor.complaints() == []


@pytest.fixture(scope="module")
def shared(share_lab):
    site = Site(share_lab(health={"timeout": "200ms"}))
    site.well()
    return site


@pytest.fixture
def site(shared):
    yield shared
    shared.well()


# Who is refused from inside

def answered(site, servers, source=None, seconds=PATIENCE):
    """How many of 20 flows from the client are answered."""
    found = udp_flows(site.lab.client, 20, servers, (source,))
    n = sum(one is not None for one in answers(found, seconds))
    close_all(found)
    return n


def refused(site, servers, source=None):
    return answered(site, servers, source, 0.3) == 0


def is_known(site):
    """A busy machine may count who is refused only after nobody has waited for his answer any more."""
    wait_until(lambda: any(one.topic == "refused" for one in site.doctor.complaints()), "the doctor knows who is refused")


def test_a_network_inside_that_mwan_conf_does_not_know(site):
    site.lab.opnsense.nft("flush chain ip nat postrouting\n")
    assert refused(site, SERVERS4)
    is_known(site)
    found = site.doctor.finds("refused", "WRONG", f"LAN: what comes from 10.250.1.0/24, {CLIENT4}, is refused")
    assert "Outbound" in found.fix and "10.250.250.0/29" in found.fix
    assert site.router.run("update-routes", "--check", check=False).code == 0
    # The fix.
    site.lab.opnsense.nft("delete table ip nat; delete table ip6 nat\n" + topology.OPNSENSE_NAT)
    assert answered(site, SERVERS4) == 20
    site.router.nft("flush set inet filter refused4\n")


def test_ipv6_addresses_inside_that_mwan_conf_does_not_know(site):
    site.lab.client.ip("addr add fd12::45/64 dev eth0 nodad\n")
    assert refused(site, SERVERS6, "fd12::45")
    is_known(site)
    site.doctor.finds("refused", "WRONG", f"LAN: what comes from fd12::/64, fd12::45, is refused: mwan.conf knows only prefix6, {wans.PREFIX6}")
    site.lab.client.ip("addr del fd12::45/64 dev eth0\n")
    site.router.nft("flush set inet filter refused6\n")


def test_who_is_refused_because_no_wan_is_left_is_known(site):
    for one in site.lab.wans:
        site.lab.cut(one.name)
    site.router.update()
    assert refused(site, SERVERS4) and refused(site, SERVERS6)
    assert [one for one in site.doctor.complaints() if one.topic == "refused"] == []
    for one in site.lab.wans:
        site.lab.mend(one.name)
    site.router.update()


# The path MTU

@pytest.fixture
def narrow(site):
    """narrow(WAN, …): the provider's way to the internet has a smaller MTU, and it says so, or not; mended in the end."""
    done = []

    def narrow(name, silent, mtu=SMALL):
        isp = site.lab.isp(name)
        done.append(isp)
        isp.ip(f"link set uplink mtu {mtu}\n")
        site.lab.internet.ip(f"link set i{isp.wan.mark} mtu {mtu}\n")
        if silent:
            isp.nft(NO_WORD)

    yield narrow
    for isp in done:
        isp.ip("link set uplink mtu 1500\nroute flush cache\n")
        isp.nft("table inet silent\ndelete table inet silent\n")
        site.lab.internet.ip(f"link set i{isp.wan.mark} mtu 1500\n")
        for family in (4, 6):
            site.router.ip("route flush cache\n", family)
            site.lab.internet.ip("route flush cache\n", family)


def test_a_black_hole_is_found_with_its_size(site, narrow):
    narrow("webpass", silent=True)
    found = site.doctor.finds("path MTU", "WRONG", f"webpass: IPv4 and IPv6 packets of more than {SMALL} bytes are lost")
    assert "the fault of the ISP" in found.text and f"`MTUBytes={SMALL}` in [Link]" in found.fix
    site.doctor.follow(found)
    site.router.update()
    site.well()
    site.router.ip("link set enwebpass0 mtu 1500\n")
    site.router.update()


def test_a_router_that_says_what_it_carries_is_no_black_hole(site, narrow):
    narrow("webpass", silent=False)
    good = [one.text for one in site.doctor.findings() if one.topic == "path MTU"]
    assert len(good) == 1 and f"webpass IPv4 {SMALL}, webpass IPv6 {SMALL}" in good[0] and "att IPv4 1500" in good[0], good


# The resolver

@pytest.fixture
def edit(site):
    with edits(site.router) as edit:
        yield edit


def test_a_name_server_that_is_dead(site):
    site.lab.names.mute = True
    found = site.doctor.finds("resolver", "note", f"can't look names up: no answer from name server {RESOLVER}")
    assert RESOLV_CONF in found.fix
    site.lab.names.mute = False
    site.lab.names.rcode = 5
    site.doctor.finds("resolver", "note", f"name server {RESOLVER} answers: refused")
    site.lab.names.rcode = 0


def test_one_name_server_of_two_will_do(site, edit):
    edit(RESOLV_CONF, f"nameserver {SERVERS4[0]}\nnameserver {RESOLVER}\n")
    site.well()


def test_no_name_server_at_all(site, edit):
    edit(RESOLV_CONF, None)
    found = site.doctor.finds("resolver", "note", "can't look names up: there is no /etc/resolv.conf")
    site.router.path(RESOLV_CONF).symlink_to("/run/systemd/resolve/stub-resolv.conf")
    found = site.doctor.finds("resolver", "note", "stub-resolv.conf, which is not there")
    # The fix is run as it stands, but for whom it names.
    site.router.run("sh", "-ec", found.commands()[0].replace("1.1.1.1", RESOLVER))
    site.well()


def test_a_resolver_that_probes_need(site, edit):
    conf = "/etc/mwan/mwan.conf"
    edit(conf, site.router.read(conf).replace("[health]", "[health]\nhttp4 = http://probe.test/"))
    edit(RESOLV_CONF, "")
    site.doctor.finds("resolver", "WRONG", "/etc/resolv.conf names no name server; so apt, the clock and the probes")


# DHCP

# What a client does: it listens beside the kernel's ports on one link, and keeps the port of all.
CLIENT = """
import socket, sys, time
open("/proc/self/comm", "w").write("dhclient")
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("", 68))
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
packet.bind((sys.argv[1], 3))
print("ready", flush=True)
time.sleep(3600)
"""


@pytest.fixture
def client(site):
    """client(INTERFACE): a DHCP client starts there, and is over in the end."""
    started = []

    def client(interface):
        started.append(site.router.serve("/usr/bin/python3", "-c", CLIENT, interface))
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1].pid

    yield client
    for one in started:
        one.kill()
        one.communicate()


def test_a_second_dhcp_client_on_a_wan(site, client):
    pid = client("enwebpass0")
    found = site.doctor.finds("DHCP", "WRONG", f"webpass: dhclient (PID {pid}) asks for leases on enwebpass0")
    site.doctor.follow(found, -1)


def test_a_dhcp_client_of_management_is_in_nobodys_way(site, client):
    client(wans.MANAGEMENT)
    site.well()
