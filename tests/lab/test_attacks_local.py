# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes from the machine itself: SECURITY.md, *On the machine itself*. Files, signals, streams, environment, users, the bus."""

import json
import os
import signal
import stat

import pytest

import wans
from daemon import KEPT, STATE
from machine import OWNER
from notify import Notify
from traffic import wait_until

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"]
VICTIM, PRECIOUS = "/etc/precious", "precious\n"
# What runs keep, in either folder; *.new is what they write before it gets its name.
KEPT_BY_RUNS = ["/run/mwan/prefixes", "/run/mwan/config", "/run/mwan/rt_tables.conf", "/run/mwan/nft/generation",
                "/run/mwan/nft/mangle.nft", "/run/mwan/nft/filter.list", STATE, KEPT, "/var/lib/mwan/drained"]


@pytest.fixture(scope="module")
def site(share_lab):
    """A lab that is up, and what its kernel holds."""
    lab = share_lab(mwan={"debug_logging": "yes"}, health=wans.QUICK).up()
    daemon = lab.daemon()
    daemon.wait_states()
    lab.end_daemons()
    lab.router.write(VICTIM, PRECIOUS)
    return lab


# Files

def huge(path):
    with open(path, "wb") as file:
        file.truncate(1 << 40)


def rewrite(change):
    def damage(path):
        path.write_bytes(change(path.read_bytes() if path.is_file() else b"x\n"))
    return damage


DAMAGES = {
    "a link to elsewhere": lambda path: (path.unlink(missing_ok=True), path.symlink_to(VICTIM)),
    "a link to nothing": lambda path: (path.unlink(missing_ok=True), path.symlink_to("/etc/not-there")),
    "a link to itself": lambda path: (path.unlink(missing_ok=True), path.symlink_to(path.name)),
    "a pipe": lambda path: (path.unlink(missing_ok=True), os.mkfifo(path)),
    "a terabyte": huge,
    "cut in the middle": rewrite(lambda old: old[:len(old) // 2]),
    "garbage": rewrite(lambda old: bytes(range(256)) * 16),
    "empty": rewrite(lambda old: b""),
    "doubled": rewrite(lambda old: old + old),
    "a million brackets": rewrite(lambda old: b"[" * 1000000),
    "nobody's": lambda path: (path.touch(), os.chown(path, 65534, 65534), path.chmod(0o666)),
}


def clean(lab, path):
    found = lab.router.path(path)
    if found.is_dir() and not found.is_symlink():
        found.rmdir()
    else:
        found.unlink(missing_ok=True)


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_file_of_mwans_leads_elsewhere_holds_up_or_harms(site, damage):
    """A run, `--status` and a daemon, with each file damaged. All are as before afterwards."""
    lab, wanted = site, site.router.snapshot()
    for path in [*KEPT_BY_RUNS, *(f"{path}.new" for path in KEPT_BY_RUNS)]:
        DAMAGES[damage](lab.router.path(path))
    status = lab.router.run("health-check", "--status", check=False)
    assert status.code in (0, 1, 4), status
    run = lab.router.run("update-routes", check=False)
    assert run.code == 0, run
    daemon = lab.daemon()
    daemon.wait_states()
    lab.end_daemons()
    assert lab.router.snapshot() == wanted
    assert lab.router.read(VICTIM) == PRECIOUS and not lab.router.path("/etc/not-there").exists()
    json.loads(lab.router.read(STATE))
    for path in KEPT_BY_RUNS:
        if not path.endswith("drained"):  # which only a drain writes
            assert lab.router.path(path).is_file() and not lab.router.path(path).is_symlink(), path
        clean(lab, f"{path}.new")
        if damage == "nobody's" or path.endswith("drained"):
            clean(lab, path)
    lab.router.update()


def test_a_folder_in_the_place_of_a_file_is_named(site):
    """Only whoever may do anything makes one there. It stands in the way of a record, and of nothing else."""
    lab, wanted = site, site.router.snapshot()
    for path in ("/run/mwan/prefixes", "/run/mwan/prefixes.new", "/run/mwan/nft/mangle.nft", STATE):
        clean(lab, path)
        lab.router.path(path).mkdir()
        run = lab.router.run("update-routes", check=False)
        assert run.code == 0 if path == STATE else (run.code == 1 and path in run.err), run
        assert lab.router.snapshot() == wanted
        clean(lab, path)
    assert lab.router.run("update-routes").err == ""


# Users

def as_nobody(lab, *args):
    return lab.router.run(*NOBODY, *args, check=False)


def test_a_user_without_rights_reads_the_state_and_changes_nothing(site):
    lab, wanted = site, site.router.snapshot()
    lab.daemon().wait_states()
    lab.end_daemons()
    assert as_nobody(lab, "cat", STATE).out == lab.router.read(STATE)
    status = as_nobody(lab, "health-check", "--status")
    assert "att" in status.out and status.code in (0, 1, 4), status  # a daemon that it can't see may have ended
    for lock in ("/run/mwan/lock", "/run/mwan/health.lock", "/var/lib/mwan/lock", "/var/lib/mwan/health.lock"):
        found = lab.router.path(lock).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600), lock
        assert as_nobody(lab, "flock", "--nonblock", lock, "true").code != 0, lock
    for program in (["update-routes"], ["update-npt"], ["health-check", "--daemon"], ["health-check", "--drain", "att"]):
        refused = as_nobody(lab, *program)
        assert refused.code == 1 and refused.err.count("<3>") == 1, refused
    assert as_nobody(lab, "ip", "route", "add", "blackhole", "192.0.2.0/24").code != 0
    assert as_nobody(lab, "nft", "flush", "ruleset").code != 0
    assert lab.router.snapshot() == wanted


def test_nobody_else_may_write_what_mwan_reads_or_runs(site):
    """Files, folders and sockets of the running system, and all that is installed. Nothing changes the user who runs it."""
    lab = site
    lab.router.run("mwan-trace", "new", "deploy")
    lab.daemon().wait_states()
    places = [lab.router.path(place) for place in ("/run/mwan", "/var/lib/mwan", "/etc/mwan")]
    found = [*places, lab.router.path("/run/mwan-trace-id"), lab.router.path("/var/log/mwan-debug.log")]
    found += [below for place in places for below in place.rglob("*")]
    for folder, folders, files in os.walk(lab.destdir):
        found += [lab.router.path("/").__class__(folder, name) for name in folders + files]
    assert len(found) > 100
    for path in found:
        mode = path.lstat()
        if not stat.S_ISLNK(mode.st_mode):
            assert mode.st_uid == 0 and not mode.st_mode & 0o6022, (path, oct(mode.st_mode))
    lab.end_daemons()


# Streams and arguments

@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_not_taken_for_a_file(site, closed):
    """What a program says must not go into the first file that it opens."""
    lab, wanted = site, site.router.snapshot()
    files = {path: lab.router.path(path).read_bytes() for path in KEPT_BY_RUNS if lab.router.path(path).is_file()}
    for program in ("update-routes --no-such-option", "health-check --status", "health-check --once", "update-routes --verbose --check",
                    "update-routes --verbose"):
        lab.router.ip("rule del pref 101\n", 4)  # something to say, and to do
        lab.router.run("sh", "-c", f"exec {program} {closed}", check=False)
        if lab.router.snapshot() != wanted:
            lab.router.update()
    assert {path: lab.router.path(path).read_bytes() for path in files} == files
    for lock in ("/run/mwan/lock", "/var/lib/mwan/lock"):
        assert lab.router.read(lock) == ""
    assert lab.router.snapshot() == wanted


@pytest.mark.parametrize("name", ["''", "'a b'", "../../etc/passwd", "$'\\n'", "x" * 4000], ids=["none", "words", "path", "line", "long"])
def test_a_program_goes_by_its_own_name(site, name):
    run = site.router.run("bash", "-c", f"exec -a {name} update-routes --check")
    assert (run.out, run.err) == ("", "")
    run = site.router.run("bash", "-c", f"exec -a {name} update-routes --nonsense", check=False)
    assert run.code == 2 and run.err == "<3>update-routes: unknown option --nonsense (try --help)\n"


# Environment

def test_the_environment_leads_nowhere(site):
    """Programs of these names are not run, and nobody is told who should not be."""
    lab, wanted = site, site.router.snapshot()
    for name in ("nft", "ip", "sh", "networkctl", "ping", "conntrack", "sysctl", "logger"):
        lab.router.write(f"/run/evil/{name}", "#!/bin/sh\n: >/run/owned\n", 0o755)
    evil = {"PATH": "/run/evil", "IFS": "/", "MWAN_CONFIG": "/run/evil.conf", "CONFIG": "/run/evil.conf", "LISTEN_FDS": "7",
            "LISTEN_PID": "1", "JOURNAL_STREAM": "1:1", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/run/not-there", "TMPDIR": "/run/evil",
            "IFACE": "../../etc", "TERM": "\x1b[31m", "COLUMNS": "-1", "LC_ALL": "xx\n%n"}
    bin_ = "/usr/local/bin"
    for program in (["update-routes"], ["update-npt"], ["health-check", "--status"], ["health-check", "--once"]):
        run = lab.router.run("/usr/bin/env", *(f"{key}={value}" for key, value in evil.items()), f"{bin_}/{program[0]}", *program[1:],
                             check=False)
        assert run.code in (0, 1), run
    assert not lab.router.path("/run/owned").exists()
    assert lab.router.snapshot() == wanted


def test_commands_of_notify_get_the_event_and_nothing_of_the_daemons(site):
    lab = site
    told = Notify(lab.router, "tr '\\0' '\\n' </proc/$$/environ >/run/lab-notify.environment.new\n"
                  "mv /run/lab-notify.environment.new /run/lab-notify.environment")
    lab.configure(mwan={"debug_logging": "yes"}, health=wans.QUICK, notify=Notify.keys)
    daemon = lab.daemon(env={"SECRET": "x", "BASH_ENV": "/run/evil", "LD_LIBRARY_PATH": "/run/evil"})
    daemon.wait_states()
    lab.cut("att")
    wait_until(lab.router.path("/run/lab-notify.environment").exists, "a call")
    names = {line.partition("=")[0] for line in lab.router.read("/run/lab-notify.environment").split()}
    assert names == {"EVENT", "WAN", "FAMILY", "OLD", "NEW", "COUNT", "PATH"}
    lab.end_daemons()
    told.close()
    lab.mend("att")
    lab.configure(mwan={"debug_logging": "yes"}, health=wans.QUICK)
    lab.router.update()


# Signals

HELD = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE]


@pytest.mark.parametrize("moment", ["fcntl", "flock", "epoll_create1", "timerfd_create"])
def test_a_signal_in_the_daemons_first_moments_does_not_end_it(site, moment):
    """With the first call of each kind. The first of all is fcntl(), of main()'s first function."""
    lab, wanted = site, site.router.snapshot()
    for number in HELD if moment == "fcntl" else HELD[:1]:
        trace = ("strace", "-D", "-qq", "-o", "/dev/null", "-e", f"trace={moment}", "-e",
                 f"inject={moment}:signal={number.name}:when=1", "--")
        daemon = lab.daemon(through=trace, env={"ASAN_OPTIONS": "detect_leaks=0"})
        daemon.wait_states()
        lab.end_daemons()
    assert lab.router.snapshot() == wanted


def test_other_programs_end_with_their_terminal(site):
    watch = site.router.serve("health-check", "--status", "--watch")
    assert watch.stdout.readline()
    watch.send_signal(signal.SIGHUP)
    watch.communicate()
    assert watch.returncode == -signal.SIGHUP


# The bus

def test_signals_that_others_make_up_are_not_networkds(make_lab):
    """Any user may send signals to any connection. The daemon learns nothing from them, and still hears networkd."""
    prefixes = {"enatt0.3242": "2600:1700:2f71:c80::/60", "enwebpass0": "2604:5500:c271:be00::/60"}
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")], health=wans.QUICK)
    bus = lab.networkd()
    for interface, prefix in prefixes.items():
        bus.delegate(interface, prefix)
    daemon = lab.daemon("--verbose")
    daemon.wait_states()
    lab.router.wait_quiet()

    def send(target, path, member, *arguments):
        lab.router.run(*NOBODY, "dbus-send", "--system", "--type=signal", f"--dest={target}", path, member, *arguments)
    names = lab.router.run("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus.ListNames").out
    everybody = [name for name in names.split('"')[1::2] if name.startswith(":")]
    link = f"/org/freedesktop/network1/link/_3{bus.index('enatt0.3242')}"
    with lab.router.monitor() as monitor:
        for target in everybody[:-1]:  # the last one has asked
            for new in ("", ":1.99", "x" * 200):
                send(target, "/org/freedesktop/DBus", "org.freedesktop.DBus.NameOwnerChanged",
                     "string:org.freedesktop.network1", "string:", f"string:{new}")
            send(target, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local.Disconnected")
            send(target, link, "org.freedesktop.DBus.Properties.PropertiesChanged",
                 "string:org.freedesktop.network1.DHCPv6Client", "dict:string:string:State,bound", "array:string:")
            send(target, f"/org/freedesktop/network1/link/{'x' * 100}", "org.freedesktop.DBus.Properties.PropertiesChanged", "string:x")
        lab.router.wait_quiet()
        assert monitor.events(OWNER) == {}
    assert daemon.said("networkd has gone") == [] and daemon.said("networkd is there") == []
    lab.give_prefix("att", "2600:1700:aaaa:50::/60")
    bus.renumber("enatt0.3242", "2600:1700:aaaa:50::/60")
    daemon.wait(lambda: daemon.family("att", "ipv6").get("prefix") == "2600:1700:aaaa:50::/60", "networkd's own signal")
