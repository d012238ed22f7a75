# SPDX-License-Identifier: GPL-2.0-or-later
"""
A DSL line with the kernel's PPPoE and a real pppd at both ends: as the example has it, and beside other WANs. What else
such links do is in tests/lab/test_ptp.py.
"""

import contextlib
import json
import time

import examples
import pytest
import test_mss
import wans
from lab import CLIENT6, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from pppoe import PAUSE, SITE, Line
from traffic import Load, UdpFlow, answers, close_all, udp_flows, wait_until

SERVERS = {4: SERVERS4, 6: SERVERS6}


@pytest.fixture(scope="module")
def line(vm):
    """The provider is there, and nobody has called yet. To its end, I1 holds, and the daemon does not fail."""
    before = vm.router.read("/etc/mwan/mwan.conf")
    with contextlib.closing(Line(vm)) as found:
        yield found
        leaks = vm.leaks()
        found.hang_up()
        configure(vm, before)
        journal = vm.router.journal("mwan-health")
    assert leaks == {}
    assert "Failed with result" not in journal, journal


def configure(vm, text):
    vm.router.configure(text)
    vm.router.run("systemctl", "reload", "mwan-health")


def wait_for(vm, name, families, eligible=True):
    def met():
        time.sleep(PAUSE)
        ones = json.loads(vm.router.read("/run/mwan/health.json"))["wans"]
        found = next((one for one in ones if one["name"] == name), None)
        return found and all(found[f"ipv{number}"]["eligible"] is eligible for number in families)
    wait_until(met, f"{name}: eligible is {eligible}")


def goes(vm, number, count=20):
    """The WANs that new flows take."""
    flows = udp_flows(vm.client, count, SERVERS[number])
    seen = vm.shares(answers(flows))
    close_all(flows)
    return set(seen)


def carries_both_ways(vm, line):
    """What the example's mwan.conf says of the line, with whatever address it has now."""
    for number, source in ((4, line.address()), (6, line.wan.host(CLIENT6))):
        assert goes(vm, number) == {"dsl"}
        with UdpFlow(vm.client, SERVERS[number][0]) as flow:
            assert flow.ask().source == source
        assert test_mss.outbound(vm, number, 4) == {"dsl": {(1492, 1492)}}
    for target, stranger, inside in ((line.address(), STRANGER4, wans.INSIDE4[0]), (line.wan.edge(), STRANGER6, wans.ROUTER6)):
        with UdpFlow(vm.internet, target, stranger) as flow:
            assert flow.ask().local == inside


def test_the_example_with_a_real_pppd(vm, line):
    """LCP, CHAP, IPCP, IPv6CP; then a router's advertisement and DHCPv6. The modem is another card."""
    vm.router.ip("link property add dev enmwanbr0 altname enlan0\nlink property add dev enwebpass0 altname lte0\n")
    configure(vm, examples.text_of(SITE))
    wait_for(vm, "lte", [4])
    assert goes(vm, 4) == {"webpass"}
    line.call()
    link = line.wait()
    assert (link["mtu"], link["link_type"]) == (1492, "ppp")
    wait_for(vm, "dsl", [4, 6])
    assert "CHAP authentication succeeded" in vm.router.run("journalctl", "--boot", "-t", "pppd").out
    carries_both_ways(vm, line)

    first, kept = line.address(), UdpFlow(vm.client, SERVERS4[0])
    line.isp.off()
    wait_for(vm, "dsl", [4, 6], False)
    said = vm.router.run("health-check", "--status", check=False).out
    assert "there is no interface ppp0" in said and "`journalctl -t pppd` says why" in " ".join(said.split())
    assert goes(vm, 4) == {"webpass"} and kept.ask().source == vm.wan("webpass").address4.split("/")[0]
    line.isp.on()  # pppd has called in vain, and calls again
    line.wait()
    assert line.address() != first
    wait_for(vm, "dsl", [4, 6])
    carries_both_ways(vm, line)
    wait_until(lambda: kept.ask().source == line.address(), "a flow of the modem goes back")
    kept.close()


def test_a_call_that_ends_is_nothing_to_other_wans(vm, line):
    """pppd calls again by itself, and mwan takes another ppp0 with another address by itself."""
    vm.configure(health={"interval": "1s"})
    vm.router.run("systemctl", "reload", "mwan-health")
    if not line.index:
        line.call()
        line.wait()
    everyone = {"att", "webpass", "dsl"}
    for name in everyone:
        wait_for(vm, name, [4, 6])
    flows = udp_flows(vm.client, 48, SERVERS4 + SERVERS6)
    homes = [vm.wan_of(one.source).name for one in answers(flows)]
    assert set(homes) == everyone
    index, address = line.index, line.address()
    with Load([flow for flow, home in zip(flows, homes) if home != "dsl"], rounds_per_second=5) as load:
        line.isp.hang_up()
        line.wait()
        wait_for(vm, "dsl", [4, 6])
        for number in (4, 6):
            wait_until(lambda number=number: "dsl" in goes(vm, number), "new flows take dsl")
    assert not load.lost and not load.moved
    assert line.index != index and line.address() != address
    close_all(flows)
    assert vm.router.run("update-routes", "--check", check=False).code == 0


def test_mwan_never_waits_for_a_driver_of_a_line_that_is_away(vm, line):
    """
    Who asks for an index by a name which no link has makes the kernel look for a driver, and waits. pppd and udev do.
    tests/lab/test_npt.py looks at each program.
    """
    line.hang_up()
    vm.router.run("python3", "-c", "import socket\ntry: socket.if_nametoindex('ppp0')\nexcept OSError: pass")
    assert "python3" in line.asked()
    assert not {"health-check", "update-routes", "update-npt"} & line.asked()
