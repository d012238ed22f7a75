# SPDX-License-Identifier: GPL-2.0-or-later
"""
A system bus inside the router with a stand-in for systemd-networkd on it.
"""

import contextlib
import ipaddress
import json
import signal
import socket
import subprocess
import time

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""
ANSWERS = "/run/networkd-standin"


def elements(listing):
    """The elements of a set listed by `nft -j list set`."""
    return next(item["set"] for item in json.loads(listing)["nftables"] if "set" in item).get("elem", [])


class Networkd:
    """DescribeLink as networkd answers it. Tests change the answers at any time."""

    def __init__(self, router, standin):
        self.router = router
        router.write("/run/dbus/lab.conf", BUS)
        router.path(ANSWERS).mkdir()
        router.write("/run/systemd/netif/state", "")
        self._daemon = self._standin = None
        self.start_bus()
        self._program = standin
        self.start()

    def _start(self, *args):
        process = self.router.serve(*args, stdin=subprocess.PIPE, stderr=None)
        if not process.stdout.readline():
            raise RuntimeError(f"{args[0]} did not start: exit {process.wait()}")
        return process

    def start_bus(self):
        self._daemon = self._start("dbus-daemon", "--config-file=/run/dbus/lab.conf", "--nofork", "--nopidfile",
                                   "--print-address=1")

    def stop_bus(self):
        """The bus goes. networkd runs on, and never comes back to it."""
        self._end(self._daemon)
        self._daemon = None

    def start(self):
        """networkd appears on the bus."""
        self._standin = self._start(self._program, ANSWERS)

    def stop(self):
        """networkd goes; the bus stays."""
        self._end(self._standin)
        self._standin = None

    @contextlib.contextmanager
    def silent(self):
        """networkd is on the bus, and answers nothing meanwhile."""
        self._standin.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._standin.send_signal(signal.SIGCONT)

    def close(self):
        for process in (self._standin, self._daemon):
            if process:
                self._end(process)

    @staticmethod
    def _end(process):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def describe(self, interface, client=None, **changes):
        """Sets a link's answer; client is its "DHCPv6Client" object, None for a link without one."""
        link = self.link(interface)
        if client is not None:
            link["DHCPv6Client"] = client
        self.raw(interface, json.dumps({**link, **changes}))

    def link(self, interface):
        """A link's answer, without a lease."""
        return {"Index": self.index(interface), "Name": interface, "Type": "ether",
                "AdministrativeState": "configured", "OperationalState": "routable", "CarrierState": "carrier",
                "OnlineState": "online"}

    def delegate(self, interface, *prefixes, valid=3600):
        """The link's delegation: prefixes with a lifetime in seconds; None is for ever, below 0 has passed."""
        self.describe(interface, {"Lease": {}, "Prefixes": [_prefix(p, valid) for p in prefixes], "DUID": [0, 4]})

    def renumber(self, interface, *prefixes, **lifetime):
        """The delegation is another one, or none, and networkd says that something has changed."""
        self.delegate(interface, *prefixes, **lifetime)
        self.announce(interface)

    def announce(self, interface, what="DHCPv6Client", state="State", value="bound"):
        """networkd's signal that a property of a link, or of its client, has changed. Sent when this returns."""
        self._standin.stdin.write(f"{self.index(interface)} {what} {state} {value}\n")
        self._standin.stdin.flush()
        if not self._standin.stdout.readline():
            raise RuntimeError("networkd's stand-in has ended")

    def restart(self, seconds=0):
        """networkd goes and comes back, and for a while knows of no delegation, whatever it knew before."""
        answers = {path: path.read_text() for path in self.router.path(ANSWERS).glob("*.json")}
        self.stop()
        for path, text in answers.items():
            path.write_text(json.dumps({**json.loads(text), "DHCPv6Client": {"Prefixes": []}}))
        self.start()
        time.sleep(seconds)
        for path, text in answers.items():
            path.write_text(text)
            self.announce(json.loads(text)["Name"])

    def forget(self, interface):
        """The link is about to go: there is no answer for it any more."""
        self.router.path(f"{ANSWERS}/{self.index(interface)}.json").unlink(missing_ok=True)

    def raw(self, interface, text):
        """Sets a link's answer to any text."""
        self.router.write(f"{ANSWERS}/{self.index(interface)}.json", text)

    def fail(self, failing=True):
        """Every call is answered with an error, or not any more."""
        self._switch("error", "x" if failing else None)

    def slow(self, milliseconds):
        """Every answer takes that long; 0 ends it."""
        self._switch("delay", str(milliseconds) if milliseconds else None)

    def refuse(self, refusing=True):
        """RenewLink and ReconfigureLink are denied, or not any more."""
        self._switch("refuse", "x" if refusing else None)

    def then(self, interface, **changes):
        """What the link's answer becomes with the next ReconfigureLink."""
        self.router.write(f"{ANSWERS}/{self.index(interface)}.next", json.dumps({**self.link(interface), **changes}))

    def calls(self):
        """The methods called so far that change something, with the index of the link."""
        path = self.router.path(f"{ANSWERS}/calls")
        return path.read_text().splitlines() if path.exists() else []

    def _switch(self, name, text):
        if text is None:
            self.router.path(f"{ANSWERS}/{name}").unlink(missing_ok=True)
        else:
            self.router.write(f"{ANSWERS}/{name}", text)

    def index(self, interface):
        with self.router.entered():
            return socket.if_nametoindex(interface)


def _prefix(text, valid):
    """One entry of "Prefixes", as networkd 257 writes it; an unlimited lifetime has no key."""
    network = ipaddress.IPv6Interface(text)
    entry = {"Prefix": list(network.ip.packed), "PrefixString": str(network.ip),
             "PrefixLength": network.network.prefixlen}
    if valid is not None:
        end = max(1, int((time.clock_gettime(time.CLOCK_BOOTTIME) + valid) * 1_000_000))
        entry.update(PreferredLifetimeUSec=end, ValidLifetimeUSec=end)
    return entry
