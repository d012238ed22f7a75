# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a deploy has to know of a router before it changes anything, as JSON on stdout.

    look.py FOLDER <SITE.json       FOLDER has mwan.deb and mwan.conf; all that is written is written there
    look.py --check FILE            only has mwan check this file, after the other

Exit 1, with the reason on stderr, when mwan.deb's own programs refuse mwan.conf.
"""

import glob
import json
import os
import re
import subprocess
import sys

PROGRAM = "usr/bin/update-routes"
BASE = "/etc/mwan/nftables.conf"
KEPT = "/var/lib/mwan-deploy/mwan.deb"  # what has been installed last
DEFINE = re.compile(r"^define MANAGEMENT = (\{[^}]*\}|.*)$", re.M)
CERTIFICATES = ["ca.pem", "client.pem", "private.pem"]
UNITS = "/etc/systemd/system"
SERVICES = ["nftables.service", "systemd-networkd.service", "networkd-dispatcher.service", "mwan-health.service"]
# What begins a new part of /etc/network/interfaces.
KEYWORD = re.compile(r"\s*(iface|mapping|auto|allow-\S+|no-auto-down|no-scripts|rename|source|source-directory)\b")


def output(*args, **kwargs):
    """What a program prints; "" if it fails."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, **kwargs)
    return done.stdout if done.returncode == 0 else ""


def read(path):
    """A file's text, or None."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


# ---- the package ----


def installed(package):
    return output("dpkg-query", "-Wf", "${db:Status-Status}", package) == "installed"


def is_deployed(deb):
    """Whether this very file has been installed by a deploy, and nothing else since."""
    version = output("dpkg-deb", "-f", deb, "Version").strip()
    return (installed("mwan") and output("dpkg-query", "-Wf", "${Version}", "mwan") == version
            and os.path.exists(KEPT) and subprocess.run(["cmp", "-s", deb, KEPT], check=False).returncode == 0)


def unpack(deb, folder):
    subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)


def fetch_libraries(deb, work, folder):
    """Unpacks the libraries that the package depends on and this machine lacks, from a mirror."""
    depends = output("dpkg-deb", "-f", deb, "Depends")
    names = [re.split(r"[ (|]", part.strip())[0] for part in depends.split(",")]
    missing = [name for name in names if name.startswith("lib") and not installed(name)]
    cache = f"{work}/apt"
    for place in ("lists/partial", "cache/archives/partial"):
        os.makedirs(f"{cache}/{place}")
    apt = ["apt-get", "-qq", "-o", f"Dir::State::Lists={cache}/lists", "-o", f"Dir::Cache={cache}/cache",
           "-o", "APT::Sandbox::User=root"]
    for command in (["update"], ["download", *missing]):
        done = subprocess.run([*apt, *command], cwd=cache, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"can't get {' '.join(missing)}, without which mwan can't check its configuration: {done.stderr.strip()}")
    for library in glob.glob(f"{cache}/*.deb"):
        unpack(library, folder)


def refuse_masked():
    """What somebody has masked can't be started, and is not unmasked behind his back."""
    masked = [unit for unit in SERVICES if os.path.realpath(f"{UNITS}/{unit}") == "/dev/null"]
    if masked:
        sys.exit(f"masked on this router: `systemctl unmask {' '.join(masked)}` there lets a deploy start it")


# ---- mwan.conf ----


def libraries(root):
    """Where the libraries are that have been unpacked."""
    return ":".join(glob.glob(f"{root}/usr/lib/*-linux-gnu*"))


def check(root, config):
    """Has mwan read its configuration, where there is neither a network nor a file that it could touch."""
    place = "mount -t tmpfs mwan /run && mount -t tmpfs mwan /var/log && exec \"$@\""
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", place, "sh", f"{root}/{PROGRAM}", "--check", "--config", config],
        env={**os.environ, "LD_LIBRARY_PATH": libraries(root)}, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        sys.exit(refusal(done.stderr, config))
    # 1: there is no base ruleset, where there is no network.
    if done.returncode not in (0, 1, 3):
        sys.exit(f"mwan's own check of mwan.conf can't be run: exit {done.returncode}: {done.stderr.strip()}")


def refusal(stderr, config):
    """mwan's words, with the line that they are about."""
    said = re.sub(r"^<\d>", "", stderr.strip(), flags=re.M).replace(config, "mwan.conf")
    number = re.search(r"mwan\.conf:(\d+)", said)
    lines = read(config).splitlines()
    if number and 0 < int(number[1]) <= len(lines):
        said += f"\n(line {number[1]}, from the description: {lines[int(number[1]) - 1].strip()})"
    return said


# ---- the rest ----


def current_name(card):
    """The name that a described card has instead of the one it is to have; None if it has that, or is not there."""
    wanted = card.get("port") or card["interface"]
    if os.path.exists(f"/sys/class/net/{wanted}"):
        return None
    for place in glob.glob("/sys/class/net/*"):
        if (read(f"{place}/address") or "").strip() == card["mac"].lower() and "DEVTYPE" not in read(f"{place}/uevent"):
            return os.path.basename(place)
    return None


def base_ruleset(pristine, management):
    """mwan's base ruleset for these management interfaces; what somebody has written into it is kept."""
    define = "define MANAGEMENT = { " + ", ".join(f'"{name}"' for name in management) + " }"
    present = read(BASE)
    own = [DEFINE.sub("", pristine)]
    if os.path.exists(KEPT):
        members = f"dpkg-deb --fsys-tarfile {KEPT} | tar -xO ./etc/mwan/nftables.conf"
        own.append(DEFINE.sub("", output("sh", "-c", members)))
    edited = present is not None and DEFINE.sub("", present) not in own
    return DEFINE.sub(define, present if edited else pristine), edited


def without(text, names):
    """A file of ifupdown's without the interfaces that networkd has from now on."""
    kept, keep = [], True
    for line in text.splitlines(keepends=True):
        if KEYWORD.match(line):
            words = line.split()
            keep = True
            if words[0] in ("iface", "mapping"):
                keep = words[1:2] == [] or words[1] not in names
            elif words[0] == "auto" or words[0].startswith("allow-"):
                others = [word for word in words[1:] if word not in names]
                if others != words[1:]:
                    line = " ".join([words[0], *others]) + "\n" if others else ""
        # A comment does not end what it stands in.
        if keep or not line.strip() or line.lstrip().startswith("#"):
            kept.append(line)
    return "".join(kept)


def interfaces(names):
    """{file: what is left of it}, where that is less."""
    found = {}
    for path in ["/etc/network/interfaces", *sorted(glob.glob("/etc/network/interfaces.d/*"))]:
        text = read(path)
        left = without(text, names) if text else text
        if left != text:
            found[path] = left
    return found


def main(work):
    site = json.load(sys.stdin)
    refuse_masked()
    deb, root = f"{work}/mwan.deb", f"{work}/root"
    unpack(deb, root)
    os.makedirs(f"{root}/etc/wpa_supplicant")  # for a check that has nothing installed to compare with
    if "not found" in output("ldd", f"{root}/{PROGRAM}"):
        fetch_libraries(deb, work, root)
    check(root, f"{work}/mwan.conf")

    renamed = {card.get("port") or card["interface"]: current_name(card) for card in site["cards"]}
    renamed = {wanted: name for wanted, name in renamed.items() if name}
    management = [site["management"], *filter(None, [renamed.get(site["management"])])]
    base, edited = base_ruleset(read(root + BASE), management)
    missing = [package for package in ["wpasupplicant"] if site["supplicant"] and not installed(package)]
    json.dump({
        "installed": installed("mwan"),
        "libraries": libraries(root),
        "install": ([] if is_deployed(deb) else [deb]) + missing,
        "renamed": renamed,
        "management": management,
        "base": base,
        "base_edited": edited,
        "interfaces": interfaces([*site["interfaces"], *renamed.values()]),
        "certificates": [name for name in CERTIFICATES if os.path.exists(f"/etc/wpa_supplicant/{name}")],
    }, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(f"{os.path.dirname(os.path.abspath(__file__))}/root", sys.argv[2])
    else:
        main(sys.argv[1])
