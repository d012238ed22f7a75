# SPDX-License-Identifier: GPL-2.0-or-later
"""From any state, one run reaches the configured one (I7); what is not mwan's stays as it is."""

import random
import signal
import time

import pytest

import damage
from machine import difference

PROGRAMS = pytest.mark.parametrize("program", ["update-routes", "update-npt"])


def check(lab, wanted, program, what):
    """One run leads to the wanted state."""
    result = lab.router.run(program, check=False)
    assert result.code == 0, f"{what}: {result}"
    found = lab.router.snapshot()
    if found != wanted:
        pytest.fail("\n".join([what, repr(result), *difference(wanted, found)]), pytrace=False)


@PROGRAMS
def test_from_an_empty_kernel(lab, program):
    """update-routes alone leaves IPv6 to update-npt, which knows the prefixes; together, all is there."""
    wanted = lab.router.snapshot()
    lab.router.wipe()
    assert lab.router.snapshot() != wanted
    lab.router.run(program)
    lab.router.run("update-npt")
    assert lab.router.snapshot() == wanted
    lab.carries()


@PROGRAMS
def test_from_a_base_without_its_runtime_rules(lab, program):
    """Somebody loads the base by hand, and the kept rules are not there to be included."""
    wanted = lab.router.snapshot()
    lab.router.run("rm", "-rf", "/run/mwan/nft")
    lab.router.load_base()
    check(lab, wanted, program, "base reloaded")
    lab.carries()


@PROGRAMS
def test_kept_rules_that_are_damaged_are_written_anew(lab, program):
    wanted = lab.router.snapshot()
    files = sorted(str(path.name) for path in lab.router.path("/run/mwan/nft").glob("*.nft"))
    assert files
    for name in files:
        lab.router.write(f"/run/mwan/nft/{name}", "# nothing\n")
        lab.router.load_base()
        check(lab, wanted, program, f"{name} emptied")
        lab.router.load_base()
        assert lab.router.snapshot() == wanted, name


def test_kept_rules_that_cannot_be_loaded_do_not_keep_the_base_from_loading_forever(lab):
    """`nft -f` fails as a whole then; a run puts the file right."""
    wanted = lab.router.snapshot()
    for path in sorted(lab.router.path("/run/mwan/nft").glob("*.nft")):
        lab.router.write(f"/run/mwan/nft/{path.name}", "add rule inet nowhere nothing\n")
    assert lab.router.run("nft", "-f", "/etc/mwan/nftables.conf", check=False).code != 0
    check(lab, wanted, "update-routes", "kept rules broken")
    lab.router.load_base()
    assert lab.router.snapshot() == wanted


def test_each_own_object_deleted_is_put_back(lab):
    wanted = lab.router.snapshot()
    count = 0
    while True:
        found = damage.deletions(lab.router)  # anew: handles change
        if count >= len(found):
            break
        what, delete = found[count]
        delete()
        assert lab.router.run("update-routes", "--check", check=False).code == 3, f"not noticed: {what}"
        check(lab, wanted, ["update-routes", "update-npt"][count % 2], what)
        count += 1
    assert count > 80
    lab.carries()


@pytest.mark.parametrize("family, table", damage.NFT_TABLES)
def test_a_whole_table_deleted_is_put_back(lab, family, table):
    wanted = sorted(lab.router.snapshot())
    lab.router.nft(f"delete table {family} {table}")
    lab.router.run("update-routes")
    assert sorted(lab.router.snapshot()) == wanted
    lab.carries()


def test_everything_that_intrudes_with_our_mark_is_removed(lab):
    wanted = lab.router.snapshot()
    for number, (what, intrude) in enumerate(damage.INTRUSIONS):
        intrude(lab.router)
        assert lab.router.snapshot() != wanted, f"nothing happened: {what}"
        check(lab, wanted, ["update-routes", "update-npt"][number % 2], what)


@pytest.mark.parametrize("family", [4, 6])
def test_a_rule_that_names_less_than_ours_takes_none_with_it(lab, family):
    """The kernel deletes the first rule that fits, and skips what is not named."""
    wanted = lab.router.snapshot()
    lab.router.ip("rule add pref 101 lookup 100 protocol 77\n", family)
    check(lab, wanted, "update-routes", "a rule for any mark")


@pytest.mark.parametrize("seed", range(20))
def test_any_mixture_of_damage_is_repaired_in_one_run(lab, seed):
    chance = random.Random(seed)
    wanted = lab.router.snapshot()
    for what, delete in chance.sample(damage.deletions(lab.router), 12):
        try:
            delete()
        except RuntimeError:
            pass  # gone with something deleted before
    for what, intrude in chance.sample(damage.INTRUSIONS, 6):
        try:
            intrude(lab.router)
        except (RuntimeError, OSError):
            pass  # what it needs is gone
    check(lab, wanted, chance.choice(["update-routes", "update-npt"]), f"seed {seed}")


FOREIGN4 = """\
rule add from 203.0.113.9 lookup 555 pref 50
rule add fwmark 1 lookup 555 pref 2000 protocol static
route add 203.0.113.0/24 via 10.250.250.2 table 100 proto static
route add 198.51.100.0/24 via 192.168.50.10 dev eth0
route add blackhole 198.51.100.64/26 proto static
route add 10.77.0.0/16 via 192.168.50.10 table 555
addr add 136.25.91.250/32 dev enwebpass0
addr add 10.250.250.99/32 dev enmwanbr0
nexthop add id 12345 via 192.168.50.10 dev eth0
"""
FOREIGN6 = """\
rule add from 2001:db8:9::/48 lookup 555 pref 60
route add 2001:db8:9::/48 via 3d06:bad:b01:fe::2 dev enmwanbr0 table 100 proto bird
route add unreachable 2001:db8:a::/48 table 555
addr add 2604:5500:c271:be00::77/128 dev enwebpass0 nodad
"""
FOREIGN_NFT = """
add table inet docker
add set inet docker s { type ipv4_addr; elements = { 192.0.2.1 }; }
add chain inet docker forward { type filter hook forward priority 10; policy accept; }
add rule inet docker forward ip saddr @s counter drop
add table ip mangle
add chain ip mangle c
add rule ip mangle c ip saddr 192.0.2.1 accept
add table bridge nat
"""


def add_foreign(router):
    router.ip(FOREIGN4, 4)
    router.ip(FOREIGN6, 6)
    router.nft(FOREIGN_NFT)


def test_foreign_objects_survive_repair_wiping_and_all(lab):
    add_foreign(lab.router)
    before = damage.foreign_lines(lab.router)
    tables = [lab.router.command(["nft", "-s", "list", "table", *name.split()]) for name in
              ("inet docker", "ip mangle", "bridge nat")]
    lab.router.update()
    for what, delete in random.Random(1).sample(damage.deletions(lab.router), 20):
        try:
            delete()
        except RuntimeError:
            pass
    lab.router.update()
    lab.router.load_base()
    lab.router.update()
    assert damage.foreign_lines(lab.router) == before
    assert tables == [lab.router.command(["nft", "-s", "list", "table", *name.split()]) for name in
                      ("inet docker", "ip mangle", "bridge nat")]
    assert "id 12345" in lab.router.command(["ip", "nexthop"])
    lab.carries()


def test_foreign_objects_are_no_reason_to_change_anything_again(lab):
    add_foreign(lab.router)
    lab.router.update()
    with lab.router.monitor() as monitor:
        lab.router.update()
        assert monitor.events() == {}


def test_a_run_killed_at_any_point_is_made_good_by_the_next(lab):
    """A hundred runs from an empty kernel, killed at a random time within a run's usual duration."""
    wanted = lab.router.snapshot()
    chance = random.Random(4)
    killed = 0
    lab.router.wipe()
    begin = time.monotonic()
    lab.router.run("update-npt")
    usual = time.monotonic() - begin
    for number in range(100):
        if number % 2:
            lab.router.wipe()
        else:
            for what, delete in chance.sample(damage.deletions(lab.router), 3):
                try:
                    delete()
                except RuntimeError:
                    pass
        process = lab.router.start("update-npt")
        until = time.monotonic() + chance.uniform(0, usual)
        while process.poll() is None and time.monotonic() < until:
            pass  # finer than any sleep
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        lab.router.load_base()
        check(lab, wanted, "update-npt", f"run {number}")
    assert killed > 0
    lab.carries()


def test_twenty_runs_at_once_take_turns(lab):
    wanted = lab.router.snapshot()
    for _ in range(3):
        lab.router.wipe()
        runs = [lab.router.start(["update-npt", "update-routes"][i % 2]) for i in range(20)]
        outcomes = [(run.communicate(), run.returncode) for run in runs]
        assert [code for _, code in outcomes] == [0] * 20, outcomes
        assert lab.router.snapshot() == wanted
    lab.carries()


def test_a_changed_configuration_leaves_nothing_of_the_old(make_lab):
    """Marks, tables, weights and a WAN itself change; the result is that of a fresh start."""
    lab = make_lab().up()
    lab.wan("att").mark, lab.wan("att").table = 7, 777
    lab.wan("webpass").weight = 3
    lab.configure()
    lab.router.update()
    changed = lab.router.snapshot()
    lab.router.wipe()
    lab.router.update()
    assert lab.router.snapshot() == changed
    lab.carries()
    lab.wans.pop()
    lab.configure()
    lab.router.update()
    changed = lab.router.snapshot()
    lab.router.wipe()
    lab.router.update()
    assert lab.router.snapshot() == changed
    assert not any("enwebpass0" in line for line in changed if '"protocol": "77"' in line)
