# SPDX-License-Identifier: GPL-2.0-or-later
"""
systemd-networkd itself, with the files of a deploy, in a network of its own: what it says of them, and makes of them.

    with Networkd(site.etc, ["enmgmt0", "enatt0"]) as networkd:
        networkd.wait(lambda: networkd.link("enatt0").get("mtu") == 1492)
    assert networkd.said == []
"""

import json
import subprocess
import time

PROGRAM = "/lib/systemd/systemd-networkd"
PATIENCE = 120  # seconds that a state may take to come
BEGIN = """\
mount -t tmpfs none /run
mkdir -p /run/dbus
install -d -o systemd-network -g systemd-network /run/systemd/netif
mount --bind "$0/systemd/network" /etc/systemd/network
mount -t sysfs -o ro sysfs /sys  # so that networkd waits for no udev
ip link set lo up
for card; do ip link add "$card" type veth peer name "far-$card" && ip link set "far-$card" up; done
SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info %s &
wait
""" % PROGRAM
# networkd becomes another user, which its parent's death does not end: it ends with the shell, the first of its processes.
SPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]


class Networkd:
    """Runs from the files of an /etc, on cards with these names, until this ends."""

    def __init__(self, etc, cards):
        self.said = None  # of the files that it does not understand, in the end
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *SPACES, "sh", "-ec", BEGIN, etc, *cards],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        _, err = self.process.communicate(timeout=PATIENCE)
        self.said = [line for line in err.splitlines() if line.startswith("/etc/systemd/network/")]

    def ip(self, *args):
        """What `ip` lists there, as objects; []: there is no such thing."""
        done = subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", "ip", "-d", "-j", *args], capture_output=True,
                              text=True, check=False)
        return json.loads(done.stdout or "[]")

    def link(self, card):
        """What `ip link` says of it; {}: there is no such card yet."""
        return next(iter(self.ip("link", "show", "dev", card)), {})

    def wait(self, condition):
        """Until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "networkd has not made it so"
            time.sleep(0.05)
