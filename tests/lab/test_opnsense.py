# SPDX-License-Identifier: GPL-2.0-or-later
"""
conf/opnsense/README.md: each command that it runs on MWAN shows what it says there, with an OPNsense that is set up as it says;
and what it warns of is so.
"""

import re

import pytest

from lab import CLIENT4, SERVERS4, SERVERS6
from readme import commands
from topology import OPNSENSE_LL, ROUTER_LL
from traffic import answers, close_all, udp_flows

DOCUMENT = "conf/opnsense/README.md"
PUBLIC = r"(104\.57\.226\.193|136\.25\.91\.242)"
FORWARD = "nft list chain inet filter forward"
# What each of its commands has to show.
SHOWN = {
    "ping -c 3 10.250.250.2": "3 received",
    "ping -c 3 3d06:bad:b01:fe::2": "3 received",
    "ip neigh show dev enmwanbr0": rf"^(?s:(?!.*FAILED).*{OPNSENSE_LL} lladdr)",
    "update-routes": "^$",
    "ip -6 route show table 100": rf"^3d06:bad:b01::/60 via {OPNSENSE_LL} dev enmwanbr0 ",
    "update-routes --check": "^$",
    "ip -6 address show dev enmwanbr0 scope link": rf"inet6 {ROUTER_LL}/64 scope link",
    "health-check --status": r"^att +enatt0\.3242 +IPv4 +up .* 50 % (?s:.*)^webpass .* up .* 50 %",
    "conntrack -L -s 10.250.250.2": rf"src=10\.250\.250\.2 dst=\S+ .* dst={PUBLIC} .*mark=[12]",
    "conntrack -L -f ipv6": r"src=3d06:bad:b01:1::100 dst=\S+ .* dst=(2600:1700:2f71:c81|2604:5500:c271:be01)::100 .*mark=[12]",
    "nft list counters table inet filter": r"counter m1_ipv4_out \{\n\t\tpackets [1-9](?s:.*)counter m1_ipv6_in \{\n\t\tpackets [1-9]",
    FORWARD: r'counter packets 0 .*"forward: no WAN for it"\n.*counter packets 0 .*"forward: not ours"',
    "nft list map ip nat inbound": r'"enwebpass0" \. 136\.25\.91\.242 : 10\.250\.250\.2',
    "nft list chain ip6 nat prerouting":
        r"2600:1700:2f71:c80::1 dnat to 3d06:bad:b01:fe::2\n.*2600:1700:2f71:c80::/60 dnat prefix to 3d06:bad:b01::/60",
    "nft list map inet mangle share4": r"0-4999 : 0x00000001, 5000-9999 : 0x00000002",
    "nft list chain ip6 nat postrouting": r"3d06:bad:b01::/60 snat prefix to 2600:1700:2f71:c80::/60",
}


@pytest.fixture(scope="module")
def used(share_lab):
    """A lab whose clients have flows in both families over both WANs, and its daemon."""
    lab = share_lab().up()
    lab.daemon().wait_states()
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    assert all(answers(flows))
    yield lab
    close_all(flows)


def refused(lab, why):
    """How many packets the filter has refused to forward, by the comment of its rule."""
    return int(re.search(rf'counter packets (\d+) .*"forward: {why}"', lab.router.run(*FORWARD.split()).out)[1])


def test_every_command_of_the_document_is_run():
    assert set(commands(DOCUMENT)) == set(SHOWN)


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_shows_what_the_document_says(used, command):
    found = used.router.run(*command.split()).out
    assert re.search(SHOWN[command], found, re.M), found


# What it warns of

def lost(lab, servers):
    flows = udp_flows(lab.client, 5, servers)
    found = answers(flows, seconds=0.5)
    close_all(flows)
    return not any(found)


def test_what_opnsense_does_not_translate_is_refused_and_counted(lab):
    lab.opnsense.nft("flush chain ip nat postrouting\n")
    assert lost(lab, SERVERS4) and refused(lab, "no WAN for it") >= 5


def test_what_opnsense_translates_to_an_address_that_is_not_one_of_the_five_is_refused_and_counted(make_lab):
    lab = make_lab(inside=2).up()
    lab.opnsense.nft(f"flush chain ip nat postrouting\nadd rule ip nat postrouting oifname wan0 ip saddr {CLIENT4} snat to 10.250.250.4\n")
    assert lost(lab, SERVERS4) and refused(lab, "no WAN for it") >= 5


def test_without_the_edge_address_opnsense_forwards_ipv6_all_the_same(lab):
    lab.opnsense.ip("addr del 3d06:bad:b01:fe::2/64 dev wan0\n")
    flows = udp_flows(lab.client, 5, SERVERS6)
    assert all(answers(flows))
    close_all(flows)


def test_mwan_turns_nothing_round_for_another_machine_of_the_link(lab):
    """What reply-to sends to MWAN, for a machine on the link that is not MWAN."""
    lab.opnsense.ip("addr del 10.250.250.6/29 dev wan0\nroute add 10.250.250.6/32 via 10.250.250.1 dev wan0\n")
    lab.opnsense.command(["sh", "-c", "ping -c 2 -i 0.2 -W 1 10.250.250.6 || true"])
    assert refused(lab, "not ours") == 2
