# SPDX-License-Identifier: GPL-2.0-or-later
"""
Keeps the state before a deploy until somebody confirms that the new one works.

    guard.py save SECONDS     keeps files, services and which WANs carry. Restores them after that time, or when the machine
                              boots, if nobody confirms: a play may die, or cut off its own way in
    guard.py apply SECONDS    reloads what reads the changed files, and prints their names. The time begins anew
    guard.py judge SECONDS    waits until the WANs carry that carried before, and the kernel is what mwan.conf says. Otherwise
                              prints what is wrong, and exits 1
    guard.py restore          puts everything back, reloads what reads it, and prints the names of the files
    guard.py boot             puts the files back before anything reads them, and restores the rest when all has started
    guard.py confirm          keeps the new state

A WAN that is not in the new mwan.conf, or not in that family, is not waited for.
"""

import contextlib
import fcntl
import fnmatch
import glob
import json
import os
import shutil
import subprocess
import sys
import time

# On the disk: somebody who can't reach a router any more cuts its power.
PLACE = "/var/lib/mwan-deploy/guard"
DRAFT = f"{PLACE}.new"
SAVED = f"{PLACE}/saved"
NOTES = f"{PLACE}/notes.json"
RESTORED = f"{PLACE}/restored"
UNIT = "mwan-deploy-guard"
LOCK = "/run/mwan-deploy.lock"

CONFIG = "/etc/mwan/mwan.conf"
BASE = "/etc/mwan/nftables.conf"
NETWORKD = "/etc/systemd/networkd.conf.d/10-mwan.conf"
SUPPLICANT = "/etc/wpa_supplicant/mwan.conf"
PACKAGE = "/var/lib/mwan-deploy/mwan.deb"
SYSCTL = "/etc/sysctl.d/90-mwan-site.conf"
IFUPDOWN = ["/etc/network/interfaces", "/etc/network/interfaces.d/*"]
# Where the original had its programs, and a deploy puts links to ours.
COMMANDS = [f"/usr/local/bin/{name}.sh" for name in ("update-routes", "update-npt", "health-check", "bringup-att-vlan",
                                                     "wpa-action", "mwan-trace")]
FILES = ["/etc/systemd/network/*.link", "/etc/systemd/network/*.netdev", "/etc/systemd/network/*.network", NETWORKD,
         CONFIG, BASE, "/etc/nftables.conf", SUPPLICANT, "/etc/wpa_supplicant/*.pem", "/etc/default/mwan", SYSCTL,
         *IFUPDOWN, *COMMANDS, PACKAGE]
# The package's own files: a restore does not remove those that the package has brought.
STAY = [NETWORKD, BASE, "/etc/default/mwan", "/etc/nftables.conf", PACKAGE]
SERVICES = ["nftables.service", "systemd-networkd.service", "networkd-dispatcher.service", "mwan-health.service",
            "wpa_supplicant-mwan.service", "wpa-action-sync.timer", "wpa-authenticated.path"]
ENABLED = SERVICES[:2]  # by a deploy; the others by their packages
FORWARDING = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]
GOOD_ROUNDS, PAUSE = 3, 2.0  # networkd takes a moment to break things
PATIENCE = 120  # seconds with a command that may hang
STARTED = 20  # seconds after which all has been started that a boot starts

BOOT = f"/etc/systemd/system/{UNIT}-boot.service"
WANTED = f"/etc/systemd/system/sysinit.target.wants/{UNIT}-boot.service"
BOOT_UNIT = f"""\
[Unit]
Description=Put back what was before a deploy that nobody has confirmed
DefaultDependencies=no
RequiresMountsFor=/etc {PLACE}
After=systemd-remount-fs.service
Before=sysinit.target systemd-sysctl.service network-pre.target systemd-networkd.service networking.service nftables.service
Before=shutdown.target
Conflicts=shutdown.target
# Run once in a boot: during a deploy, the start of another unit may ask for this one, too.
ConditionPathExists=!{LOCK}

[Service]
Type=oneshot
TimeoutStartSec=60
ExecStart=/usr/bin/python3 {PLACE}/guard.py boot
"""


def run(*args):
    """Runs a program; whether it succeeded."""
    return subprocess.run(args, stdout=subprocess.DEVNULL, check=False).returncode == 0


def output(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def active(unit):
    return run("systemctl", "is-active", "--quiet", unit)


# ---- files ----


def read(path):
    """What is in a file, or where a link leads to; None: there is none."""
    try:
        if os.path.islink(path):
            return os.readlink(path).encode()
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def found(prefix=""):
    """The files that FILES means, below a folder."""
    paths = {path for pattern in FILES for path in glob.glob(prefix + pattern)}
    return {path.removeprefix(prefix) for path in paths if os.path.isfile(path) or os.path.islink(path)}


def differing():
    """The files that are not as they were."""
    return sorted(path for path in found() | found(SAVED) if read(path) != read(SAVED + path))


def write(path, content, like=None):
    """A file, with the owner, mode and times of another; nobody sees half of it, and no power cut leaves it empty."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.mwan-new"
    with open(draft, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if like:
        status = os.stat(like)
        os.chown(draft, status.st_uid, status.st_gid)
        shutil.copystat(like, draft)
    os.rename(draft, path)


def copy(source, target):
    """A file, or a link as one."""
    if not os.path.islink(source):
        write(target, read(source), source)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)
    os.symlink(os.readlink(source), target)


def put_back(paths):
    """Returns, in words, which of them can't be."""
    failed = []
    for path in paths:
        try:
            if os.path.lexists(SAVED + path):
                copy(SAVED + path, path)
            elif not matches([path], *STAY):
                os.unlink(path)
        except OSError as error:
            failed.append(f"{path}: {error.strerror}")
    return failed


def matches(paths, *patterns):
    return [path for path in paths if any(fnmatch.fnmatch(path, pattern) for pattern in patterns)]


# ---- what reads them ----


def netdev_name(text):
    """The interface that a .netdev file makes."""
    for line in (text or b"").decode().splitlines():
        if line.startswith("Name="):
            return line.partition("=")[2].strip()
    return None


def sysctls(text):
    """[(file below /proc/sys, value)] of a sysctl.d file."""
    lines = [line.partition("=") for line in (text or b"").decode().splitlines() if not line.startswith(("#", ";"))]
    return [(key.strip().lstrip("-").replace(".", "/"), value.strip()) for key, equals, value in lines if equals]


def sysctl(name, value=None):
    """Reads one, or sets it; None if there is none of that name."""
    try:
        with open(f"/proc/sys/{name}", "r" if value is None else "w", encoding="ascii") as file:
            return file.read().strip() if value is None else file.write(value)
    except OSError:
        return None


def reload_networkd(changed):
    if not active("systemd-networkd"):
        return True
    if NETWORKD in changed:
        # It reads this when it starts, and the dispatcher asks it then.
        return run("systemctl", "restart", "systemd-networkd") and run("systemctl", "try-restart", "networkd-dispatcher")
    done = True
    for path in matches(changed, "/etc/systemd/network/*.netdev"):
        if not os.path.exists(path):
            name = netdev_name(changed[path])
            done &= not name or not os.path.exists(f"/sys/class/net/{name}") or run("networkctl", "delete", name)
    if matches(changed, "/etc/systemd/network/*.netdev", "/etc/systemd/network/*.network"):
        # Links whose files have changed are reconfigured by that, and no others.
        done &= run("networkctl", "reload")
    return done


def reload_supplicant(changed):
    if not matches(changed, SUPPLICANT, "/etc/wpa_supplicant/*.pem", "/etc/default/mwan"):
        return True
    verb = "try-restart" if os.path.exists(SUPPLICANT) else "stop"
    return not active("wpa_supplicant-mwan") or run("systemctl", verb, "wpa_supplicant-mwan")


def reload(changed):
    """Everything that reads a file of {path: what was in it before}, and nothing else; whether all of it went well."""
    done = True
    if SYSCTL in changed and os.path.exists(SYSCTL):
        done &= run("/usr/lib/systemd/systemd-sysctl", SYSCTL)
    done &= reload_networkd(changed)
    done &= reload_supplicant(changed)
    if BASE in changed and active("nftables"):
        done &= run("systemctl", "reload", "nftables")
    if CONFIG in changed and os.path.exists(CONFIG) and active("mwan-health"):
        done &= run("systemctl", "reload", "mwan-health")
    return done


# ---- WANs ----


def probe():
    """[{"name", "interface", "families": {family: whether it carries}}] as mwan.conf has it now, or None: asked afresh."""
    try:
        wans = json.loads(output("health-check", "--once", "--json"))["wans"]
    except (OSError, ValueError):
        return None
    return [{"name": wan["name"], "interface": wan["interface"],
             "families": {family: wan[family]["state"] == "up" and wan[family]["eligible"]
                          for family in ("ipv4", "ipv6") if family in wan}}
            for wan in wans]


def carrying():
    """[[name, interface, family]] of what carries; a lost answer is not taken for an outage."""
    found = set()
    for attempt in range(3):
        wans = (probe() if os.path.exists(CONFIG) else None) or []
        found |= {(wan["name"], wan["interface"], family)
                  for wan in wans for family, carries in wan["families"].items() if carries}
        if len(found) == sum(len(wan["families"]) for wan in wans):
            break
        time.sleep(1)
    return sorted(found)


def lost(before):
    """What of `before` does not carry now, in words."""
    wans = probe()
    if wans is None:
        return ["`health-check --once` can't say how the WANs are"]
    missing = []
    for name, interface, family in before:
        found = [wan for wan in wans if wan["name"] == name] or [wan for wan in wans if wan["interface"] == interface]
        if found and not found[0]["families"].get(family, True):
            missing.append(f"{found[0]['name']} {family.replace('ipv', 'IPv')}")
    if missing:
        return [f"{', '.join(missing)} carried before this change, and not after it"]
    if before and not any(carries for wan in wans for carries in wan["families"].values()):
        return ["WANs carried before this change, and none does after it"]
    return []


def unsettled():
    """What the kernel lacks of what mwan.conf says, as for a gateway that it refuses; [] if nothing."""
    done = subprocess.run(["update-routes", "--check"], capture_output=True, text=True, check=False)
    said = (done.stdout or done.stderr).strip().splitlines() or ["?"]
    return [] if done.returncode == 0 else [f"the kernel has not got what mwan.conf says: {said[0]}"]


# ---- the commands ----


def notes():
    with open(NOTES, "rb") as file:
        return json.load(file)


def package():
    """Which mwan is installed, and whether all of it."""
    return output("dpkg-query", "-Wf", "${Version} ${db:Status-Status}", "mwan")


def save(seconds):
    if active(f"{UNIT}.timer") or active(f"{UNIT}.service"):
        sys.exit("a deploy is under way, or has died and is not undone yet: wait some minutes, or end it at once by "
                 f"`systemctl start {UNIT}.service` on the router")
    disarm()
    for place in (PLACE, DRAFT):
        shutil.rmtree(place, ignore_errors=True)
    os.makedirs(DRAFT, mode=0o700)
    copy(os.path.abspath(__file__), f"{DRAFT}/guard.py")
    for path in found():
        copy(path, f"{DRAFT}/saved{path}")
    before = {
        "active": [unit for unit in SERVICES if active(unit)],
        "enabled": [unit for unit in ENABLED if run("systemctl", "is-enabled", "--quiet", unit)],
        "package": package(),
        "sysctls": {name: sysctl(name) for name in FORWARDING},
        "carrying": carrying(),
        "settled": os.path.exists(CONFIG) and not unsettled(),
    }
    write(f"{DRAFT}/notes.json", json.dumps(before).encode())
    # It is there as a whole, or not at all: what is not there would be taken for a file that has to go.
    os.rename(DRAFT, PLACE)
    arm(seconds)
    print(json.dumps(before["carrying"]))


def arm(seconds, *properties):
    """Has all restored after that time, or by the next boot; properties: more of the timer's."""
    write(BOOT, BOOT_UNIT.encode())
    os.chmod(BOOT, 0o644)
    os.makedirs(os.path.dirname(WANTED), exist_ok=True)
    if not os.path.lexists(WANTED):
        os.symlink(BOOT, WANTED)
    if active(f"{UNIT}.timer"):
        run("systemctl", "stop", f"{UNIT}.timer")
    run("systemd-run", "--quiet", "--collect", f"--unit={UNIT}", f"--on-active={seconds}",
        *(f"--timer-property={name}" for name in ("AccuracySec=1s", *properties)),
        sys.executable, f"{PLACE}/guard.py", "restore") or sys.exit("not armed")


def disarm():
    if active(f"{UNIT}.timer"):
        run("systemctl", "stop", f"{UNIT}.timer")
    for path in (WANTED, BOOT):
        if os.path.lexists(path):
            os.unlink(path)


def in_time():
    if os.path.exists(RESTORED) or not os.path.exists(NOTES):
        sys.exit("too late: the time for this change was over, and the previous configuration is back in force")


def mark_restored():
    with contextlib.suppress(OSError):  # a full disk
        write(RESTORED, b"")


def apply(seconds):
    in_time()
    arm(seconds)
    changed = {path: read(SAVED + path) for path in differing()}
    before = notes()
    for name, _ in sysctls(read(SYSCTL)) if SYSCTL in changed else []:
        before["sysctls"].setdefault(name, sysctl(name))
    write(NOTES, json.dumps(before).encode())
    if not reload(changed):
        sys.exit("what reads the new files does not take them")
    print("\n".join(changed))


def judge(seconds):
    before, good, deadline = notes(), 0, time.monotonic() + seconds
    while before["carrying"] and good < GOOD_ROUNDS:
        time.sleep(PAUSE)
        wrong = lost(before["carrying"]) + (unsettled() if before["settled"] else [])
        good = 0 if wrong else good + 1
        if wrong and time.monotonic() > deadline:
            print("; ".join(wrong))
            sys.exit(1)


def undo_first():
    """There was no router here: forwarding, rules and tables go, and SSH is as free as before."""
    for family, table in (("inet", "filter"), ("inet", "mangle"), ("ip", "nat"), ("ip6", "nat")):
        run("nft", f"table {family} {table}; delete table {family} {table}")
    for family in ("-4", "-6"):
        run("ip", family, "rule", "flush", "protocol", "77")
        run("ip", family, "route", "flush", "table", "all", "protocol", "77")
    run("rm", "-f", "/run/sysctl.d/60-mwan.conf")


def restore():
    # It may be done again: a play that is late goes on writing until it asks.
    if not os.path.exists(NOTES):
        sys.exit("there is nothing to put back")
    before, changed = notes(), {path: read(path) for path in differing()}
    mark_restored()
    if os.path.exists(SAVED + PACKAGE) and (PACKAGE in changed or package() != before["package"]):
        run("dpkg", "--force-confold", "--force-downgrade", "--install", SAVED + PACKAGE)
    failed = put_back(changed)
    for unit in ENABLED:
        if unit not in before["enabled"]:
            run("systemctl", "--quiet", "disable", unit)
    for unit in reversed(SERVICES):
        if unit not in before["active"]:
            # networkd's socket would start it again.
            run("systemctl", "--quiet", "stop", unit, *(["systemd-networkd.socket"] if "networkd.service" in unit else []))
    reload(changed)
    if not os.path.exists(CONFIG):
        undo_first()
    for unit in SERVICES:
        if unit in before["active"] and not active(unit):
            run("systemctl", "--quiet", "start", unit)
    for name, value in before["sysctls"].items():
        if value is not None and sysctl(name) != value:
            sysctl(name, value)
    if matches(changed, *IFUPDOWN) and active("networking"):
        run("systemctl", "restart", "networking")
    disarm()
    print("\n".join(changed))
    if failed:
        sys.exit(f"can't put back {'; '.join(failed)}")


def boot():
    """Nothing has started yet, and dpkg would have to wait for that: here the files, and all else by and by."""
    changed = [path for path in differing() if path != PACKAGE]
    mark_restored()
    put_back(changed)
    if set(matches(changed, "/etc/systemd/network/*.link")) - set(differing()):
        # udev has named the cards by files that are not there any more.
        run("systemctl", "--no-block", "reboot")
    else:
        # The timer does not wait for what waits for this.
        arm(STARTED, "DefaultDependencies=no")


def confirm():
    in_time()
    disarm()
    shutil.rmtree(PLACE)


def in_turn(command):
    """Waits until no other command is at work. One that hangs, as what it reloads may, keeps nobody from undoing it."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PATIENCE
    while command != "judge":  # it changes nothing
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                if command == "restore":
                    return
                sys.exit("another step of a deploy does not end")
        time.sleep(0.2)


COMMANDS = {"save": save, "apply": apply, "judge": lambda seconds: judge(float(seconds)), "restore": restore, "boot": boot,
            "confirm": confirm}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    in_turn(command)
    try:
        COMMANDS[command](*arguments)
    except OSError as error:
        sys.exit(f"guard.py {command}: {error}")
