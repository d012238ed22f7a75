# SPDX-License-Identifier: GPL-2.0-or-later
"""load-ruleset, what nftables.service starts and reloads: in any state it finds, traffic is right or stopped."""

import fcntl
import socket
import time

import pytest

import wans
from lab import SERVERS4, SERVERS6
from machine import difference
from traffic import PATIENCE, Load, TcpFlow, UdpFlow, answers, close_all, connects, listen, udp_flows, wait_until

LOAD, BASE, KEPT = "/usr/local/lib/mwan/load-ruleset", "/etc/mwan/nftables.conf", "/run/mwan/nft"
ROUTER4 = "192.168.50.1"  # on the management interface


def load(lab, check=True):
    return lab.router.run(LOAD, check=check)


def carried(lab):
    """WANs that carry new flows of the client."""
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    found = set(lab.shares(answers(flows, seconds=1)))
    close_all(flows)
    return found


def break_base(lab, text="table inet filter {\n\tchain nonsense {\n\t\tthis is not a rule\n"):
    """An admin's slip. Returns what was there."""
    before = lab.router.read(BASE)
    lab.router.write(BASE, before + text)
    return before


def test_after_a_boot_one_load_brings_everything_up(bare):
    bare.router.run("nft", "flush", "ruleset")
    bare.router.run("rm", "-r", "/run/mwan")
    assert load(bare).code == 0
    assert carried(bare) == {"att", "webpass"}
    assert bare.router.run("update-routes", "--check").code == 0


def test_a_first_run_only_adds_to_the_base_ruleset(bare):
    """The programs know word for word how the kernel lists it: model/ruleset.c and conf/nftables.conf agree."""
    plan = bare.router.run("update-routes", "--dry-run").out.splitlines()
    assert {line.split()[1] for line in plan if line.startswith("nft ")} == {"'add"}, plan


def test_i5_loading_again_loses_nothing(lab):
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    answers(flows)
    streams = [TcpFlow(lab.client, server) for server in SERVERS4 + SERVERS6]
    before = lab.router.snapshot()
    with Load(flows, rounds_per_second=30) as traffic:
        for _ in range(5):
            load(lab)
            assert all(stream.echo("x") == "x" for stream in streams)
    close_all(flows + streams)
    assert traffic.lost == {} and traffic.moved == set()
    assert difference(before, lab.router.snapshot()) == []


def test_i5_loading_again_beside_the_daemon_loses_nothing(watch):
    lab, daemon = watch()
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    answers(flows)
    before = lab.router.snapshot()
    with Load(flows, rounds_per_second=30) as traffic:
        for _ in range(5):
            load(lab)
    close_all(flows)
    assert traffic.lost == {} and traffic.moved == set()
    daemon.wait_snapshot(before)


def test_an_edit_is_no_loss(lab):
    text = lab.router.read(BASE)
    for edited in (text.replace('"eth0"', '"eth0", "enp1s0"'), text):
        lab.router.write(BASE, edited)
        result = load(lab)
        assert result.err == "" and ("enp1s0" in lab.router.ruleset()) == (edited != text), result
        assert lab.router.run("update-routes", "--check").code == 0


def test_what_was_missing_is_brought_back(lab):
    before = lab.router.snapshot()
    lab.router.run("rm", "-r", KEPT)
    lab.router.nft("flush chain ip6 nat postrouting")
    lab.router.ip("rule del pref 101\n", 4)
    load(lab)
    assert difference(before, lab.router.snapshot()) == []


# Rules that were kept

@pytest.mark.parametrize("stale", ["add rule inet filter no_such_chain accept\n", "nonsense {\n",
                                   "add map inet mangle share4"])
def test_kept_rules_that_do_not_fit_are_written_anew(lab, stale):
    before = lab.router.snapshot()
    lab.router.write(f"{KEPT}/mangle.nft", stale)
    lab.router.write(f"{KEPT}/another.nft", stale)
    assert load(lab).code == 0
    assert difference(before, lab.router.snapshot()) == [] and carried(lab) == {"att", "webpass"}
    lab.router.load_base()  # without a word
    assert not lab.router.path(f"{KEPT}.refused").exists()


def test_a_run_that_is_half_done_is_waited_for(lab):
    """Its rules are being written, file by file: half of them don't fit the other half."""
    with open(lab.router.path("/run/mwan/lock"), "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = lab.router.read(f"{KEPT}/mangle.nft")
        lab.router.write(f"{KEPT}/mangle.nft", "nonsense {\n")
        loader = lab.router.start(LOAD)
        time.sleep(0.5)
        assert loader.poll() is None
        lab.router.write(f"{KEPT}/mangle.nft", whole)
    assert loader.communicate(timeout=PATIENCE) == ("", "") and loader.returncode == 0
    assert carried(lab) == {"att", "webpass"}


# A base ruleset that can't be loaded

def test_at_boot_a_broken_base_forwards_nothing_and_lets_ssh_in(bare):
    bare.router.run("nft", "flush", "ruleset")
    mended = break_base(bare)
    for _ in range(2):
        result = load(bare, check=False)
        assert result.code == 1 and f"<3>{BASE} can't be loaded" in result.err
        assert carried(bare) == {"lost"}
    with listen(bare.router, socket.AF_INET):
        assert connects(bare.admin, ROUTER4)
    # I1 holds for what the router itself sends: its default route leads over att.
    source = bare.wan("webpass").address4.split("/")[0]
    with UdpFlow(bare.router, SERVERS4[0], source) as flow, UdpFlow(bare.router, SERVERS4[0]) as right:
        assert right.ask() and flow.ask(seconds=0.5) is None
    assert bare.leaks() == {}
    bare.router.write(BASE, mended)
    assert load(bare).code == 0
    assert carried(bare) == {"att", "webpass"}


def test_i5_a_broken_base_leaves_what_is_in_force(lab):
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    answers(flows)
    before = lab.router.snapshot()
    with Load(flows, rounds_per_second=30) as traffic:
        mended = break_base(lab)
        assert load(lab, check=False).code == 1
        assert difference(before, lab.router.snapshot()) == []
        lab.router.write(BASE, mended)
        load(lab)
    close_all(flows)
    assert traffic.lost == {} and traffic.moved == set()


def test_a_missing_base_is_as_a_broken_one(bare):
    bare.router.run("nft", "flush", "ruleset")
    bare.router.run("rm", BASE)
    assert load(bare, check=False).code == 1
    assert carried(bare) == {"lost"}


def test_the_daemon_carries_on_when_the_base_is_mended(make_lab):
    lab = make_lab(health=wans.QUICK)
    lab.router.run("nft", "flush", "ruleset")
    mended = break_base(lab)
    load(lab, check=False)
    lab.daemon(ready=False)
    lab.router.write(BASE, mended)
    load(lab)
    wait_until(lambda: carried(lab) == {"att", "webpass"}, "traffic")


# Other troubles

def test_a_management_card_that_is_silent_closes_the_others(bare):
    """Also where no program can run."""
    bare.router.configure("nonsense\n")
    bare.router.nft("flush ruleset")
    bare.admin.ip("link set eth0 down\n")
    load(bare)
    with listen(bare.router, socket.AF_INET):
        assert not connects(bare.opnsense, "10.250.250.1")


def test_a_broken_configuration_is_not_the_rulesets(lab):
    lab.router.configure("nonsense\n")
    result = load(lab)
    assert "/etc/mwan/mwan.conf:1:" in result.err
    assert carried(lab) == {"att", "webpass"}


def test_without_a_configuration_debians_own_ruleset_is_loaded(bare):
    bare.router.run("rm", "/etc/mwan/mwan.conf")
    bare.router.write("/etc/nftables.conf", "flush ruleset\ntable inet theirs {\n}\n")
    load(bare)
    assert bare.router.ruleset().split() == ["table", "inet", "theirs", "{", "}"]
