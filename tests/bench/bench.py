# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches share: a site in namespaces that die with the script, the
programs under test, and how figures are laid out."""

import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MWAN_BUILD") or REPO / "build").resolve()
BIN = BUILD / "destdir/usr/local/bin"
BASE = BUILD / "destdir/etc/mwan/nftables.conf"

LAN = "enmwanbr0"
LAN4 = [f"10.250.250.{i}" for i in range(2, 7)]
PREFIX6 = "3d06:bad:b01::/60"
ROUTER6 = "3d06:bad:b01:fe::2"
CONFIG = "/run/mwan.conf" # within the router's namespace
PEERS = REPO / "tests/bench/peers"
SITE = "/run/peer/site" # what they read, likewise


class Wan:
    """One WAN of the site; number 0 is att, 1 webpass."""

    def __init__(self, n):
        names = [("att", "enatt0.3242", "104.57.226.192/29", "2600:1700:2f71:c80::/60"),
                 ("webpass", "enwebpass0", "136.25.91.240/29", "2604:5500:c271:be00::/60")]
        self.name, self.interface, self.block4, self.prefix6 = names[n] if n < len(names) else (
            f"wan{n}", f"enwan{n}", f"198.51.{n}.0/29", f"2001:db8:{n:x}::/60")
        self.mark, self.table = n + 1, 100 * (n + 1)
        self.own4, self.gateway4 = f"100.64.{n}.2", f"100.64.{n}.1"
        self.own6, self.gateway6 = f"2001:db8:ffff:{n:x}::2", "fe80::1"
        self.edge6 = self.prefix6.replace("/60", "1")
        network, _, host = self.block4.rpartition(".")
        first = int(host.split("/")[0]) + (2 if n == 1 else 1)
        self.public4 = [f"{network}.{first + i}" for i in range(len(LAN4))]


def run(*argv, text=None, check=True):
    done = subprocess.run([str(a) for a in argv], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if check and done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def need_build(program="update-routes"):
    if os.geteuid() != 0:
        sys.exit("bench: run as root: it makes network namespaces")
    if not (BIN / program).exists():
        run(REPO / "tests/run", "build")


class Namespace:
    """A network and mount namespace, with a /run of its own, held by a process
    that the kernel kills together with this script."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
             "mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys && echo ready && exec sleep 7200"],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        if self.holder.stdout.readline() != b"ready\n":
            sys.exit("bench: no namespace (are you root?)")
        self.pid = self.holder.pid
        self.run("ip", "link", "set", "lo", "up")

    def argv(self, *argv):
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "--", *map(str, argv)]

    def run(self, *argv, text=None, check=True):
        return run(*self.argv(*argv), text=text, check=check)

    def ip(self, lines, family="-4"):
        self.run("ip", family, "-batch", "-", text=lines)

    def nft(self, text):
        self.run("nft", "-f", "-", text=text)

    def sysctl(self, **settings):
        self.run("sysctl", "-qw", *[f"net.{key.replace('__', '.')}={value}" for key, value in settings.items()])

    def write(self, path, text):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "sh", path, text=text)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        self.holder.wait()
        self.holder.stdout.close()


class Site:
    """A router and, in one namespace, its neighbours: OPNsense's end of the LAN
    link and each ISP's end of a WAN. The router has what networkd would give
    it, and nothing of mwan's yet."""

    def __init__(self, wans=2):
        self.wans = [Wan(n) for n in range(wans)]
        self.outside, self.router = Namespace(), Namespace()
        names = [LAN] + [w.interface for w in self.wans]
        self.outside.sysctl(ipv6__conf__all__disable_ipv6=1, ipv6__conf__default__disable_ipv6=1)
        self.router.sysctl(
            ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=2,
            ipv4__conf__default__src_valid_mark=1, ipv6__conf__default__accept_dad=0, ipv6__conf__default__accept_ra=0)
        self.router.ip("".join(
            f"link add {name} address 02:00:00:00:{i:02x}:01 type veth peer name {name} netns {self.outside.pid} "
            f"address 02:00:00:00:{i:02x}:02\n" for i, name in enumerate(names)))
        for side in (self.outside, self.router):
            side.ip("".join(f"link set {name} up\n" for name in names))
        # The kernel tells a new link's carrier up to a second later.
        deadline = time.monotonic() + 10
        while self.router.run("ip", "-j", "link").count('"operstate":"UP"') < len(names):
            if time.monotonic() > deadline:
                sys.exit("bench: the links do not come up")
            time.sleep(0.05)
        self.router.ip(self._lines4(), "-4")
        self.router.ip(self._lines6(), "-6")
        self.settle_neighbours()
        # What comes out of the router is counted by its interface and goes no further.
        self.outside.nft("".join(
            f"add table netdev sink{i}\nadd chain netdev sink{i} ingress "
            f'{{ type filter hook ingress device "{name}" priority 0; policy drop; }}\n' for i, name in enumerate(names)))

    def _lines4(self):
        lines = [f"addr add 10.250.250.1/29 dev {LAN}"]
        for i, w in enumerate(self.wans):
            lines += [f"addr add {w.own4}/30 dev {w.interface}",
                      f"route add default via {w.gateway4} dev {w.interface} metric {1024 + i}"]
        return "\n".join(lines)

    def _lines6(self):
        lines = [f"route add {PREFIX6} via fe80::2 dev {LAN}"]
        for i, w in enumerate(self.wans):
            lines += [f"addr add {w.own6}/128 dev {w.interface} nodad",
                      f"route add default via {w.gateway6} dev {w.interface} metric {1024 + i}"]
        return "\n".join(lines)

    def settle_neighbours(self):
        """Nobody outside answers, so the router is told who is where."""
        known = [(a, 0, LAN) for a in LAN4 + ["fe80::2"]]
        for i, w in enumerate(self.wans, 1):
            known += [(w.gateway4, i, w.interface), (w.gateway6, i, w.interface)]
        for family in ("-4", "-6"):
            self.router.ip("".join(f"neigh replace {address} lladdr 02:00:00:00:{i:02x}:02 nud permanent dev {interface}\n"
                                   for address, i, interface in known if (":" in address) == (family == "-6")), family)

    def rules(self, count):
        """So many [rule NAME] sections, of four kinds by turns, in both families. Few packets of the benches match one."""
        text = ""
        for i in range(count):
            net4, net6 = f"203.{i // 250}.{i % 250}.0/24", f"2001:db8:{i:x}::/48"
            keys = [f"destination = {net4}, {net6}", f"destination = {net4}, {net6}\nprotocol = tcp, udp\ndport = {i + 1}",
                    f"protocol = udp\ndport = {20000 + i}", f"source = {LAN4[i % 5]}\ndestination = {net4}"][i % 4]
            text += f"[rule r{i}]\n{keys}\nwans = {self.wans[i % len(self.wans)].name}\n\n"
        return text

    def config(self, mappings=len(LAN4)):
        """mwan.conf of this site. More mappings than LAN4 has are made up."""
        prefix4 = "10.250.250.0/29" if mappings == len(LAN4) else "10.250.240.0/20"
        text = (f"[lan]\ninterface = {LAN}\nprefix4 = {prefix4}\nrouter4 = {LAN4[0]}\nprefix6 = {PREFIX6}\n"
                f"router6 = {ROUTER6}\nrouter6_linklocal = fe80::2\n\n")
        for w in self.wans:
            text += f"[wan {w.name}]\ninterface = {w.interface}\nmark = {w.mark}\ntable = {w.table}\nprefix6 = {w.prefix6}\n\n"
        text += "[map4]\n"
        for i, inside in enumerate(LAN4):
            text += f"{inside} = " + ",\n    ".join(f"{w.name} {w.public4[i]}" for w in self.wans) + "\n"
        for i in range(mappings - len(LAN4)):
            text += f"10.250.{251 + i // 250}.{i % 250 + 1} = " + ",\n    ".join(
                f"{w.name} 60.{n}.{i // 250}.{i % 250 + 1}" for n, w in enumerate(self.wans)) + "\n"
        return text

    def in_shell(self):
        """The same for the peers."""
        def array(name, values):
            return f"declare -A {name}=({' '.join(f'[{w.name}]={v}' for w, v in zip(self.wans, values))})\n"

        wans = self.wans
        return (f"WANS=({' '.join(w.name for w in wans)})\nLAN={LAN} LAN4=10.250.250.0/29 PREFIX6={PREFIX6} ROUTER6={ROUTER6}\n"
                "STATE=/run/peer\n" + array("INTERFACE", [w.interface for w in wans]) + array("MARK", [w.mark for w in wans])
                + array("TABLE", [w.table for w in wans]) + array("BLOCK4", [w.block4 for w in wans])
                + array("PREFIX_WAN", [w.prefix6 for w in wans]) + array("EDGE", [w.edge6 for w in wans]))

    def load_base(self):
        self.router.run("nft", "-f", BASE)

    def load_mwan(self, rules=0):
        """As after boot: the base ruleset, and what the two programs make of it."""
        self.router.write(CONFIG, self.config() + self.rules(rules))
        self.load_base()
        for program in ("update-routes", "update-npt"):
            self.router.run(BIN / program, "--config", CONFIG)
        self.settle_neighbours() # update-routes has its gateways looked up anew

    def close(self):
        self.router.close()
        self.outside.close()


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def table(rows):
    """Rows of strings, the first the heading, in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))
    print(flush=True)
