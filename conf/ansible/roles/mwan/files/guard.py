"""
What was before a deploy, kept until somebody confirms that what came after it works.

    guard.py save             keeps files, services and which WANs carry
    guard.py arm SECONDS      restores after that time if nobody confirms: a play may die, or cut off its own way in
    guard.py apply            reloads what reads the files that are not as they were; prints their names
    guard.py judge SECONDS    waits until the WANs carry that did, and the kernel is what mwan.conf says; exit 1, and prints
                              what is not so
    guard.py restore          puts everything back and reloads what reads it; prints the names of the files
    guard.py confirm          what is now stays

WANs that the new mwan.conf does not have, or not in that family, are not missed.
"""

import fcntl
import fnmatch
import glob
import json
import os
import shutil
import subprocess
import sys
import time

PLACE = "/run/mwan-deploy"
SAVED = f"{PLACE}/saved"
NOTES = f"{PLACE}/notes.json"
RESTORED = f"{PLACE}/restored"
UNIT = "mwan-deploy-guard"

CONFIG = "/etc/mwan/mwan.conf"
BASE = "/etc/mwan/nftables.conf"
NETWORKD = "/etc/systemd/networkd.conf.d/10-mwan.conf"
SUPPLICANT = "/etc/wpa_supplicant/mwan.conf"
PACKAGE = "/var/lib/mwan-deploy/mwan.deb"
SYSCTL = "/etc/sysctl.d/90-mwan-site.conf"
IFUPDOWN = ["/etc/network/interfaces", "/etc/network/interfaces.d/*"]
FILES = ["/etc/systemd/network/*.link", "/etc/systemd/network/*.netdev", "/etc/systemd/network/*.network", NETWORKD,
         CONFIG, BASE, "/etc/nftables.conf", SUPPLICANT, "/etc/wpa_supplicant/*.pem", "/etc/default/mwan", SYSCTL,
         *IFUPDOWN, PACKAGE]
# The package's own: what it has brought stays with it.
STAY = [NETWORKD, BASE, "/etc/default/mwan", "/etc/nftables.conf", PACKAGE]
SERVICES = ["nftables.service", "systemd-networkd.service", "networkd-dispatcher.service", "mwan-health.service",
            "wpa_supplicant-mwan.service", "wpa-action-sync.timer", "wpa-authenticated.path"]
ENABLED = SERVICES[:2]  # by a deploy; the others by their packages
FORWARDING = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]
GOOD_ROUNDS, PAUSE = 3, 2.0  # networkd takes a moment to break things


def run(*args):
    """Runs a program; whether it succeeded."""
    return subprocess.run(args, stdout=subprocess.DEVNULL, check=False).returncode == 0


def output(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def active(unit):
    return run("systemctl", "is-active", "--quiet", unit)


# ---- files ----


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def differing():
    """The files that are not as they were."""
    names = {path for pattern in FILES for path in glob.glob(pattern)}
    names |= {path.removeprefix(SAVED) for pattern in FILES for path in glob.glob(SAVED + pattern)}
    return sorted(path for path in names if os.path.isfile(path) or os.path.isfile(SAVED + path)
                  if read(path) != read(SAVED + path))


def copy(source, target):
    """With owner, mode and times; nobody sees half of it."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    draft = f"{target}.mwan-new"
    with open(draft, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(read(source))
    status = os.stat(source)
    os.chown(draft, status.st_uid, status.st_gid)
    shutil.copystat(source, draft)
    os.rename(draft, target)


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


def reload_networkd(changed, other):
    """`other`: where the other version of a changed file is."""
    if not active("systemd-networkd"):
        return True
    if NETWORKD in changed:
        # It reads this when it starts, and the dispatcher asks it then.
        return run("systemctl", "restart", "systemd-networkd") and run("systemctl", "try-restart", "networkd-dispatcher")
    done = True
    for path in matches(changed, "/etc/systemd/network/*.netdev"):
        if not os.path.exists(path):
            name = netdev_name(read(other + path))
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


def reload(changed, other=SAVED):
    """Everything that reads a changed file, and nothing else; whether all of it went well."""
    done = True
    if SYSCTL in changed and os.path.exists(SYSCTL):
        done &= run("/usr/lib/systemd/systemd-sysctl", SYSCTL)
    done &= reload_networkd(changed, other)
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
    return [f"{', '.join(missing)} carried before this change, and not after it"] if missing else []


def unsettled():
    """What the kernel lacks of what mwan.conf says, as for a gateway that it refuses; [] if nothing."""
    done = subprocess.run(["update-routes", "--check"], capture_output=True, text=True, check=False)
    said = (done.stdout or done.stderr).strip().splitlines() or ["?"]
    return [] if done.returncode == 0 else [f"the kernel has not got what mwan.conf says: {said[0]}"]


# ---- the commands ----


def notes():
    with open(NOTES, encoding="utf-8") as file:
        return json.load(file)


def save():
    if active(f"{UNIT}.timer") or active(f"{UNIT}.service"):
        sys.exit("a deploy is under way, or has died and is not undone yet: wait some minutes, or end it at once by "
                 f"`systemctl start {UNIT}.service` on the router")
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(SAVED, mode=0o700)
    os.chmod(PLACE, 0o700)
    copy(os.path.abspath(__file__), f"{PLACE}/guard.py")
    for pattern in FILES:
        for path in filter(os.path.isfile, glob.glob(pattern)):
            copy(path, SAVED + path)
    before = {
        "active": [unit for unit in SERVICES if active(unit)],
        "enabled": [unit for unit in ENABLED if run("systemctl", "is-enabled", "--quiet", unit)],
        "sysctls": {name: sysctl(name) for name in FORWARDING},
        "carrying": carrying(),
        "settled": os.path.exists(CONFIG) and not unsettled(),
    }
    with open(NOTES, "w", encoding="utf-8") as file:
        json.dump(before, file)
    print(json.dumps(before["carrying"]))


def disarm():
    run("systemctl", "stop", f"{UNIT}.timer")


def in_time():
    if os.path.exists(RESTORED) or not os.path.isdir(SAVED):
        sys.exit("too late: the time for this change was over, and the previous configuration is back in force")


def arm(seconds):
    in_time()
    if active(f"{UNIT}.timer"):
        disarm()
    run("systemd-run", "--quiet", "--collect", f"--unit={UNIT}", f"--on-active={seconds}",
        "--timer-property=AccuracySec=1s", sys.executable, f"{PLACE}/guard.py", "restore") or sys.exit("not armed")


def apply():
    in_time()
    changed = differing()
    before = notes()
    for name, _ in sysctls(read(SYSCTL)) if SYSCTL in changed else []:
        before["sysctls"].setdefault(name, sysctl(name))
    with open(NOTES, "w", encoding="utf-8") as file:
        json.dump(before, file)
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
    before, changed = notes(), differing()
    with open(RESTORED, "w", encoding="utf-8"):
        pass
    if PACKAGE in changed and os.path.exists(SAVED + PACKAGE):
        run("dpkg", "--force-confold", "--force-downgrade", "--install", SAVED + PACKAGE)
    others = f"{PLACE}/undone"
    for path in changed:
        if os.path.exists(path):
            copy(path, others + path)
        if os.path.exists(SAVED + path):
            copy(SAVED + path, path)
        elif not matches([path], *STAY):
            os.unlink(path)
    for unit in ENABLED:
        if unit not in before["enabled"]:
            run("systemctl", "--quiet", "disable", unit)
    for unit in reversed(SERVICES):
        if unit not in before["active"]:
            # networkd's socket would start it again.
            run("systemctl", "--quiet", "stop", unit, *(["systemd-networkd.socket"] if "networkd.service" in unit else []))
    reload(changed, others)
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


def confirm():
    in_time()
    disarm()
    shutil.rmtree(PLACE)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    lock = os.open("/run/mwan-deploy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    {"save": save, "arm": arm, "apply": apply, "judge": lambda seconds: judge(float(seconds)), "restore": restore,
     "confirm": confirm}[command](*arguments)
