# SPDX-License-Identifier: GPL-2.0-or-later
"""--status and --once: what people and monitoring read, and that reading changes nothing."""

import contextlib
import datetime
import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
import time

import pytest

import faults
import wans
from daemon import STATE
from lab import SERVERS4, SERVERS6
from traffic import PATIENCE, answers, close_all, readable, udp_flows, wait_until

METRIC = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_]\w*="(\\.|[^"\\\n])*"(,[a-zA-Z_]\w*="(\\.|[^"\\\n])*")*\})? '
                    r"(NaN|[+-]?Inf|-?[0-9.]+(e[+-]?[0-9]+)?)")


@pytest.fixture(scope="module")
def site(share_lab):
    """A lab whose health-check has found webpass's IPv6 down."""
    lab = share_lab(health=wans.QUICK)
    lab.isp("webpass").fault(faults.NO_IPV6)
    daemon = lab.daemon()
    daemon.wait_states(webpass6="down")
    return lab, daemon


def status(lab, *args):
    return lab.router.run("health-check", "--status", *args, check=False)


def test_the_table_tells_at_a_glance(site):
    lab, _ = site
    result = status(lab)
    assert result.code == 4 and result.err == "", result
    for text in ("att", "webpass", "enatt0.3242", "enwebpass0", "up", "down"):
        assert text in result.out, text
    rows = result.out.splitlines()
    assert max(map(len, rows)) <= 80 and len(rows) <= 24, result
    assert re.fullmatch(r"webpass: no IPv6 for \d+ (s|min) \(down\); att carries it", rows[0]), result
    assert any(row.startswith("webpass IPv6: gateway fe80::1 ") for row in rows), result


def test_where_a_wan_leads_is_shown_where_there_is_room(site):
    lab, _ = site
    for columns, shown in (("120", True), ("80", False), ("", False), ("soon", False)):
        out = lab.router.run("health-check", "--status", check=False, env={"COLUMNS": columns}).out
        for text in ("104.57.226.198", "fe80::1 ", "2600:1700:2f71:c80::/60"):
            assert (text in out.partition("\n\nwebpass IPv6:")[0]) == shown, (columns, out)


def on_terminal(lab, columns, **env):
    """What --status prints on a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    lab.router.start("health-check", "--status", stdout=slave, env=env).wait(PATIENCE)
    os.close(slave)
    seen = b""
    with open(master, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # EIO: the end
        while data := terminal.read(65536):
            seen += data
    return seen.decode().replace("\r\n", "\n")


def test_a_terminal_decides_about_width_and_colour(site):
    lab, _ = site
    found = on_terminal(lab, 80, TERM="xterm", COLUMNS="200")
    assert "\x1b[1;31mdown\x1b[0m" in found and "\x1b[32mup\x1b[0m" in found, found
    assert max(map(len, re.sub("\x1b\\[[0-9;]*m", "", found).splitlines())) <= 80, found
    assert "104.57.226.198" in on_terminal(lab, 130, TERM="xterm")
    for env in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {}):
        assert "\x1b" not in on_terminal(lab, 80, **env), env
    assert "\x1b" in on_terminal(lab, 80, TERM="xterm", NO_COLOR="")
    assert "\x1b" not in lab.router.run("health-check", "--status", check=False, env={"TERM": "xterm"}).out


def test_json_is_the_object_of_the_file(site):
    lab, daemon = site
    result = status(lab, "--json")
    assert result.code == 4, result
    found = json.loads(result.out)
    assert found["version"] == 1 and [wan["name"] for wan in found["wans"]] == ["att", "webpass"]
    assert set(found["wans"][0]) >= {"name", "interface", "mark", "table", "tier", "weight", "carrier", "ipv4", "ipv6"}
    for wan in found["wans"]:
        for family in ("ipv4", "ipv6"):
            assert set(wan[family]) >= {"state", "eligible", "share", "since", "gateway", "loss", "rtt_ms", "failures",
                                        "successes"}
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", wan[family]["since"])
    assert found["wans"][1]["ipv6"]["state"] == daemon.state("webpass", "ipv6") == "down"
    assert found["wans"][0]["ipv6"]["prefix"] == "2600:1700:2f71:c80::/60"


def metrics(lab):
    """{line without its value: value}"""
    result = status(lab, "--metrics")
    assert result.code == 4, result  # webpass is down
    lines = [line for line in result.out.splitlines() if line and not line.startswith("#")]
    assert lines and [line for line in lines if not METRIC.fullmatch(line)] == []
    names = {re.split("[{ ]", line, maxsplit=1)[0] for line in lines}
    typed = set(re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", result.out, re.M))
    assert names == typed, "each metric has its type, once"
    assert result.out.count("# TYPE") == len(typed)
    found = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert len(found) == len(lines), "no sample twice"
    return found


def test_metrics_are_what_prometheus_reads(site):
    found = metrics(site[0])
    for wan in ("att", "webpass"):
        for family in ("ipv4", "ipv6"):
            assert [key for key in found if f'"{wan}"' in key and f'"{family}"' in key], (wan, family)


def test_metrics_count_flows_bytes_and_packets_by_wan(site):
    """What 40 flows add is what the client has sent."""
    lab, _ = site
    before = metrics(lab)
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    seen = answers(flows)
    assert lab.shares(seen)["lost"] == 0
    after = metrics(lab)
    close_all(flows)
    grown = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    for wan in ("att", "webpass"):
        for family in ("ipv4", "ipv6"):
            count = sum(lab.wan_of(one.source).name == wan for one in seen
                        if (":" in one.source) == (family == "ipv6"))
            mine = {key: value for key, value in grown.items() if f'"{wan}"' in key and f'"{family}"' in key}
            for what in ("flows", "packets", "bytes"):
                values = [value for key, value in mine.items() if what in key]
                assert count == 0 or any(value >= count for value in values), (wan, family, what, count, grown)


@pytest.mark.parametrize("key, says", [("net/ipv4/ip_forward", "the kernel forwards no IPv4"),
                                       ("net/ipv6/conf/all/forwarding", "the kernel forwards no IPv6")])
def test_a_kernel_that_forwards_nothing_is_told(site, key, says):
    lab, _ = site
    lab.router.sysctl(key, 0)
    wait_until(lambda: f"forwarding: {says}" in status(lab).out, "it says so")
    lab.router.sysctl(key, 1)
    wait_until(lambda: "forwarding:" not in status(lab).out, "it is well again")


def test_watch_refreshes_in_place_until_it_is_interrupted(site):
    lab, _ = site
    master, slave = pty.openpty()
    process = lab.router.start("health-check", "--status", "--watch", stdout=slave, stderr=slave,
                               env={"TERM": "xterm"})
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while seen.count(b"enatt0.3242") < 3 and time.monotonic() < deadline:
        if readable(open(master, "rb", buffering=0, closefd=False), 0.1):
            seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    code = process.wait(PATIENCE)
    os.close(master)
    assert seen.count(b"enatt0.3242") >= 3 and b"\x1b[" in seen, seen
    assert code in (0, 130, -signal.SIGINT), code


def test_watch_ends_when_its_reader_leaves(site):
    """`health-check --status --watch | head -1`"""
    lab, _ = site
    result = lab.router.run("sh", "-c", "(health-check --status --watch; echo $? >&2) | head -1",
                            check=False)
    assert result.code == 0 and result.err.split()[-1] != "0", result


def test_a_reader_that_has_left_is_no_crash(site):
    lab, _ = site
    for args in ("", "--json", "--metrics"):
        result = lab.router.run("sh", "-c", f"health-check --status {args} >&-", check=False)
        assert result.code == 1 and "<3>" in result.err, result


def test_reading_changes_nothing(site):
    lab, _ = site
    with lab.router.monitor() as monitor:
        for args in ((), ("--json",), ("--metrics",)):
            status(lab, *args)
        assert monitor.events() == {}


def test_options_that_do_not_go_together_are_refused(site):
    lab, _ = site
    for args in ((), ("--daemon", "--status"), ("--once", "--json", "--metrics"), ("--nonsense",), ("--status", "x")):
        result = lab.router.run("health-check", *args, check=False)
        assert result.code == 2 and result.out == "" and result.err, result


# Without a daemon, or one that does not work

def test_without_a_daemon_it_says_so_and_prints_what_there_is(watch):
    lab, daemon = watch()
    daemon.stop()
    for args in ((), ("--json",), ("--metrics",)):
        result = status(lab, *args)
        assert result.code == 1 and result.err and "webpass" in result.out, result
    assert re.match(r"daemon: does not run, and this is \d+ s old\n", status(lab).out), status(lab)
    assert " old: `systemctl start mwan-health`\n" in status(lab).out, status(lab)


def test_counters_that_cannot_be_read_hide_no_missing_daemon(watch):
    lab, daemon = watch()
    command = ("setpriv", "--bounding-set=-net_admin", "health-check", "--status", "--metrics")
    result = lab.router.run(*command, check=False)
    assert result.code == 1 and "conntrack" in result.err and "webpass" in result.out, result
    daemon.stop()
    result = lab.router.run(*command, check=False)
    assert result.code == 1 and "does not run" in result.err and "webpass" in result.out, result


def test_a_daemon_that_hangs_is_noticed_by_the_age_of_what_it_says(watch):
    lab, daemon = watch()
    assert status(lab).code == 0
    daemon.signal(signal.SIGSTOP)
    wait_until(lambda: status(lab).code == 1, "stale")
    result = status(lab)
    assert result.err and "webpass" in result.out, result
    assert re.match(r"daemon: hangs, and this is \d+ s old\n", result.out), result
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: status(lab).code == 0, "fresh again")


def test_a_full_file_system_is_named_as_the_cause(make_lab):
    """The daemon runs, and can't write what it knows."""
    lab = make_lab(health=wans.QUICK)
    lab.router.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", "/run/mwan")
    daemon = lab.daemon()
    wait_until(lambda: status(lab).code == 0, "all is well")
    lab.router.run("sh", "-c", "cat /dev/zero >/run/mwan/filling", check=False)
    wait_until(lambda: status(lab).code == 1, "stale")
    result = status(lab)
    assert result.out.startswith("daemon: can't write (/run/mwan is full), and this is "), result
    assert "the daemon can't write (/run/mwan is full)" in result.err, result
    lab.router.run("rm", "/run/mwan/filling")
    wait_until(lambda: status(lab).code == 0, "fresh again")
    daemon.stop()


def test_a_full_disk_keeps_the_daemon_from_nothing_else(make_lab):
    """What outlives a reboot can't be written: this is told, and each change is acted on all the same."""
    lab = make_lab(health=wans.QUICK)
    lab.router.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", "/var/lib/mwan")
    lab.router.run("sh", "-c", "cat /dev/zero >/var/lib/mwan/filling", check=False)
    daemon = lab.daemon()
    daemon.wait_states()
    wait_until(lambda: status(lab).code == 4, "it is told")
    result = status(lab)
    assert result.out.startswith("disk: /var/lib/mwan is full, so a reboot forgets what is known now\n"), result
    assert "`df -h /var/lib/mwan`" in result.out and result.err == "", result
    lab.cut("att")
    daemon.wait(lambda: not daemon.family("att", "ipv4")["eligible"], "att is avoided")
    assert status(lab).out.startswith("att: no carrier for "), status(lab)
    lab.mend("att")
    lab.router.run("rm", "/var/lib/mwan/filling")
    wait_until(lambda: status(lab).code == 0, "all is well")
    daemon.said_once("No space left on device")
    lab.cut("att")
    daemon.wait(lambda: daemon.said("/var/lib/mwan/health.json is written again"), "and its end")


def test_a_daemon_that_crashes_again_and_again_is_told_truly(watch):
    """Whenever --status is asked: "All well" stands for a daemon that runs, and for nothing else."""
    lab, daemon = watch()
    assert status(lab).code == 0
    for _ in range(4):
        daemon.kill()
        result = status(lab)
        assert result.code == 1 and result.out.startswith("daemon: does not run"), result
        daemon = lab.daemon()
        while not daemon.notified("READY"):
            result = status(lab)
            assert result.code in (0, 1), result
            assert result.out.startswith("All well\n" if result.code == 0 else "daemon: "), result
            assert (result.err == "") == (result.code == 0), result


def test_an_edit_that_nobody_has_run_with_is_told(watch):
    lab, daemon = watch()
    assert status(lab).out.startswith("All well\n"), status(lab)
    lab.router.configure(lab.router.read("/etc/mwan/mwan.conf") + "\n")
    result = status(lab)
    assert result.code == 4 and result.out.startswith("mwan.conf: edited, not in force\n"), result
    assert "\nmwan.conf: edited, not in force: `systemctl reload mwan-health`\n" in result.out, result
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: status(lab).code == 0, "in force")


def test_a_state_from_the_future_is_none_of_now(watch):
    """It was written before the clock was set back; how long ago, nobody knows."""
    lab, daemon = watch()
    daemon.signal(signal.SIGSTOP)
    time.sleep(0.3)  # what it was about to write is written
    found = json.loads(lab.router.read(STATE))
    ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    lab.router.write(STATE, json.dumps({**found, "time": ahead.strftime("%Y-%m-%dT%H:%M:%S") + found["time"][19:]}))
    for args in ((), ("--json",), ("--metrics",)):
        result = status(lab, *args)
        assert result.code == 1 and result.err and "webpass" in result.out, result
        assert not re.search(r"\d{5}| -\d", result.err), result.err
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: status(lab).code == 0, "fresh again")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"version": 1, "wans": [7]}'])
def test_without_a_state_to_read_it_says_so(lab, text):
    if text is not None:
        lab.router.write(STATE, text)
    for args in ((), ("--json",), ("--metrics",)):
        result = status(lab, *args)
        assert result.code == 1 and result.err.strip(), result
    if text is not None and not text:
        assert "<3>/run/mwan/health.json is empty: the daemon does not run: " in result.err, result


# --once

def files(lab):
    """Every file that mwan keeps, with what tells whether it was touched."""
    found = {}
    for folder in ("/run/mwan", "/var/lib/mwan"):
        for path in sorted(lab.router.path(folder).rglob("*")):
            stat = path.lstat()
            found[str(path).rpartition("/fd/")[2]] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def rests(lab):
    """Whether its files stay as they are for a while."""
    before = files(lab)
    time.sleep(0.5)
    return files(lab) == before


@pytest.mark.parametrize("running", [False, True], ids=["alone", "beside a daemon"])
def test_once_probes_one_cycle_and_changes_nothing(make_lab, running):
    lab = make_lab(health={"interval": "60s", "timeout": "300ms", "failure_threshold": 3}).up()
    if running:
        lab.daemon().wait_states()
        wait_until(lambda: rests(lab), "the run that follows the first verdicts; the next cycle is a minute away")
    before = files(lab)
    with lab.router.monitor() as monitor:
        result = lab.router.run("health-check", "--once", check=False)
        assert result.code == 0 and "webpass" in result.out, result
        lab.isp("att").fault(faults.NO_IPV6)
        result = lab.router.run("health-check", "--once", check=False)
        assert result.code == 1 and "webpass" in result.out, result
        assert monitor.events() == {}
    assert files(lab) == before


def test_once_shares_new_flows_by_its_own_verdicts(make_lab):
    lab = make_lab(health={"timeout": "300ms"}).up()

    def once():
        """By the WAN's name: what --once says of its IPv4."""
        result = lab.router.run("health-check", "--once", "--json", check=False)
        return {wan["name"]: wan["ipv4"] for wan in json.loads(result.out)["wans"]}

    lab.isp("att").fault(faults.NO_IPV4)
    found = once()
    assert [(found[name]["eligible"], found[name]["share"]) for name in ("att", "webpass")] == [(False, 0), (True, 1)]
    assert "last resort" not in found["att"]["trouble"]
    lab.isp("webpass").fault(faults.NO_IPV4)
    for ipv4 in once().values():
        assert (ipv4["state"], ipv4["eligible"], ipv4["share"]) == ("down", True, 0.5)
        assert "kept as last resort" in ipv4["trouble"]


def test_once_with_a_wan_missing_says_so(make_lab):
    lab = make_lab(health={"timeout": "300ms"}).up()
    lab.unplug("att")
    result = lab.router.run("health-check", "--once", check=False)
    assert result.code == 1 and "att" in result.out, result


def test_once_passes_over_a_family_that_has_nothing_to_probe(make_lab):
    lab = make_lab([wans.att(keys={"ping6": "", "http6": ""}), wans.webpass()], health={"timeout": "300ms"}).up()
    result = lab.router.run("health-check", "--once", check=False)
    assert result.code == 0 and "att IPv6: " in result.out, result
    lab.isp("att").fault(faults.NO_IPV4)
    assert lab.router.run("health-check", "--once", check=False).code == 1


def test_once_judges_only_the_families_that_a_wan_has(make_lab):
    lab = make_lab([wans.att(keys={"gateway6": "none"}), wans.webpass()], health={"timeout": "300ms"}).up()
    lab.isp("att").fault(faults.NO_IPV6)
    assert lab.router.run("health-check", "--once").code == 0
