# SPDX-License-Identifier: GPL-2.0-or-later
"""Files, streams and the order of events: what is lost, closed or late does not keep a run from its work."""

import fcntl
import os
import re

import pytest

import damage
import rtnl
from lab import SERVERS4, SERVERS6
from machine import OWNER, difference
from traffic import PATIENCE, UdpFlow, answers, close_all, udp_flows, wait_until

PROGRAMS = ["update-routes", "update-npt"]


def shell(lab, text, **kwargs):
    """Runs a line in which closed streams can be written."""
    return lab.router.run("sh", "-c", text, **{"check": False, **kwargs})


# Files

def kept_files(lab):
    return sorted(shell(lab, "cd /run/mwan && find . -type f").out.split())


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_one_run_makes_good_for_any_kept_file(lab, how):
    wanted, files = lab.router.snapshot(), kept_files(lab)
    assert len(files) > 5
    for number, name in enumerate(files):
        path = lab.router.path("/run/mwan") / name
        if how == "empty":
            path.write_text("")
        else:
            path.unlink()
        program = PROGRAMS[number % 2]
        lab.router.run(program)
        assert lab.router.snapshot() == wanted, name
        assert kept_files(lab) == files, name
        with lab.router.monitor() as monitor:
            again = lab.router.run(program)
            assert (monitor.events(), again.err) == ({}, ""), name
        lab.router.load_base()
        assert lab.router.snapshot() == wanted, name


def test_a_health_file_that_is_no_file_is_not_waited_for(lab):
    shell(lab, "mkfifo /run/mwan/health.json", check=True)
    for program in PROGRAMS:
        result = shell(lab, program)
        assert result.code == 0 and re.search("<4>.*/run/mwan/health.json", result.err), result
    lab.carries()


def test_without_libnl_route_a_run_changes_nothing(lab):
    """The library is loaded when there is something to change, and before anything is changed."""
    library = lab.router.run("sh", "-c", "ldconfig -p | sed -n 's/.*libnl-route-3.* => //p'").out.split()[0]
    desired = lab.router.snapshot()
    lab.router.run("mount", "--bind", "/dev/null", library)
    assert lab.router.run("update-routes").err == ""
    lab.router.wipe()
    before = lab.router.snapshot()
    for program in PROGRAMS:
        result = lab.router.run(program, check=False)
        assert result.code == 1 and "<3>libnl-route-3.so.200 is missing or too old" in result.err, result
    assert lab.router.snapshot() == before
    lab.router.run("umount", library)
    lab.router.run("update-npt")
    assert lab.router.snapshot() == desired


# Streams

@pytest.mark.parametrize("closed", ["2>&-", "0<&-", ">&- 2>&- 0<&-"])
def test_a_run_with_closed_streams_does_its_work_and_writes_nowhere_else(lab, closed):
    wanted = lab.router.snapshot()
    lab.router.wipe()
    lab.router.ip("route del default dev enwebpass0 metric 101\n", 4)  # something to say
    for program in PROGRAMS:
        result = shell(lab, f"{program} {closed}")
        assert (result.code, result.out) == (0, ""), result
    assert shell(lab, "grep -rlE '<[0-7]>|the kernel has been' /run/mwan").out == ""
    assert lab.router.read("/run/mwan/lock") == ""
    lab.router.ip("route add default via 136.25.91.241 dev enwebpass0 proto dhcp metric 101\n", 4)
    lab.router.run("update-routes")
    assert lab.router.snapshot() == wanted


@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_a_plan_that_nobody_can_read_is_a_failure(lab, option):
    lab.router.wipe()
    before = lab.router.snapshot()
    result = shell(lab, f"update-routes {option} >&-")
    assert result.code == 1 and "<3>" in result.err, result
    assert lab.router.snapshot() == before and lab.router.read("/run/mwan/lock") == ""


def test_a_run_whose_reader_has_left_goes_on_to_the_end(lab):
    """`update-routes 2>&1 | head -1`"""
    wanted = lab.router.snapshot()
    lab.router.wipe()
    reader, writer = os.pipe()
    os.close(reader)
    for program in PROGRAMS:
        assert lab.router.run(program, stderr=writer, stdout=writer).code == 0
    os.close(writer)
    assert lab.router.snapshot() == wanted


# The plan as commands

def type_in(lab, line):
    """One line of a plan, as somebody would type it. Debian 12's ip does not know the owner of an address."""
    address = re.fullmatch(rf"ip (?:-6 )?address add (\S+) dev (\S+) proto {OWNER}( nodad)?", line)
    if address and "proto" not in lab.router.run("ip", "address", "help", check=False).err:
        assert (":" in address[1]) == bool(address[3]), line
        rtnl.change_address(lab.router, rtnl.RTM_NEWADDR, address[2], address[1], OWNER)
    else:
        assert line.startswith(("ip ", "nft ")), line
        lab.router.run("sh", "-c", line)


def empty(lab):
    """The kernel as at boot, but the files of the last run are there."""
    shell(lab, "mv /run/mwan/nft /run/kept", check=True)
    lab.router.wipe()
    shell(lab, "mv /run/kept /run/mwan/nft", check=True)


DAMAGES = {
    "everything": empty,
    "mangle deleted": lambda lab: lab.router.nft("delete table inet mangle"),
    "mangle flushed": lambda lab: lab.router.nft("flush table inet mangle"),
    "mangle intruded": lambda lab: lab.router.nft("insert rule inet mangle prerouting accept; add chain inet mangle x"),
    "nat deleted": lambda lab: lab.router.nft("delete table ip nat; delete table ip6 nat"),
    "sets flushed": lambda lab: lab.router.nft("flush set inet filter wan; flush chain inet filter refuse"),
    "exits intruded": lambda lab: lab.router.nft("insert rule inet filter exits accept; add counter inet filter m9_ipv4_in"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_plan_can_be_typed_in_line_by_line(lab, what):
    wanted = sorted(lab.router.snapshot())
    DAMAGES[what](lab)
    plan = lab.router.run("update-routes", "--dry-run").out.splitlines()
    assert plan
    for line in plan:
        type_in(lab, line)
    assert lab.router.run("update-routes", "--check", check=False).code == 0
    assert sorted(lab.router.snapshot()) == wanted
    lab.carries()


@pytest.mark.parametrize("part", range(4))
def test_a_plan_against_what_mwan_never_sets_can_be_typed_in(lab, part):
    wanted = sorted(lab.router.snapshot())
    before = lab.router.addresses()
    for what, intrude in damage.INTRUSIONS[part::4]:
        intrude(lab.router)
    for line in lab.router.run("update-routes", "--dry-run").out.splitlines():
        type_in(lab, line)
    found = sorted(lab.router.snapshot())
    assert found == wanted, "\n".join(difference(wanted, found))
    assert lab.router.addresses() == before
    assert lab.router.run("update-routes", "--check", check=False).code == 0


def test_an_address_that_goes_can_be_typed_in(lab):
    wanted = sorted(lab.router.snapshot())
    for interface, address in (("enatt0.3242", "104.57.226.195/32"), ("enwebpass0", "2604:5500:c271:ffff::1/128")):
        rtnl.change_address(lab.router, rtnl.RTM_NEWADDR, interface, address, OWNER)
    plan = lab.router.run("update-routes", "--dry-run").out.splitlines()
    assert len(plan) == 2 and all(" address del " in line for line in plan), plan
    for line in plan:
        type_in(lab, line)
    assert sorted(lab.router.snapshot()) == wanted


@pytest.mark.parametrize("record", ["kept", "lost"])
def test_a_change_of_everything_can_be_typed_in(lab, record):
    """What was typed in is a run's work in all but the record of it."""
    att = lab.wan("att")
    att.mark, att.table, att.weight, att.keys["gateway6"] = 7, 777, 5, "fe80::9"
    lab.configure()
    if record == "lost":
        shell(lab, "rm -rf /run/mwan/*", check=True)
    for line in lab.router.run("update-routes", "--dry-run").out.splitlines():
        type_in(lab, line)
    typed = sorted(lab.router.snapshot())
    lab.router.run("update-routes")
    assert sorted(lab.router.snapshot()) == typed
    assert lab.router.run("update-routes", "--check", check=False).code == 0


# The order of events

def waits_for_lock(process):
    """Whether the program stands in the queue for the lock."""
    with open("/proc/locks", encoding="ascii") as file:
        return re.search(rf"-> FLOCK +ADVISORY +WRITE +{process.pid} ", file.read())


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_run_that_waited_uses_the_configuration_of_now(lab, program):
    """Its turn may come after that of a run that was started later, for a newer file."""
    with open(lab.router.path("/run/mwan/lock"), "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = lab.router.start(program)
        wait_until(lambda: waits_for_lock(process), what="the run waits")
        lab.wan("att").weight = 9
        lab.configure()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert lab.router.run("update-routes", "--check", check=False).code == 0


def test_a_fixed_prefix_needs_only_update_routes(bare):
    """Also when it is edited: the old one and its flows go with the same run."""
    bare.router.run("update-routes")
    bare.carries()
    flows = udp_flows(bare.client, 40, SERVERS6)
    answers(flows)
    bare.give_prefix("att", "2600:1700:aaaa:50::/60")
    bare.take_prefix("att", "2600:1700:aaaa:50::/60")  # from here on, it is what configure() writes
    bare.configure()
    bare.router.run("update-routes")
    assert [line for line in bare.router.snapshot() if "2600:1700:2f71:c8" in line] == []
    assert rtnl.tracks(bare.router, "2600:1700:2f71:c80::/60") == 0
    bare.carries()
    close_all(flows)
    assert bare.router.run("update-npt", "--check", check=False).code == 0


def test_who_waits_for_opnsense_keeps_nobody_waiting(bare):
    """OPNsense may take as long as it likes to speak IPv6: IPv4 is carried meanwhile, and others have their turn."""
    bare.opnsense.sysctl("net/ipv6/conf/wan0/disable_ipv6", 1)
    for arguments in ([], ["--check"]):
        process = bare.router.start("update-routes", *arguments)
        with UdpFlow(bare.client, SERVERS4[0]) as flow:
            wait_until(lambda: flow.ask(seconds=0.1), "IPv4 is carried")
        with open(bare.router.path("/run/mwan/lock"), "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fcntl.flock(lock, fcntl.LOCK_UN)
        assert process.poll() is None, "it did not wait for OPNsense"
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and said.count("nobody answers for router6_linklocal") == 1, said
