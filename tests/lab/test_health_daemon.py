# SPDX-License-Identifier: GPL-2.0-or-later
"""health-check as a service: what it tells its manager, what it makes of files, and what it is to its neighbours."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import faults
import rtnl
import wans
from daemon import KEPT, STATE
from lab import SERVERS4, SERVERS6, STRANGER6
from notify import Notify
from traffic import PATIENCE, Load, TcpFlow, UdpFlow, answers, close_all, udp_flows

CONFIG, DEBUG_LOG, LOCK = "/etc/mwan/mwan.conf", "/var/log/mwan-debug.log", "/run/mwan/lock"


def probes(lab):
    """How many echo requests each WAN has sent since count_echo()."""
    return [sum(isp.echo().values()) for isp in lab.isps]


def shares(lab, servers, count=40):
    flows = udp_flows(lab.client, count, servers)
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return seen


def shares6(lab):
    return shares(lab, SERVERS6)


def status(lab):
    """What --status prints."""
    return lab.router.run("health-check", "--status", check=False).out


@contextlib.contextmanager
def held(lab):
    """Somebody else's run takes its time."""
    with open(lab.router.path(LOCK), "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def shared(share_lab):
    """A lab and its health-check, for tests of mwan.conf that leave the kernel as it was."""
    lab = share_lab(health=wans.QUICK)
    daemon = lab.daemon()
    daemon.wait_states()
    daemon.wanted = lab.router.snapshot()
    return lab, daemon


@pytest.fixture
def site(shared):
    """The shared lab; its mwan.conf and its providers are made right again."""
    lab, daemon = shared
    yield lab, daemon
    for isp in lab.isps:
        isp.fault()
    lab.router.run("rm", "-rf", CONFIG)
    lab.configure(health=wans.QUICK)
    daemon.reload()
    daemon.wait_states()
    daemon.wait_snapshot(daemon.wanted)


# Coming and going

def test_the_daemon_alone_brings_the_router_up_before_it_is_ready(make_lab):
    lab = make_lab(health=wans.QUICK)
    lab.daemon()
    with TcpFlow(lab.client, "1.1.1.1") as flow:
        assert lab.wan_of(flow.greeting.source)
    found = lab.router.snapshot()
    lab.router.update()
    assert lab.router.snapshot() == found
    for one in lab.wans:
        with UdpFlow(lab.internet, one.edge(), STRANGER6) as flow:
            assert flow.ask()


def test_it_is_ready_at_once_when_there_is_nothing_to_wait_for(make_lab):
    """All prefixes are fixed: networkd, which is not there, has nothing to say."""
    daemon = make_lab(health=wans.QUICK).daemon()
    first = min(when for when, note in daemon.notes if note.startswith("STATUS="))
    assert next(when for when, note in daemon.notes if note == "READY=1") - first < 1, "it waited"


def test_it_tells_its_manager_how_it_is(watch):
    lab, daemon = watch()
    daemon.wait(lambda: "down" not in daemon.notified("STATUS")[-1], "STATUS= without trouble")
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait(lambda: "down" in daemon.notified("STATUS")[-1], "STATUS= with what is down")
    assert daemon.notified("READY") == ["1"]
    assert daemon.stop() == 0
    assert daemon.notified("STOPPING") == ["1"]


def test_it_feeds_the_watchdog(make_lab):
    daemon = make_lab(health=wans.QUICK).daemon(watchdog=2)
    daemon.wait(lambda: len(daemon.notified("WATCHDOG")) >= 4, "WATCHDOG=1")
    times = [when for when, note in daemon.notes if note == "WATCHDOG=1"]
    assert max(b - a for a, b in zip(times, times[1:])) < 2


def test_it_writes_nothing_to_stdout_and_levels_to_stderr(watch):
    _, daemon = watch()
    daemon.stop()
    assert daemon.process.stdout.read() == b""
    assert daemon.lines and all(re.match("<[0-7]>", line) for _, line in daemon.lines), daemon.log()


def test_stopping_and_starting_it_changes_nothing_in_the_kernel(watch):
    """I6: `ip monitor` and `nft monitor` stay silent."""
    lab, daemon = watch()
    before = lab.router.snapshot()
    with lab.router.monitor() as monitor:
        assert daemon.stop() == 0
        assert (monitor.events(), lab.router.snapshot()) == ({}, before)
        daemon = lab.daemon()
        time.sleep(0.5)
        assert (monitor.events(), lab.router.snapshot()) == ({}, before)
        daemon.kill()
        lab.daemon()
        time.sleep(0.5)
        assert (monitor.events(), lab.router.snapshot()) == ({}, before)


def test_rereading_the_same_configuration_changes_nothing(watch):
    lab, daemon = watch()
    before = daemon.family("att", "ipv4")["since"]
    with lab.router.monitor() as monitor:
        daemon.reload()
        time.sleep(0.5)
        assert monitor.events() == {}
    assert daemon.family("att", "ipv4")["since"] == before and set(daemon.states().values()) == {"up"}


def test_a_second_daemon_is_refused_and_the_first_goes_on(watch):
    lab, daemon = watch()
    result = lab.router.run("health-check", "--daemon", check=False)
    assert result.code == 1 and len(result.err.splitlines()) == 1 and result.out == "", result
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_also_while_probes_are_out(make_lab, how):
    lab = make_lab(health={"interval": "20m", "timeout": "10m"})
    for isp in lab.isps:
        isp.fault(faults.EVERYTHING)
    daemon = lab.daemon()
    daemon.signal(how)
    assert daemon.ended() == 0


# What it remembers

@pytest.mark.parametrize("how", ["stopped", "killed", "rebooted"])
def test_a_new_daemon_knows_what_the_old_one_knew(watch, how):
    lab, daemon = watch()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    daemon.wait(lambda: daemon.family("att", "ipv6")["loss"] > 0.3, "loss in the window")
    before = {name: daemon.family(name, "ipv6") for name in ("att", "webpass")}
    if how == "killed":
        daemon.kill()
    else:
        daemon.stop()
    if how == "rebooted":
        lab.router.wipe()
        assert not lab.router.path(STATE).exists() and lab.router.path(KEPT).exists()
    daemon = lab.daemon()
    after = {name: daemon.family(name, "ipv6") for name in ("att", "webpass")}
    for name, one in after.items():
        for key in ("state", "since", "eligible", "condition"):
            assert one[key] == before[name][key], (name, key)
    assert after["att"]["loss"] > 0.2
    assert shares6(lab) == {"webpass": 40}
    lab.isp("att").fault()
    daemon.wait_states()


def test_a_new_daemon_knows_how_long_a_carrier_is_gone(watch):
    """The age of a verdict says nothing of it."""
    lab, daemon = watch()
    lab.cut("att")
    daemon.wait(lambda: daemon.family("att", "ipv6")["condition"].get("obstacle") == "no carrier", "no carrier")
    daemon.stop()
    ago = time.strftime("%FT%TZ", time.gmtime(time.time() - 250))
    known = re.sub('("obstacle": "no carrier", "since": )"[^"]*"', rf'\1"{ago}"', lab.router.read(STATE))
    for left in ((STATE, KEPT), (STATE,), (KEPT,)):  # the last one: after a reboot
        for path in (STATE, KEPT):
            lab.router.write(path, known if path in left else "{")
        daemon = lab.daemon()
        for family in ("ipv4", "ipv6"):
            assert daemon.family("att", family)["condition"]["since"] == ago, (left, daemon.health())
            assert "out" in daemon.family("att", family)["condition"]
        assert re.search(r"^att .* IPv4 +no carrier +4 min ", status(lab), re.M), status(lab)
        daemon.stop()
    daemon = lab.daemon()
    lab.mend("att")
    daemon.wait(lambda: "out" not in daemon.family("att", "ipv6")["condition"], "the outage is over")


def test_a_damaged_memory_is_one_that_is_not_there(make_lab):
    lab = make_lab(health={**wans.QUICK, "interval": "2s"})
    for text in ("", "{", "[]", "null", '{"version": 1, "wans": {}}', '{"version": 1, "wans": [7, {"name": 8}]}',
                 '{"version": 1, "wans": [{"name": "att", "ipv4": 7, "ipv6": {"state": "sideways", "since": -1}}]}',
                 '{"version": 1, "wans": [{"name": "att", "ipv4": {"state": "up", "since": "never", "failures": 1e99,'
                 ' "targets": [{"name": [], "window": "x"}]}}]}', "x" * 1_000_000):
        for path in (STATE, KEPT):
            lab.router.write(path, text)
        daemon = lab.daemon()
        daemon.wait_states()
        assert daemon.stop() == 0, text[:100]


# The configuration

def test_a_broken_configuration_at_the_start_is_told_with_its_line(make_lab):
    lab = make_lab()
    before = lab.router.snapshot()
    lab.router.configure(lab.router.read(CONFIG) + "[health]\ninterval = soon\n")
    result = lab.router.run("health-check", "--daemon", check=False)
    assert result.code == 2 and re.search(rf"{CONFIG}:\d+: ", result.err), result
    assert lab.router.snapshot() == before


def test_a_new_configuration_takes_effect_when_told(watch):
    lab, daemon = watch()
    lab.wan("att").weight = 3
    lab.configure(health={**wans.QUICK, "interval": "100ms", "timeout": "90ms"})
    daemon.reload()
    daemon.wait(lambda: daemon.family("att", "ipv4")["share"] == 0.75, "the new weight")
    assert daemon.states() == {f"{name} {family}": "up" for name in ("att", "webpass") for family in ("ipv4", "ipv6")}
    assert lab.router.run("update-routes", "--check", check=False).code == 0

    def in_a_second():
        lab.isp("att").count_echo()
        time.sleep(1)
        return sum(lab.isp("att").echo().values())

    daemon.wait(lambda: in_a_second() > 4 * 6, "the new interval")  # by the old one there are 20


def test_a_wan_that_is_added_or_taken_out_leaves_the_others_as_they_are(make_lab):
    lab = make_lab(wans.many([1, 1, 1]), health=wans.QUICK)
    everyone = lab.wans
    lab.wans = everyone[1:]
    lab.configure(health=wans.QUICK)
    lab.isp("isp3").fault(faults.EVERYTHING)
    daemon = lab.daemon()
    daemon.wait_states(isp34="down", isp36="down")
    since = daemon.family("isp3", "ipv4")["since"]
    lab.wans = everyone
    lab.configure(health=wans.QUICK)
    daemon.reload()
    daemon.wait(lambda: "isp1 ipv4" in daemon.states(), "the new WAN")
    assert (daemon.state("isp3", "ipv4"), daemon.family("isp3", "ipv4")["since"]) == ("down", since)
    daemon.wait_states(isp34="down", isp36="down")
    lab.wans = everyone[:1] + everyone[2:]
    lab.configure(health=wans.QUICK)
    daemon.reload()
    daemon.wait(lambda: "isp2 ipv4" not in daemon.states(), "the WAN is out")
    assert (daemon.state("isp3", "ipv4"), daemon.family("isp3", "ipv4")["since"]) == ("down", since)
    lab.wans = everyone


def test_a_broken_configuration_is_refused_and_the_old_one_stays(watch):
    lab, daemon = watch()
    good = lab.router.read(CONFIG)
    before = lab.router.snapshot()
    lab.router.configure(good.replace("weight             = 1", "weight             = much"))
    line = 1 + next(n for n, text in enumerate(lab.router.read(CONFIG).splitlines()) if "much" in text)
    begin = time.monotonic()
    daemon.reload()
    daemon.wait(lambda: daemon.said(f"{CONFIG}:{line}: ", begin), "FILE:LINE in the log")
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait_snapshot(before, "still repairs")
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    lab.isp("att").fault()
    daemon.wait_states()
    assert len(daemon.said(f"{CONFIG}:{line}: ", begin)) < 5, daemon.log()
    lab.router.configure(good)
    daemon.reload()
    time.sleep(0.3)
    assert lab.router.snapshot() == before and set(daemon.states().values()) == {"up"}


def test_a_refused_configuration_is_told_each_time_and_shown_until_it_is_right(site):
    lab, daemon = site
    good = lab.router.read(CONFIG)
    lab.router.configure(good.replace("weight", "wieght"))
    for _ in range(3):
        begin = time.monotonic()
        daemon.reload()
        daemon.wait(lambda b=begin: daemon.said(CONFIG, b), "says so, again")
        time.sleep(0.2)
        daemon.said_once(CONFIG, begin)
    daemon.wait(lambda: CONFIG in status(lab), "shown")
    time.sleep(0.5)
    assert CONFIG in status(lab)
    lab.router.configure(good)
    daemon.reload()
    daemon.wait(lambda: CONFIG not in status(lab), "shown no more")


@pytest.mark.parametrize("make", ["mkfifo", "mkdir", "ln -s /dev/zero"])
def test_a_configuration_that_is_no_file_is_refused(site, make):
    lab, daemon = site
    lab.router.run("sh", "-c", f"rm -rf {CONFIG} && {make} {CONFIG}")
    result = lab.router.run("update-routes", "--check", check=False)
    assert result.code == 2 and CONFIG in result.err, result
    begin = time.monotonic()
    daemon.reload()
    daemon.wait(lambda: daemon.said(CONFIG, begin), "says so")
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait_snapshot(daemon.wanted, "still repairs")


@pytest.mark.parametrize("make", ["mkfifo", "mkdir", "ln -s /dev/zero"])
def test_it_does_not_start_with_a_configuration_that_is_no_file(bare, make):
    bare.router.run("sh", "-c", f"rm -rf {CONFIG} && {make} {CONFIG}")
    result = bare.router.run("health-check", "--daemon", check=False)
    assert result.code == 2 and CONFIG in result.err, result


@pytest.mark.parametrize("how", ["saved", "half written"])
def test_an_edit_that_nobody_has_brought_in_changes_nothing(site, how):
    """Repairs, too, are by the old one, until somebody says that the new one is as it should be."""
    lab, daemon = site
    text = lab.router.read(CONFIG)
    if how == "saved":
        lab.router.configure(text.replace("weight             = 1", "weight             = 3", 1))
    else:
        lab.router.path(CONFIG).write_text(text[:text.index("10.250.250.3 ")])
    begin = time.monotonic()
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait_snapshot(daemon.wanted, "repaired")
    time.sleep(0.5)
    assert lab.router.snapshot() == daemon.wanted
    assert daemon.family("att", "ipv4")["share"] == 0.5
    assert daemon.said(CONFIG, begin) == []
    if how == "saved":
        daemon.reload()
        daemon.wait(lambda: daemon.family("att", "ipv4")["share"] == 0.75, "the new weight")


def test_being_told_to_reread_again_and_again_puts_no_verdict_off(site):
    lab, daemon = site

    def is_down():
        daemon.reload()
        time.sleep(0.1)
        return daemon.state("att", "ipv6") == "down"

    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(is_down, "a verdict")


def test_a_verdict_is_acted_on_in_the_run_that_reads_a_new_configuration(make_lab):
    """Both have to wait for somebody who holds the lock, and come together."""
    lab = make_lab([wans.att(keys={"down_flows": "flush"}), wans.webpass()], health=wans.QUICK, notify=Notify.keys)
    daemon, told = lab.daemon(), Notify(lab.router)
    daemon.wait_states()
    flows = udp_flows(lab.client, 40, SERVERS4)
    assert set(lab.shares(answers(flows))) == {"att", "webpass"}
    begin = time.monotonic()
    with held(lab):
        lab.isp("att").fault(faults.NO_IPV4)
        daemon.wait(lambda: daemon.said("att IPv4 is down", begin), "a verdict")
        lab.wan("webpass").weight = 2
        lab.configure(health=wans.QUICK, notify=Notify.keys)
        daemon.reload()
        time.sleep(0.1)
    daemon.wait(lambda: daemon.wan("webpass")["weight"] == 2, "the new file")
    daemon.wait_states(att4="down")
    daemon.wait(lambda: rtnl.marked(lab.router, 4, lab.wan("att").mark) < 10, "att's flows are flushed")
    assert shares(lab, SERVERS4) == {"webpass": 40}
    daemon.said_once("<4>att IPv4 is down", begin)
    assert [(one.wan, one.family, one.new) for one in told.calls()] == [("att", "ipv4", "down")]
    close_all(flows)


def test_fifty_new_configurations_leave_no_file_open(make_lab):
    lab = make_lab(health=wans.QUICK, mwan={"debug_logging": "yes"})
    daemon = lab.daemon()
    daemon.wait_states()
    files = daemon.descriptors()

    def renew(weight, debug_logging="yes"):
        lab.wan("att").weight = weight
        lab.configure(health=wans.QUICK, mwan={"debug_logging": debug_logging})
        daemon.reload()
        daemon.wait(lambda: daemon.wan("att")["weight"] == weight, "the new weight")

    for turn in range(50):
        renew(2 + turn % 2)
    assert daemon.descriptors() <= files + 3  # one for a run, now and then
    assert json.loads(lab.router.read(DEBUG_LOG).splitlines()[-1])["program"] == "health-check"
    renew(4, "no")
    found = lab.router.read(DEBUG_LOG)
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    assert lab.router.read(DEBUG_LOG) == found


def test_an_edit_brought_in_by_hand_is_not_undone(watch):
    lab, daemon = watch()
    lab.wan("att").weight = 4
    lab.wan("webpass").table = 222
    lab.configure(health=wans.QUICK)
    lab.router.run("update-routes")
    wanted = lab.router.snapshot()
    time.sleep(1)
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait_snapshot(wanted, "repaired by the new configuration")
    daemon.wait(lambda: daemon.family("att", "ipv4")["share"] == 0.8, "the new weight")


# Neighbours

def test_probing_goes_on_while_somebody_holds_the_lock(watch):
    lab, daemon = watch()
    with held(lab):
        lab.router.ip("rule del pref 101\n", 4)  # something to do that has to wait
        for isp in lab.isps:
            isp.count_echo()
        begin = time.monotonic()
        daemon.wait(lambda: min(probes(lab)) >= 10 * 4, "ten cycles of four probes")
        assert max(probes(lab)) <= 4 * ((time.monotonic() - begin) / 0.2 + 2)
        lab.isp("att").fault(faults.EVERYTHING)
        daemon.wait(lambda: daemon.said("down") or daemon.state("att", "ipv6") == "down", "a verdict")
    daemon.wait_states(att4="down", att6="down")
    daemon.wait(lambda: shares6(lab) == {"webpass": 40}, "new flows avoid it")
    daemon.wait(lambda: any(rule["priority"] == 101 for rule in lab.router.rules(4)), "repaired")


def test_a_lock_that_is_held_for_seconds_is_told(watch):
    """A decision waits for it."""
    lab, daemon = watch()
    with held(lab):
        begin = time.monotonic()
        lab.isp("att").fault(faults.EVERYTHING)
        daemon.wait(lambda: daemon.said("att IPv4 is down", begin), "a verdict")
        daemon.wait(lambda: daemon.said(LOCK, begin), "a warning")
        decided, told = (next(when for when, line in daemon.lines if text in line and when >= begin)
                         for text in ("att IPv4 is down", LOCK))
        assert told - decided > 1, "too early"
        daemon.wait(lambda: LOCK in status(lab), "shown")
        daemon.wait(lambda: LOCK in daemon.notified("STATUS")[-1], "its manager knows")
        time.sleep(max(0, decided + 4 - time.monotonic()))
        assert [line[:3] for line in daemon.said(LOCK, begin)] == ["<4>"], daemon.log()
    daemon.wait_states(att4="down", att6="down")
    daemon.wait(lambda: LOCK not in status(lab) and LOCK not in daemon.notified("STATUS")[-1], "no more")
    assert shares6(lab) == {"webpass": 40}


def test_twenty_runs_at_once_beside_it(watch):
    lab, daemon = watch()
    wanted = lab.router.snapshot()
    for turn in range(2):
        runs = [lab.router.start(["update-npt", "update-routes"][i % 2]) for i in range(20)]
        if turn:
            lab.router.ip("rule del pref 101\n", 4)
        outcomes = [(run.communicate(timeout=PATIENCE), run.returncode) for run in runs]
        assert [code for _, code in outcomes] == [0] * 20, outcomes
    daemon.wait_snapshot(wanted)
    assert set(daemon.states().values()) == {"up"}


@pytest.mark.parametrize("interface", [wans.MANAGEMENT, "enwebpass0"])
def test_a_thousand_address_events_in_a_second_are_kept_up_with(watch, interface):
    lab, daemon = watch(health={"failure_threshold": 5})
    wanted = lab.router.snapshot()
    since = daemon.family("webpass", "ipv4")["since"]
    addresses = [f"198.51.{i // 250}.{i % 250 + 1}/32 dev {interface}" for i in range(500)]
    cpu, memory, files = daemon.cpu(), daemon.rss(), daemon.descriptors()
    begin = time.monotonic()
    with lab.router.monitor() as monitor:
        for part in range(0, 500, 50):
            for what in ("add", "del"):
                lab.router.ip("".join(f"addr {what} {one}\n" for one in addresses[part:part + 50]), 4)
            time.sleep(max(0, begin + part / 500 - time.monotonic()))
        daemon.wait_snapshot(wanted)
        took = time.monotonic() - begin
        time.sleep(1)
        events = monitor.events()
    assert daemon.family("webpass", "ipv4")["since"] == since
    assert set(daemon.states().values()) == {"up"}
    assert daemon.cpu() - cpu < took, f"{daemon.cpu() - cpu:.2f} s of CPU in {took:.1f} s"
    assert events.get(f"nftables {rtnl.NEWGEN}", 0) < 200, events  # one transaction of nftables for each run that changes it
    assert daemon.descriptors() <= files + 8
    assert "ASAN_OPTIONS" in os.environ or daemon.rss() < memory + 1024  # sanitized, nothing is given back


def test_events_that_were_lost_are_made_up_for(watch):
    """Its socket overflows while it does not run; what is deleted then is seen by nobody."""
    lab, daemon = watch()
    wanted = lab.router.snapshot()
    daemon.signal(signal.SIGSTOP)
    lab.router.ip("".join(f"route add blackhole 198.51.{i // 250}.{i % 250}/32 table 555\n" for i in range(10000)), 4)
    lab.router.ip("route flush table 555\n", 4)
    lab.router.ip("rule del pref 101\n", 4)
    lab.router.ip("route flush table 200\n", 6)
    lab.router.nft("flush chain ip6 nat postrouting")
    daemon.signal(signal.SIGCONT)
    daemon.wait_snapshot(wanted)
    daemon.wait_states()


def test_a_disk_that_is_full_or_read_only_does_not_end_it(watch):
    """What cannot be written is told, and probing and acting go on."""
    lab, daemon = watch()
    wanted = lab.router.snapshot()
    shutil.rmtree(lab.router.path("/var/lib/mwan"))
    lab.router.write("/var/lib/mwan", "no folder")
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait_states(att6="down")
    daemon.wait(lambda: shares6(lab) == {"webpass": 40}, "new flows avoid it")
    lab.isp("att").fault()
    daemon.wait_states()
    daemon.wait_snapshot(wanted)
    assert len(daemon.said("/var/lib/mwan")) < 30, daemon.log()


def test_a_full_run_folder_is_told_with_few_words(watch):
    lab, daemon = watch()
    lab.router.run("mount", "-o", "remount,size=400k", "/run")
    lab.router.run("sh", "-c", "cat /dev/zero >/run/fill", check=False)
    begin = time.monotonic()
    daemon.wait(lambda: daemon.said("", begin), "a word on it")
    time.sleep(2)
    assert len(daemon.said("", begin)) <= 4, daemon.log()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(lambda: shares6(lab) == {"webpass": 40}, "new flows avoid it")
    lab.router.path("/run/fill").unlink()
    daemon.wait_states(att6="down")
    lab.isp("att").fault()
    daemon.wait_states()


def test_it_is_idle_between_probes(watch):
    _, daemon = watch()
    before = daemon.cpu()
    time.sleep(2)
    assert daemon.cpu() - before < 0.3


# Somebody tidies up

FOLDERS = {"lock": "rm /run/mwan/health.lock", "folder": "rm -r /run/mwan", "files": "rm -rf /run/mwan/*",
           "kept": "rm -r /var/lib/mwan", "moved": "mv /run/mwan /run/away; rm -r /run/away"}


@pytest.mark.parametrize("what", FOLDERS)
def test_what_is_removed_is_made_again_and_no_second_daemon_starts(site, what):
    lab, daemon = site
    files = {f"{folder}/{path.name}" for folder in ("/run/mwan", "/run/mwan/nft", "/var/lib/mwan")
             for path in lab.router.path(folder).iterdir()}
    flows = udp_flows(lab.client, 24, SERVERS4 + SERVERS6)
    assert all(answers(flows))
    with Load(flows) as load:
        lab.router.run("sh", "-ec", FOLDERS[what])
        second = lab.router.run("health-check", "--daemon", check=False)
        status = lab.router.run("health-check", "--status", check=False)
        daemon.wait(lambda: all(lab.router.path(name).exists() for name in files), f"{files} are made again")
        third = lab.router.run("health-check", "--daemon", check=False)
    close_all(flows)
    for result in (second, third):
        assert result.code == 1 and "runs already" in result.err, result
    assert "does not run" not in status.err, status
    assert not load.lost and not load.moved
    daemon.wait(lambda: lab.router.run("health-check", "--status", check=False).code == 0, "status")


def test_two_runs_take_turns_whatever_is_removed(site):
    """The first one holds a file that is no more."""
    lab, _ = site
    lab.router.run("update-routes")
    with open(lab.router.path("/run/mwan/lock"), "r+", encoding="ascii") as first, \
            open(lab.router.path("/var/lib/mwan/lock"), "r+", encoding="ascii") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        fcntl.flock(second, fcntl.LOCK_EX)
        lab.router.run("rm", "-r", "/run/mwan")
        run = lab.router.start("update-routes")
        with pytest.raises(subprocess.TimeoutExpired):
            run.communicate(timeout=0.5)
    assert run.communicate(timeout=PATIENCE)[1] is not None and run.returncode == 0
