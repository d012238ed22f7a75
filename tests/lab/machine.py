# SPDX-License-Identifier: GPL-2.0-or-later
"""
The machine under test, wherever it runs: its files, its programs, and what its kernel says.
"""

import fcntl
import json
import os
import re
import subprocess
import time

import rtnl
from netns import Namespace
from traffic import PATIENCE, wait_until

OWNER = 77  # mwan's protocol number of rules, routes and addresses


class Result:
    """How a program ended: code, out, err."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        return f"{' '.join(map(str, self.args))}: exit {self.code}\n{self.out}{self.err}"


class Machine(Namespace):
    """
    A network namespace with files and programs. Whoever derives from it says how to reach them: path() and argv().
    """

    def __init__(self, name):
        super().__init__(name)
        self.environment = {}

    def path(self, inside):
        """A path by which this process reaches a file of the machine."""
        raise NotImplementedError

    def argv(self, *args):
        """The command line that runs a program inside, from outside."""
        raise NotImplementedError

    # Files

    def write(self, inside, text, mode=0o644):
        """Writes a file atomically."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(text)
        new.chmod(mode)
        new.rename(path)

    def read(self, inside):
        return self.path(inside).read_text()

    def configure(self, text):
        self.write("/etc/mwan/mwan.conf", text)

    # Programs

    def start(self, *args, env=None, **kwargs):
        """Starts a program inside; returns the Popen. Its pid is the program's own."""
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                       **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")},
                       **self.environment, **(env or {})}
        return subprocess.Popen(self.argv(*args), env=environment, **{
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **kwargs})

    def serve(self, *args, **kwargs):
        """Starts a program inside that ends when this process does, however that ends."""
        return self.start("setpriv", "--pdeathsig", "KILL", "--", *args, **kwargs)

    def run(self, *args, check=True, env=None, **kwargs):
        """Runs a program inside; returns its Result. With check, anything but exit 0 is an error."""
        process = self.start(*args, env=env, **kwargs)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        result = Result(args, process.returncode, out or "", err or "")
        if check and result.code != 0:
            raise RuntimeError(repr(result))
        return result

    def update(self):
        """Everything mwan programs, brought into the kernel."""
        self.run("update-routes")
        self.run("update-npt")

    def load_base(self):
        """What nftables.service does."""
        self.run("nft", "-f", "/etc/mwan/nftables.conf")

    # What the kernel says

    def _json(self, *args):
        return json.loads(self.command(["ip", "-j", *args]) or "[]")

    def rules(self, family):
        """Policy rules of family 4 or 6, as `ip -j rule` gives them."""
        return self._json(f"-{family}", "-N", "rule")

    def own_rules(self, family):
        return [rule for rule in self.rules(family) if rule.get("protocol") == str(OWNER)]

    def routes(self, family, table="all"):
        """Routes of family 4 or 6, as `ip -j -N route` gives them."""
        found = self._json(f"-{family}", "-N", "route", "show", "table", str(table))
        return [route for route in found if route.get("type") not in ("multicast", "anycast")]

    def own_routes(self, family):
        return [route for route in self.routes(family) if route.get("protocol") == str(OWNER)]

    def addresses(self):
        """[(interface, "address/length", owner)]."""
        return rtnl.addresses(self)

    def own_addresses(self):
        return [found for found in self.addresses() if found[2] == OWNER]

    def ruleset(self):
        """The whole ruleset as text, without counters."""
        return self.command(["nft", "-s", "list", "ruleset"])

    def nft_json(self):
        """The whole ruleset as nft's JSON objects."""
        return json.loads(self.command(["nft", "-j", "list", "ruleset"]))["nftables"][1:]

    def chain(self, family, table, chain):
        """The rules of a chain, one text line each, without counters."""
        listing = self.command(["nft", "-s", "list", "chain", family, table, chain]).splitlines()
        return [line.strip() for line in listing[2:-2] if not line.strip().startswith("type ")]

    def snapshot(self):
        """
        All that mwan could have changed, as sorted lines: comparable, and readable as a difference. The kernel's own
        routes to an address come after it, when the kernel finds time.
        """
        lines = [f"rule{f} {json.dumps(rule)}" for f in (4, 6)
                 for rule in sorted(self.rules(f), key=lambda rule: (rule["priority"], json.dumps(rule)))]
        lines += sorted(f"route{f} {json.dumps(route, sort_keys=True)}" for f in (4, 6)
                        for route in map(_steady, self.routes(f))
                        if (route.get("table"), route.get("protocol")) != ("255", "2"))
        lines += [f"address {found}" for found in self.addresses()]
        return lines + normal_ruleset(self.ruleset())

    def monitor(self):
        """A Monitor of this namespace's routing and nftables events, for `with`."""
        return rtnl.Monitor(self)

    def wait_quiet(self):
        """Until nothing has changed for a while: a run that has begun before the last change repairs what is right."""
        def quiet():
            with self.monitor() as monitor:
                with open(self.path("/run/mwan/lock"), "r+", encoding="ascii") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)  # when that run is over
                time.sleep(0.5)
                return monitor.events() == {}
        wait_until(quiet, "nothing changes")


def normal_ruleset(text):
    """
    A listing with what has no order sorted: tables, their objects, the elements of a set. Rules keep theirs. What
    packets have added to sets is left out: it comes and goes.
    """
    text = re.sub(r"(flags dynamic,timeout\n\t\ttimeout \S+\n)\t\telements = \{.*?\}\n", r"\1", text, flags=re.S)
    text = re.sub(r"elements = \{(.*?)\}", lambda found: "elements = " + " ".join(
        sorted(" ".join(part.split()) for part in found[1].split(","))), text, flags=re.S)
    lines = []
    for table in sorted(re.findall(r"^table .*?^\}", text, re.M | re.S)):
        head, _, body = table.partition("\n")
        lines += [head, *"\n".join(sorted(body[:-2].split("\n\n"))).splitlines()]
    return lines


def difference(wanted, found):
    """What a reader needs to see of two snapshots."""
    return [f"- {line}" for line in wanted if line not in found] + [f"+ {line}" for line in found if line not in wanted]


def _steady(route):
    """A route without what changes by itself."""
    return {key: value for key, value in route.items() if key not in ("expires", "flags", "cache")}


def rule_text(rule):
    """What tells a policy rule from others, for `ip rule add` and `del`."""
    length = rule.get("srclen", 128 if ":" in rule.get("src", "") else 32)
    source = f"from {rule['src']}/{length} " if rule.get("src", "all") != "all" else ""
    target = f"to {rule['dst']}/{rule.get('dstlen', 128 if ':' in rule['dst'] else 32)} " if "dst" in rule else ""
    mark = f"fwmark {rule['fwmark']}/0xffffffff " if "fwmark" in rule else ""
    own = f"iif {rule['iif']} " if "iif" in rule else ""
    goto = f"goto {rule['goto']}" if "goto" in rule else "blackhole" if rule.get("action") == "6" else "nop" if "nop" in rule else f"lookup {rule['table']}"
    return f"pref {rule['priority']} {source}{target}{mark}{own}{goto}"
