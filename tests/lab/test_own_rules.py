# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of the administrator's own, as mwan(7) shows them: port forwards, what is dropped, what is let in."""

import re
import socket

import pytest

import wans
from doctor import Doctor
from lab import REPO, STRANGER4, STRANGER6
from machine import difference
from readme import lines_of, own_rules, plain
from traffic import PORT, TcpFlow, UdpFlow, close_all, connects, listen, refused

LOAD, FOLDER = "/usr/local/lib/mwan/load-ruleset", "/etc/mwan/nftables.d"
FORWARDS = f"{FOLDER}/forwards.nft"
OWN = 8443  # the port that the manual's example forwards
METRICS = 9100  # and the one that it lets in
FAMILIES = pytest.mark.parametrize("family", [4, 6])
STRANGER = {4: STRANGER4, 6: STRANGER6}
INSIDE = {4: ("opnsense", "10.250.250.3"), 6: ("client", "3d06:bad:b01:1::100")}


def manual():
    """The manual's examples: a file of tables, one of `input`, one of `forward`. The lab's servers have another port."""
    with open(f"{REPO}/cmd/mwan.7.scd", encoding="utf-8") as file:
        section = file.read().partition("\n# RULES OF YOUR OWN\n")[2].partition("\n# ")[0]
    found = [text.replace(":443", f":{PORT}") for text in re.findall(r"```\n(.*?)```", section, re.S)]
    return found[0], found[1], found[2]


def load(lab):
    """What `systemctl reload nftables` does, and the boot."""
    return lab.router.run(LOAD)


@pytest.fixture
def own(lab):
    """A lab with the manual's three files in force."""
    for name, text in zip(("forwards.nft", "metrics.input", "admin.forward"), manual()):
        lab.router.write(f"{FOLDER}/{name}", text)
    assert load(lab).err == ""
    return lab


def addresses(lab, family):
    """Each WAN's own address: what DHCP has given, and the edge."""
    return {one.name: one.address4.split("/")[0] if family == 4 else one.edge() for one in lab.wans}


def check_forwards(lab):
    """The port of each WAN's address leads inside, in both families, and answers come back the way that they came."""
    for family in (4, 6):
        for name, address in addresses(lab, family).items():
            before = lab.isp(name).leaks()
            with TcpFlow(lab.internet, address, STRANGER[family], port=OWN) as flow:
                assert (flow.greeting.server, flow.greeting.local) == INSIDE[family]
                assert flow.greeting.source == STRANGER[family] and flow.echo(name) == name
            assert lab.isp(name).leaks() == before
    assert lab.leaks() == {}


def test_the_readme_loads_a_file_of_forwards(lab):
    assert lines_of(own_rules()) == [f"sudo nft -c -f {FORWARDS}", "sudo systemctl reload nftables"]
    lab.router.write(FORWARDS, manual()[0])
    lab.router.run(*plain(lines_of(own_rules())[0]).split())
    load(lab)
    check_forwards(lab)


def test_a_port_of_each_wan_is_forwarded_and_answered_there(own):
    check_forwards(own)
    # Other ports lead where they led: [map4], and the edge to OPNsense.
    for family, inside in ((4, "10.250.250.2"), (6, wans.ROUTER6)):
        for address in addresses(own, family).values():
            with UdpFlow(own.internet, address, STRANGER[family]) as flow:
                assert flow.ask().local == inside
    assert own.router.run("update-routes", "--check").out == ""


def test_forwards_where_the_wans_masquerade(make_lab):
    lab = make_lab([wans.att(nat4="masquerade"), wans.webpass(nat4="masquerade")]).up()
    lab.router.write(FORWARDS, manual()[0])
    load(lab)
    check_forwards(lab)


@FAMILIES
def test_forwards_survive_reloads_runs_and_failures(own, family):
    flows = {name: TcpFlow(own.internet, address, STRANGER[family], port=OWN)
             for name, address in addresses(own, family).items()}
    before = own.router.snapshot()
    forget = lambda: own.router.run("rm", "-r", "/run/mwan/nft")  # noqa: E731
    for change in (lambda: load(own), own.router.load_base, own.up, forget, own.up):
        change()
        assert all(flow.echo(name) == name for name, flow in flows.items())
    check_forwards(own)
    assert difference(before, own.router.snapshot()) == []
    own.router.health(**{f"att{family}": "down"})
    own.up()
    assert all(flow.echo(name) == name for name, flow in flows.items())
    check_forwards(own)
    close_all(flows.values())


def test_forwards_are_there_after_a_boot(own):
    own.router.run("nft", "flush", "ruleset")
    own.router.run("rm", "-r", "/run/mwan")
    assert "can't" not in load(own).err
    own.up()
    check_forwards(own)


def test_forwards_follow_a_prefix(own):
    prefix = "2600:1700:dead:be0::/60"
    own.give_prefix("att", prefix)
    own.router.run("update-npt", "enatt0.3242", prefix)
    own.take_prefix("att", prefix)
    check_forwards(own)


def test_what_is_dropped_is_dropped_and_nothing_else(own):
    text = manual()[0]
    assert text.count("203.0.113.66") == 1
    own.router.write(FORWARDS, text.replace("ip saddr 203.0.113.66", f"ip saddr {STRANGER4}"))
    load(own)
    assert refused(own.internet, own.wan("att").public4[2], STRANGER4)
    with UdpFlow(own.internet, own.wan("att").edge(), STRANGER6) as flow, UdpFlow(own.client, "1.1.1.1") as outbound:
        assert flow.ask() and outbound.ask()


@FAMILIES
def test_what_the_filter_would_drop_is_let_in(own, family):
    address = {4: "10.250.250.1", 6: "3d06:bad:b01:fe::1"}[family]
    outside = addresses(own, family)["webpass"]
    af = {4: socket.AF_INET, 6: socket.AF_INET6}[family]
    with listen(own.router, af, METRICS), listen(own.router, af, METRICS + 1):
        assert connects(own.opnsense, address, METRICS) and not connects(own.opnsense, address, METRICS + 1)
        assert not connects(own.internet, outside, METRICS, STRANGER[family])
    own.router.run("rm", f"{FOLDER}/metrics.input")
    load(own)
    with listen(own.router, af, METRICS):
        assert not connects(own.opnsense, address, METRICS)


@FAMILIES
def test_what_the_filter_would_drop_is_forwarded(own, family):
    """From the management network to OPNsense, and back; not the other way round."""
    gateway, target = {4: ("192.168.50.1", "10.250.250.2"), 6: ("fd00:50::1", wans.ROUTER6)}[family]
    admin = {4: "192.168.50.10", 6: "fd00:50::10"}[family]
    own.admin.ip(f"route add default via {gateway}\n", family)
    with TcpFlow(own.admin, target) as flow:
        assert flow.greeting.source == admin and flow.echo("x") == "x"
        load(own)
        assert flow.echo("y") == "y"
    with listen(own.admin, {4: socket.AF_INET, 6: socket.AF_INET6}[family]):
        assert not connects(own.opnsense, admin)
    own.router.run("rm", f"{FOLDER}/admin.forward")
    load(own)
    assert not connects(own.admin, target, PORT)


# Mistakes

def test_a_mistake_in_a_table_keeps_nothing_else_away(own):
    own.router.write(f"{FOLDER}/broken.nft", "table inet broken {\n\tnonsense\n}\n")
    own.router.run("nft", "flush", "ruleset")
    own.router.run("rm", "-r", "/run/mwan")
    assert f"<3>{FOLDER}/broken.nft can't be loaded" in load(own).err
    own.up()
    check_forwards(own)
    doctor = Doctor(own.router, ["nft"])
    found = doctor.finds("nft", "WRONG", f"{FOLDER}/broken.nft:2:")
    assert f"nft -c -f {FOLDER}/broken.nft" in found.commands()


def test_a_mistake_in_what_becomes_the_base_is_named_before_it_matters(own):
    own.router.write(f"{FOLDER}/metrics.input", "tcp dport 9100 acept\n")
    Doctor(own.router, ["nft"]).finds("nft", "WRONG", f"{FOLDER}/metrics.input:1:")
    assert own.router.run(LOAD, check=False).code == 1
    check_forwards(own)


# The doctor, and the log

def test_the_doctor_accepts_what_is_in_these_files(own):
    doctor = Doctor(own.router, ["nft", "NPT"])
    assert doctor.complaints() == []
    own.router.nft("delete table inet own")
    found = doctor.finds("nft", "WRONG", "table inet own, your own of")
    assert found.commands() == ["systemctl reload nftables"]
    load(own)
    assert doctor.complaints() == []


@pytest.mark.parametrize("kind, says, chain, rule", [
    ("WRONG", "sets marks", "type filter hook prerouting priority -140", "ip saddr 10.250.250.3 meta mark set 1"),
    ("note", "drops what is forwarded", "type filter hook forward priority 0; policy drop", "accept"),
    ("WRONG", "translates addresses before", "type nat hook postrouting priority 90", "masquerade"),
    (None, "", "type nat hook postrouting priority 90", "ip saddr 172.17.0.0/16 masquerade")])
def test_the_doctor_says_what_breaks_mwan_also_in_these_files(lab, kind, says, chain, rule):
    path = f"{FOLDER}/mine.nft"
    lab.router.write(path, f"table mine\ndelete table mine\nadd table ip mine\ntable ip mine {{\n"
                           f"\tchain c {{\n\t\t{chain};\n\t\t{rule}\n\t}}\n}}\n")
    load(lab)
    doctor = Doctor(lab.router, ["nft"])
    if kind:
        assert path in doctor.finds("nft", kind, f"your own table ip mine {says}").fix
    else:
        assert doctor.complaints() == []


@pytest.mark.parametrize("chain, rule", [
    ("ip nat prerouting", "tcp dport 8443 dnat to 10.250.250.3"), ("inet mangle from_lan", "ip saddr 10.250.250.4 meta mark set 0x00000002"),
    ("inet filter exits", 'iifname "eth9" accept')])
def test_a_rule_that_a_run_removes_is_named_with_the_place_where_it_belongs(lab, chain, rule):
    lab.router.nft(f"insert rule {chain} {rule}")
    table, _, name = chain.rpartition(" ")
    said = lab.router.run("update-routes").err
    assert said.count("removed from") == 1 and FOLDER in said
    assert f"removed from chain {name} of table {table}, which is mwan's: `{rule}`" in said
    assert "removed from" not in lab.router.run("update-routes").err


def test_the_daemon_names_a_rule_that_it_removes(watch):
    lab, daemon = watch()
    lab.router.nft("add rule ip6 nat prerouting tcp dport 8443 dnat to 3d06:bad:b01:1::100")
    daemon.wait(lambda: daemon.said("removed from chain prerouting of table ip6 nat"), "the line")


def test_no_rule_of_mwans_own_is_said_to_be_removed(lab):
    """After another configuration, and when somebody has deleted rules."""
    lab.wan("att").weight = 3
    lab.wan("webpass").keys["down_flows"] = "flush"
    lab.configure()
    assert "removed from" not in lab.router.run("update-routes").err
    lab.router.nft("flush chain inet mangle prerouting; flush chain ip nat postrouting")
    assert "removed from" not in lab.router.run("update-routes").err
