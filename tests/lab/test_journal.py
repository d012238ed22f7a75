# SPDX-License-Identifier: GPL-2.0-or-later
"""What is logged where: entries of the journal, lines on stderr, the debug log; and that each event is explained."""

import contextlib
import json
import os
import pty
import re
import subprocess
import time
from pathlib import Path

import pytest

import faults
import wans
from journal import Journal
from port import PORT, Port
from traffic import PATIENCE

REPO = Path(__file__).parents[2]
CATALOG, DEBUG_LOG = REPO / "conf/mwan.catalog", "/var/log/mwan-debug.log"
NO_GATEWAY = "route del default dev enwebpass0\n"
PREFIX = "2600:1700:2f71:c80::/60"


def rows():
    """The table of events: {constant: (name, id)}."""
    found = re.findall(r'row\((\w+), "([a-z0-9-]+)", "([0-9a-f]{32})"\)', (REPO / "lib/base/events.h").read_text())
    assert len({constant for constant, _, _ in found}) == len(found)
    return {constant: (name, number) for constant, name, number in found}


def catalog():
    """What is said of each id: {id: (headers, text)}."""
    entries = re.split(r"^-- ", CATALOG.read_text(), flags=re.M)[1:]
    found = {}
    for entry in entries:
        head, _, text = entry.partition("\n\n")
        number, *headers = head.splitlines()
        assert number not in found, f"{number} is explained twice"
        found[number] = dict(line.split(": ", 1) for line in headers), text.strip()
    return found


# The table of events

def test_table_code_and_catalog_have_the_same_events():
    events, explained = rows(), catalog()
    sources = "".join(path.read_text() for folder in ("lib", "cmd") for path in (REPO / folder).rglob("*.c"))
    others = re.findall(r"#define EVENT_(\w+)", sources) + ["ROWS"]
    assert set(re.findall(r"\bEVENT_(\w+)", sources)) - set(others) == set(events)
    names, numbers = zip(*events.values())
    assert len(set(names)) == len(set(numbers)) == len(events)
    assert {name.replace("-", "_").upper() for name in names} == set(events)
    assert list(numbers) == list(explained), "the catalog has the order of the table"


def test_each_event_is_explained_as_journalctl_wants_it(tmp_path):
    for number, (headers, text) in catalog().items():
        assert headers["Subject"] and headers["Defined-By"] == "mwan" and text, number
    for folder in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/lib/systemd/catalog/mwan.catalog").write_text(CATALOG.read_text())
    subprocess.run(["journalctl", "--update-catalog", f"--root={tmp_path}"], check=True)
    listed = subprocess.run(["journalctl", "--list-catalog", f"--root={tmp_path}"], check=True, capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) == len(catalog())


# Where stderr is the journal

@pytest.fixture
def journaled(make_lab):
    """A lab with a journal, and that."""
    lab = make_lab(health=wans.QUICK, mwan={"debug_logging": "yes"})
    journal = Journal(lab.router)
    yield lab, journal
    journal.close()


def test_a_verdict_is_an_entry_with_its_fields(journaled):
    lab, journal = journaled
    current = lab.router.run("mwan-trace", "new", "boot").out.strip()
    daemon = lab.daemon(through=journal.through)
    daemon.wait_states()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    lab.isp("att").fault()
    daemon.wait_states()
    down, = journal.entries(MWAN_EVENT="wan-down")
    up, = journal.entries(MWAN_EVENT="wan-up", MWAN_OLD="down")
    assert down == {**down, "PRIORITY": "4", "SYSLOG_IDENTIFIER": "health-check", "MESSAGE_ID": rows()["WAN_DOWN"][1],
                    "MWAN_WAN": "att", "MWAN_FAMILY": "ipv6", "MWAN_OLD": "up", "MWAN_NEW": "down",
                    "MWAN_TRACE_ID": current}
    assert int(down["MWAN_SECONDS"]) >= 0 and int(down["MWAN_FAILURES"]) == wans.QUICK["failure_threshold"]
    assert re.match(r"att IPv6 is down after \d+ failed cycles, was up for \d+ s: \S", down["MESSAGE"])
    assert up["PRIORITY"] == "5" and (up["MWAN_OLD"], up["MWAN_NEW"]) == ("down", "up") and "MWAN_SECONDS" in up
    assert re.match(r"att IPv6 is up after \d+ good cycles, was down for \d+ s$", up["MESSAGE"])
    assert daemon.lines == [], "each event is told once"


def test_what_a_wan_has_lost_is_told_when_it_returns_and_after_how_long(journaled):
    """A night: the link is cut and mended, then the gateway is gone for a while."""
    lab, journal = journaled
    daemon = lab.daemon(through=journal.through)
    daemon.wait_states()

    def wait(event, **fields):
        daemon.wait(lambda: journal.entries(MWAN_EVENT=event, MWAN_WAN="att", **fields), event)
        entry, = journal.entries(MWAN_EVENT=event, MWAN_WAN="att", **fields)
        return entry

    begin = time.time()
    lab.cut("att")
    assert wait("link-lost")["PRIORITY"] == "4"
    assert wait("ineligible", MWAN_FAMILY="ipv4") and wait("ineligible", MWAN_FAMILY="ipv6")
    time.sleep(1.1)
    lab.mend("att")
    assert 1 <= int(wait("link-back")["MWAN_SECONDS"]) <= time.time() - begin + 1
    daemon.wait_states()
    for family in ("ipv4", "ipv6"):
        entry = wait("eligible", MWAN_FAMILY=family)
        assert int(entry["MWAN_SECONDS"]) >= 1 and (entry["MWAN_OLD"], entry["MWAN_NEW"]) == ("false", "true")
    lab.router.ip(f"route del default dev enatt0.3242 metric {lab.wan('att').metric}\n", 4)
    assert wait("gateway-lost", MWAN_FAMILY="ipv4")["PRIORITY"] == "4"
    lab.mend("att")
    assert re.match(r"att: there is an IPv4 gateway again, after \d+ s$", wait("gateway-back", MWAN_FAMILY="ipv4")["MESSAGE"])
    story = [entry["MWAN_EVENT"] for entry in journal.entries(MWAN_WAN="att")]
    assert [event for event in story if event.startswith(("link-", "gateway-"))] == [
        "link-lost", "link-back", "gateway-lost", "gateway-back"]


def test_a_change_of_the_kernel_says_why_it_was_made(journaled):
    lab, journal = journaled
    daemon = lab.daemon(through=journal.through)
    daemon.wait_states()

    def why(text):
        daemon.wait(lambda: any(text in one.get("MWAN_WHY", "") for one in journal.entries(MWAN_EVENT="changed")), text)
        entry = next(one for one in journal.entries(MWAN_EVENT="changed") if text in one["MWAN_WHY"])
        assert entry["MESSAGE"].startswith(f"the kernel has been changed, as {entry['MWAN_WHY']}: "), entry
        assert int(entry["MWAN_ADDED"]) >= 0 and int(entry["MWAN_REMOVED"]) >= 0 and entry["MWAN_NFT"] in ("yes", "no")

    why("the daemon has started")
    lab.router.nft("flush chain ip6 nat postrouting")
    why("somebody has changed nftables")
    lab.router.ip("rule del pref 101\n", 4)
    why("somebody has changed mwan's routes or rules")
    lab.isp("att").fault(faults.NO_IPV6)
    why("att IPv6 is down")
    lab.isp("att").fault()
    why("att IPv6 is well again")
    lab.cut("att")
    why("att has no carrier")
    lab.mend("att")
    why("att is well again")
    lab.wan("att").weight = 3
    lab.configure(health=wans.QUICK)
    daemon.reload()
    why("mwan.conf was read")


@pytest.mark.parametrize("how", ["set {} down", "del {}"])
def test_a_lan_that_is_lost_is_told_once(journaled, how):
    lab, journal = journaled
    daemon = lab.daemon(through=journal.through)
    daemon.wait_states()
    daemon.wait(lambda: daemon.health()["lan"]["router6"], "OPNsense is seen")
    lab.router.ip(f"link {how.format(wans.LAN)}\n")
    daemon.wait(lambda: journal.entries(MWAN_EVENT="lan-lost"), "it is told")
    daemon.wait_cycles(5)
    entry, = journal.entries(MWAN_EVENT="lan-lost")
    assert ", so nothing inside can be reached: " in entry["MESSAGE"], entry


def test_a_wan_that_goes_down_is_told_with_its_cause(make_lab):
    """In the words of --status: the gateway has been asked, and a port that is not authenticated explains all."""
    lab = make_lab(health={**wans.QUICK, "failure_threshold": 6})
    journal = Journal(lab.router)
    daemon = lab.daemon(through=journal.through)
    daemon.wait_states()

    def told(wan):
        lab.isp(wan).fault(faults.NO_IPV4)
        daemon.wait_state(wan, "ipv4", "down")
        entry, = journal.entries(MWAN_EVENT="wan-down", MWAN_WAN=wan)
        return entry["MESSAGE"]

    lab.router.write("/run/mwan/dot1x", f"port={PORT}\nwhat={PORT} is not authenticated\nfix=renew the certificate\n")
    message = told("webpass")
    assert ": gateway 136.25.91.241 answers, nothing behind it does: no answer from 1.1.1.1" in message, message
    assert told("att").endswith(f": {PORT} is not authenticated: renew the certificate")
    journal.close()


def test_a_prefix_that_returns_is_told_with_how_long_there_was_none(journaled):
    lab, journal = journaled
    lab.wan("att").prefix_key = "auto"
    lab.configure(health=wans.QUICK)
    bus = lab.networkd()
    bus.delegate("enatt0.3242", PREFIX)
    daemon = lab.daemon(through=journal.through)
    daemon.wait(lambda: daemon.family("att", "ipv6").get("prefix"), "a prefix")
    bus.renumber("enatt0.3242")
    daemon.wait(lambda: journal.entries(MWAN_EVENT="prefix-lost", MWAN_WAN="att", MWAN_OLD=PREFIX), "it is lost")
    daemon.wait(lambda: journal.entries(MWAN_EVENT="ineligible", MWAN_WAN="att", MWAN_FAMILY="ipv6"), "not eligible")
    bus.renumber("enatt0.3242", PREFIX)
    daemon.wait(lambda: journal.entries(MWAN_EVENT="prefix-new", MWAN_WAN="att", MWAN_NEW=PREFIX), "it is back")
    assert "MWAN_SECONDS" in journal.entries(MWAN_EVENT="prefix-new", MWAN_NEW=PREFIX)[-1]


def test_numbers_in_the_debug_log_are_numbers(journaled):
    lab, _ = journaled
    daemon = lab.daemon()
    daemon.wait_states()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    down = next(line for line in map(json.loads, lab.router.read(DEBUG_LOG).splitlines()) if line["event"] == "wan-down")
    assert down == {**down, "level": "warning", "program": "health-check", "wan": "att", "family": "ipv6", "old": "up",
                    "new": "down", "failures": wans.QUICK["failure_threshold"]}
    assert isinstance(down["seconds"], int) and "is" not in down


def test_programs_log_under_their_own_names(journaled):
    lab, journal = journaled
    lab.router.ip(NO_GATEWAY, 4)
    for program in ("update-routes", "update-npt"):
        assert lab.router.run(*journal.through, program).err == ""
        assert journal.entries(SYSLOG_IDENTIFIER=program, MWAN_EVENT="gateway-lost", MWAN_WAN="webpass", MWAN_FAMILY="ipv4")
    result = lab.router.run(*journal.through, "update-routes", "--nonsense", check=False)
    assert (result.code, result.err) == (2, "")
    assert journal.entries(SYSLOG_IDENTIFIER="update-routes", MWAN_EVENT="usage", PRIORITY="3")


def test_a_program_that_wpa_cli_starts_logs_under_its_own_name(journaled):
    """The journal names lines of a service by the program that systemd has started; entries name themselves."""
    lab, journal = journaled
    port = Port(lab)
    lab.router.run(*journal.through, "sh", "-c", f"wpa-action {PORT} CONNECTED; true")
    port.close()
    assert [one["SYSLOG_IDENTIFIER"] for one in journal.entries(MWAN_EVENT="authenticated", MWAN_PORT=PORT)] == ["wpa-action"]


@pytest.mark.plain("LeakSanitizer does not work under strace")
def test_a_run_with_nothing_to_say_loads_nothing_for_it(journaled):
    lab, journal = journaled
    lab.up()
    lab.router.run(*journal.through, "update-routes")
    before = len(journal.entries())
    traced = lab.router.run(*journal.through, "strace", "-f", "-e", "trace=openat,connect,sendmsg", "update-routes").err
    assert "libsystemd" not in traced and "journal" not in traced, traced
    assert len(journal.entries()) == before


def test_without_a_journal_to_take_it_an_event_is_a_line_on_stderr(journaled):
    lab, journal = journaled
    lab.router.path("/run/systemd/journal/socket").unlink()
    lab.router.ip(NO_GATEWAY, 4)
    assert "<4>webpass: no IPv4 gateway" in lab.router.run(*journal.through, "update-routes").err


def test_a_journal_that_stands_still_holds_up_no_daemon(journaled):
    """Others may have filled it: what the daemon can't tell is lost, and what it does is done."""
    lab, journal = journaled
    daemon = lab.daemon(through=journal.through)
    daemon.wait_states()
    journal.fill(lab.router)
    lab.cut("att")
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "att is avoided")
    assert journal.entries(MESSAGE="of another program"), "there is room again"
    lab.mend("att")
    daemon.wait(lambda: journal.entries(MWAN_EVENT="eligible", MWAN_WAN="att"), "entries")


def test_a_journal_that_reads_nothing_holds_up_no_program(journaled):
    lab, journal = journaled
    lab.router.ip(NO_GATEWAY, 4)
    journal.fill(lab.router)
    reader, writer = os.pipe2(os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    process = lab.router.start(*journal.through, "update-routes", stderr=writer)
    assert process.wait(PATIENCE) == 0
    os.close(reader)
    os.close(writer)


def test_what_another_has_of_the_journals_variable_does_not_count(journaled):
    """A hook's stderr is a pipe of networkd-dispatcher, whose own is the journal."""
    lab, journal = journaled
    lab.router.ip(NO_GATEWAY, 4)
    result = lab.router.run("update-routes", env={"JOURNAL_STREAM": "9:12345"})
    assert "<4>webpass: no IPv4 gateway" in result.err and journal.entries() == []


# On a terminal

@pytest.mark.parametrize("arguments", [["update-routes"], ["update-npt"], ["update-routes", "--nonsense"], ["health-check", "--nonsense"],
                                       ["mwan-trace", "show"], ["wpa-action"], ["bringup-att-vlan", "--nonsense"]])
def test_a_line_on_a_terminal_has_no_priority(bare, arguments):
    bare.router.ip(NO_GATEWAY, 4)
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        bare.router.run(*arguments, check=False, stderr=slave)
        os.close(slave)
        said = b""
        try:
            while True:
                said += terminal.read(65536)
        except OSError:
            pass  # that was all
    lines = said.decode().splitlines()
    assert lines and not [line for line in lines if line.startswith("<")], lines
