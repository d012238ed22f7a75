# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Debian 13 that somebody has just installed, and the README's plainest site, made of it by hand.

    site = ByHand()                         off; see control.py
    site.start()                            ifupdown has the card by which one logs in, and nobody the others
    site.step("package"), site.step("links"), site.step("start")       the README's commands, in its order
    site.write_site(); site.edit_links(); site.name_management(); site.include()    … and what it says in between
"""

import glob
import os
import re
import shutil

import wans as wan
from appliance import package
from beside import PACKAGES
from control import BARE, INTERFACES, MORE, Fresh
from readme import install, plain, sites
from tree import mirror

HOME = "/root/mwan"  # the checkout
# The README's names, and what a machine calls its cards.
LAN, MANAGEMENT = "enp1s0", "enp4s0"
CARDS = {"enlan0": LAN, "encable0": "enp2s0", "enfibre0": "enp3s0"}
PLACE = "/etc/systemd/network"
STEPS = dict(zip(("package", "links", "start"), install()))


def masquerading(name, readme_name, mark, network):
    return wan.Wan(name=name, interface=CARDS[readme_name], mark=mark, table=100 * mark, nat4="masquerade",
                   address4=f"{network}.2/29", gateway4=f"{network}.1", public4=[f"{network}.2"], routed4=False,
                   address6=f"2001:db8:ffff:{mark}::2", prefix6=f"2001:db8:{mark}:a0::/60")


def providers():
    return [masquerading("cable", "encable0", 1, "198.18.1"), masquerading("fibre", "enfibre0", 2, "198.18.2")]


class ByHand(Fresh):
    def __init__(self):
        super().__init__(providers())

    def _make_router(self):
        router = super()._make_router()
        router.write("/etc/network/interfaces", INTERFACES.replace("eth0", MANAGEMENT))
        router.write("/etc/apt/sources.list", "".join(f"deb [trusted=yes] file:/mirror{n} ./\n" for n in (1, 2)))
        built = router.path(f"{HOME}/build-deb/trixie")
        built.mkdir(parents=True)
        shutil.copy(package(), built)
        return router

    def _links(self):
        return super()._links() + f"link set {wan.LAN} name {LAN}\nlink set {wan.MANAGEMENT} name {MANAGEMENT}\n"

    def boot(self, *args):
        mirrors = [mirror("mirror", *BARE, *MORE), mirror("beside", *PACKAGES)]
        return super().boot(*args, *(f"--bind-ro={place}:/mirror{n}" for n, place in enumerate(mirrors, 1)))

    def start(self):
        """Power on, for the first time."""
        self.boot()
        self.router.booted()
        self.router.run("apt-get", "update")
        return self

    # The README, step by step

    def run(self, command, check=True):
        """A line for a shell in the checkout."""
        return self.router.run("sh", "-ec", f"cd {HOME} && {plain(command)}", check=check,
                               env={"DEBIAN_FRONTEND": "noninteractive"})

    def step(self, name, check=True):
        """The README's commands of that step, but building; all that they print."""
        done = [self.run(re.sub("^apt ", "apt-get --yes ", plain(line)), check)
                for line in STEPS[name] if line != "sudo tests/deb"]
        return "".join(one.out + one.err for one in done)

    def write_site(self):
        self.router.write("/etc/mwan/mwan.conf", self.named(sites()[0]))

    @staticmethod
    def named(text):
        """With the names that `ip link` shows."""
        for name, card in CARDS.items():
            text = text.replace(name, card)
        return text

    def edit_links(self):
        """The cards' names in the .network files."""
        for file in glob.glob(f"{self.router.path(PLACE)}/*.network"):
            name = os.path.basename(file)
            self.router.write(f"{PLACE}/{name}", self.named(self.router.read(f"{PLACE}/{name}")))

    def name_management(self):
        base = "/etc/mwan/nftables.conf"
        self.router.write(base, re.sub(r"^define MANAGEMENT = .*$", f'define MANAGEMENT = {{ "{MANAGEMENT}" }}',
                                       self.router.read(base), flags=re.M))

    def include(self):
        self.router.write("/etc/nftables.conf",
                          self.router.read("/etc/nftables.conf") + 'include "/etc/mwan/nftables.conf"\n')
