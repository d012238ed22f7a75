# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lab with the appliance in the router's place, and providers that have to be
asked for everything. What the lab can ask and measure works here as well.

    with Appliance() as lab:            or the fixture: make_appliance(…), or `appliance`: booted, and up
        lab.boot()                      power on; returns at once
        lab.up()                        … and waits until every WAN carries both families
        with UdpFlow(lab.client, "1.1.1.1") as flow:
            print(lab.wan_of(flow.ask().source).name)
        lab.router.run("systemctl", "restart", "systemd-networkd")     see container.py
        lab.isp("att").dhcp4.stop()                                    see provider.py
        lab.cut("att"), lab.mend("att"); lab.unplug("webpass"), lab.plug("webpass")
        lab.renumber("att", "2600:1700:2f71:d00::/60"); lab.withdraw("att"); lab.restore("att", prefix)
        lab.power_cut(); lab.boot()     new interfaces, the same disk

In mwan.conf, prefix6 is auto: the live delegation counts.
"""

import glob
import os
from pathlib import Path

import dot1x
import provider
import topology
import wans as wan
from arrivals import Arrivals
from container import Container
from lab import REPO, Lab
from traffic import PATIENCE
from tree import output

NETWORK = f"{REPO}/conf/systemd-network"
_layers = {}


def package():
    """What is installed: $MWAN_PACKAGE, or the .deb that tests/deb has built for Debian 13."""
    built = glob.glob(f"{os.environ.get('MWAN_BUILD', f'{REPO}/build')}-deb/trixie/mwan_*.deb")
    found = os.environ.get("MWAN_PACKAGE") or (built[0] if built else None)
    if not found or not os.path.exists(found):
        raise FileNotFoundError("no package: run tests/deb trixie, or set MWAN_PACKAGE")
    return found


def layers():
    """The folders that a container's tree is made of, and those of a provider's; made once."""
    if not _layers:
        _layers["router"] = output(f"{REPO}/tests/appliance/installed", package())
        _layers["isp"] = provider.tree()
    return _layers


def original():
    """The original's WANs, with prefixes as they are delegated."""
    return [wan.att(prefix_key="auto"), wan.webpass(prefix_key="auto")]


class Appliance(Lab):
    """Everything is in place when the constructor returns, and the router is off."""

    def __init__(self, wans=None, dot1x=False, **config):
        self.dot1x = dot1x  # whether the WAN on enatt0, or on a VLAN of it, is behind 802.1X
        super().__init__(original() if wans is None else wans, destdir="", **config)

    # Construction

    def _make_router(self):
        router = Container(layers()["router"])
        try:
            # A container's links have their names, and its VLAN is no VLAN.
            for name, text in self.network_files().items():
                router.write(f"/etc/systemd/network/{name}", text)
        except BaseException:
            router.close()
            raise
        return router

    @staticmethod
    def network_files():
        """{name: text}: the .network files that the router has at first."""
        return {os.path.basename(file): Path(file).read_text(encoding="utf-8")
                for file in sorted(glob.glob(f"{NETWORK}/*.network"))}

    def _make_isp(self, description):
        return provider.Provider(description, layers()["isp"], self.dot1x and description.interface == dot1x.PORT)

    def _router_setup(self):
        return []

    def _begin(self):
        for isp in self.isps:
            if self.dot1x and isp.outer == dot1x.PORT:
                dot1x.equip(self.router)
                isp.guard()
            isp.start()

    # Power

    def boot(self, *args):
        """Power on."""
        self.router.boot(*args)
        return self

    def power_cut(self):
        """Power off; what is plugged in is so again at the next boot."""
        self.router.renew()
        self.router.ip(self._links())
        self.opnsense.ip(topology.opnsense_wan())
        self.admin.ip(topology.ADMIN)
        for isp in self.isps:
            isp.attach()
            if isp.unplugged:
                self.unplug(isp.wan.name)

    def up(self, carries=None, seconds=PATIENCE):
        """Boots if need be, and waits until each WAN carries what it can; returns the Arrivals."""
        if not self.router.leader:
            self.boot()
        with Arrivals(self, carries) as arrivals:
            arrivals.wait(seconds)
        return arrivals

    # Events, done by the provider; the rest is networkd's work.

    def cut(self, name):
        self.isp(name).carrier(False)

    def mend(self, name):
        self.isp(name).carrier(True)

    def unplug(self, name):
        """The WAN's card is gone, with all that was on it. Before boot(): is not there at boot."""
        isp = self.isp(name)
        isp.unplugged = True
        for interface in filter(None, (isp.wan.interface, isp.parent)):
            self.router.ip(f"link del {interface}\n")

    def plug(self, name):
        """The WAN's card is put in."""
        isp = self.isp(name)
        isp.unplugged = False
        self.router.ip(isp.links())
        isp.attach()

    def renumber(self, name, prefix):
        """The provider delegates another prefix to who renews; until take_prefix(), the one before is the WAN's as well."""
        self.give_prefix(name, prefix)
        self.isp(name).delegate(prefix)

    def withdraw(self, name):
        """The provider delegates nothing to who renews or asks."""
        self.isp(name).delegate(None)

    def restore(self, name):
        """The provider delegates its prefix again."""
        self.isp(name).delegate(self.wan(name).prefix6)
