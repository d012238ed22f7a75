# SPDX-License-Identifier: GPL-2.0-or-later
"""What a container's kernel lacks: cards named by MAC, a VLAN on the wire, flowtables; and all of /proc/sys."""

import glob
import json
import re

import pytest
from lab import PORT, REPO
from topology import CLIENT4, CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import PATIENCE, TcpFlow, UdpFlow, answers, close_all, udp_flows, wait_until
from trunk import ETH_EAPOL, ETH_IP, ETH_IP6

VLAN = 3242
# Who may not complain, and what of all the same: at a boot, what has yet to come.
OURS = (r" (load-ruleset|update-\w+|health-check|wpa[\w-]*|bringup-\S+|networkd-dispatcher|mwan-trace|\(?udev\S+|"
        r"systemd-(udevd|networkd|modules-load|sysctl))\[|systemd\[1\]: \S*(mwan|wpa|nftables|bringup|en\w+0)")
EXPECTED = (r"no delegated IPv6 prefix|no IPv[46] gateway|there is no interface|no carrier|no delegated prefix|"
            r"nobody answers for router6_linklocal|authentication is under way")
OFFLOAD = """
    flowtable fast {
        hook ingress priority filter
        devices = { enatt0.3242, enwebpass0, enmwanbr0 }
    }
"""
OWN_TABLE = f"""
table inet fastpath
delete table inet fastpath
table inet fastpath {{{OFFLOAD}
    chain forward {{
        type filter hook forward priority filter + 10; policy accept;
        ct state established flow add @fast
    }}
}}
"""
IN_FILTER = f"table inet filter {{{OFFLOAD}}}\ninsert rule inet filter forward ct state established flow add @fast\n"


def flows_over_both(vm, count=6):
    """Flows of both families, each WAN with some of each; with the answers to their first packets."""
    flows = udp_flows(vm.client, count, SERVERS4, [CLIENT4]) + udp_flows(vm.client, count, SERVERS6, [CLIENT6])
    first = answers(flows)
    assert None not in first, first
    return flows, first


def wans_of(vm, found):
    return {(vm.wan_of(one.source).name, 6 if ":" in one.source else 4) for one in found}


def again(flows, seconds=PATIENCE):
    """The answers to one more packet in each flow."""
    for flow in flows:
        flow.send()
    return answers(flows, seconds)


def same(first, then):
    """Those whose flow has been lost, or has another translation than before."""
    return [(a, b) for a, b in zip(first, then) if b is None or (a.source, a.port) != (b.source, b.port)]


def tracked(vm, flows):
    """conntrack's line of each flow, or ""."""
    lines = [line for family in ("ipv4", "ipv6")
             for line in vm.router.run("conntrack", "-L", "-p", "udp", "-f", family).out.splitlines()]
    return [next((line for line in lines if f"sport={flow.sock.getsockname()[1]} " in line), "") for flow in flows]


def all_offloaded(vm, flows):
    """Whether all flows are in the flowtable, after one more packet each."""
    again(flows)
    return all("[OFFLOAD]" in line for line in tracked(vm, flows))


@pytest.fixture
def flows(vm):
    """Flows over both WANs in both families, enough of them that none misses a WAN."""
    found, first = flows_over_both(vm, 12)
    assert wans_of(vm, first) == {(name, family) for name in ("att", "webpass") for family in (4, 6)}
    yield found, first
    close_all(found)
    vm.router.run("nft", "destroy", "table", "inet", "fastpath")
    vm.router.run("systemctl", "reload", "nftables")


def test_boots_without_a_complaint(vm, report):
    router = vm.router
    first = ", ".join(f"{name} IPv{family} {seconds:.0f} s"
                      for (name, family), seconds in sorted(vm.arrivals.first.items()))
    memory = router.memory()
    report(f"emulated machine: traffic after {first}; {memory['used']} MiB used, qemu {memory['qemu']} MiB")
    report("emulated machine: " + router.run("systemd-analyze", "time").out.splitlines()[0])
    assert router.failed() == []
    assert router.booted() == "running"
    warnings = [line for line in router.journal(None, "--priority=warning").splitlines() if re.search(OURS, line)]
    assert "\n".join(line for line in warnings if not re.search(EXPECTED, line)) == ""


def test_cards_have_their_names_whatever_the_order(vm):
    links = {link["ifname"]: link for link in json.loads(vm.router.command(["ip", "-j", "link"]))}
    assert {name: links[name]["address"] for name in vm.router.cards if name in links} == {
        name: mac for name, (mac, _, _) in vm.router.cards.items()}
    # The kernel found them in this order, and called them eth0, eth1 …
    found = sorted(vm.router.cards, key=lambda name: links[name]["ifindex"])
    assert found == list(vm.router.cards) == ["enmwanbr0", "enmgmt0", "enuplink0", "enwebpass0", "enatt0"]
    assert set(links) == {"lo", "enatt0.3242", *vm.router.cards}


def test_att_is_tagged_but_for_its_authentication(vm):
    isp = vm.isp("att")
    (link,) = json.loads(vm.router.command(["ip", "-j", "-d", "link", "show", "enatt0.3242"]))
    assert link["linkinfo"]["info_kind"] == "vlan"
    assert (link["linkinfo"]["info_data"]["protocol"], link["linkinfo"]["info_data"]["id"]) == ("802.1Q", VLAN)
    assert link["link"] == "enatt0"
    assert isp.authenticator.authorised
    seen = set(isp.trunk.seen)
    assert {(None, ETH_EAPOL), (VLAN, ETH_IP), (VLAN, ETH_IP6)} <= seen
    assert {vlan for vlan, _ in seen} == {None, VLAN}
    # And the kernel's multicast reports, from no address: the door would count others as leaks.
    assert {kind for vlan, kind in seen if vlan is None} <= {ETH_EAPOL, ETH_IP6}


def test_traffic_over_both_wans(vm):
    flows, first = flows_over_both(vm, 16)
    close_all(flows)
    assert wans_of(vm, first) == {(name, family) for name in ("att", "webpass") for family in (4, 6)}
    for one in vm.wans:
        with TcpFlow(vm.internet, one.public4[0], STRANGER4) as flow:
            assert flow.greeting.server == "opnsense"
        with TcpFlow(vm.internet, one.edge(), STRANGER6) as flow:
            assert flow.greeting.server == "opnsense"
        with UdpFlow(vm.internet, one.host(CLIENT6), STRANGER6, port=PORT) as flow:
            assert flow.ask().local == CLIENT6
    for server in (SERVERS4[0], SERVERS6[0]):  # full-sized segments, also with a tag
        with TcpFlow(vm.client, server) as flow:
            assert flow.echo("x" * 20000) == "x" * 20000


def test_sysctls_are_in_force(vm):
    """As the file says, with its globs over all interfaces; nothing is left out for want of a module."""
    wanted, excluded = {}, set()
    for file in glob.glob(f"{REPO}/conf/sysctl.d/*.conf"):
        with open(file, encoding="utf-8") as text:
            for line in (line.split("#")[0].strip() for line in text):
                key, equals, value = (part.strip() for part in line.partition("="))
                if equals:
                    wanted[key] = value
                elif key:
                    excluded.add(key.lstrip("-"))
    interfaces = ["default", "lo", "enatt0.3242", *vm.router.cards]
    expected = {}
    for key, value in wanted.items():
        for name in interfaces if ".*." in key else [None]:
            path = key.replace(".", "/")
            expected[path.replace("*", name) if name else path] = value
    assert expected.pop("net/ipv4/conf/all/rp_filter") == "0" and "net.ipv4.conf.all.rp_filter" in excluded
    expected["net/ipv4/conf/all/rp_filter"] = "0"
    script = "".join(f"echo {path} $(cat /proc/sys/{path})\n" for path in expected)
    found = dict(line.split(" ", 1) for line in vm.router.run("sh", "-c", script).out.splitlines())
    assert found == expected


def test_flowtable_in_a_table_of_its_own(vm, flows):
    flows, first = flows
    vm.router.command(["nft", "-f", "-"], OWN_TABLE)
    wait_until(lambda: all_offloaded(vm, flows), "all flows are offloaded")
    assert same(first, again(flows)) == []
    vm.router.run("systemctl", "reload", "nftables")
    assert "flowtable fast" in vm.router.run("nft", "list", "flowtables").out
    assert same(first, again(flows)) == []
    vm.router.run("update-routes")
    vm.router.run("update-npt")
    assert vm.router.run("update-routes", "--check", check=False).code == 0
    assert same(first, again(flows)) == []
    wait_until(lambda: all_offloaded(vm, flows), "all flows are offloaded again")


def test_flowtable_in_the_base_table_goes_with_a_reload(vm, flows):
    flows, first = flows
    vm.router.command(["nft", "-f", "-"], IN_FILTER)
    wait_until(lambda: all_offloaded(vm, flows), "all flows are offloaded")
    assert vm.router.run("update-routes", "--check", check=False).code == 0
    assert "flowtable fast" in vm.router.run("nft", "list", "flowtables").out
    vm.router.run("systemctl", "reload", "nftables")
    assert "flowtable" not in vm.router.run("nft", "list", "flowtables").out
    assert same(first, again(flows)) == []


def test_a_wan_that_goes_down_takes_its_offloaded_flows_along(vm, flows):
    flows, first = flows
    vm.router.command(["nft", "-f", "-"], OWN_TABLE)
    wait_until(lambda: all_offloaded(vm, flows), "all flows are offloaded")
    lost = [flow for flow, one in zip(flows, first) if vm.wan_of(one.source).name == "webpass"]
    kept = [(flow, one) for flow, one in zip(flows, first) if vm.wan_of(one.source).name == "att"]
    vm.isp("webpass").uplink(False)
    try:
        wait_until(lambda: not any(tracked(vm, lost)), "webpass's flows are gone")
        assert wans_of(vm, [one for one in again(lost, 10) if one]) == {("att", 4), ("att", 6)}
        assert same([one for _, one in kept], again([flow for flow, _ in kept])) == []
    finally:
        vm.isp("webpass").uplink(True)

    def recovered():
        probes, found = flows_over_both(vm, 6)
        close_all(probes)
        return {("webpass", 4), ("webpass", 6)} <= wans_of(vm, found)

    wait_until(recovered, "webpass carries new flows again")
