# SPDX-License-Identifier: GPL-2.0-or-later
"""
A provider as it is: Kea for DHCPv4 and DHCPv6 with prefix delegation, and
radvd, from a Debian 13 tree, beside the lab's counters at the ingress.

    isp = lab.isp("att")
    isp.dhcp4.stop(), isp.dhcp4.start(), isp.dhcp6.restart(), isp.ra.stop()
    isp.lifetimes6 = {"preferred-lifetime": 8, …}; isp.dhcp6.restart()
    isp.authenticator                   see dot1x.py
    lab.renumber("att", "2600:1700:2f71:d00::/60"), lab.withdraw("att"), lab.cut("att"): see appliance.py

The router's link ends in a port of the bridge `mwan`, which has a carrier of its
own: servers and routes stay as they are, whatever becomes of the port.
"""

import ipaddress
import json
import os
import socket
import subprocess

import topology
from dot1x import Authenticator
from lab import Isp, leaks
from netns import Namespace
from traffic import wait_until
from tree import Tree, made

# Nobody has business on the parent but 802.1X.
DOOR = """
table inet lab {
    set leaks4 { type ipv4_addr; flags dynamic; size 4096; timeout 1h; }
    set leaks6 { type ipv6_addr; flags dynamic; size 4096; timeout 1h; }
    chain ingress {
        type filter hook prerouting priority raw; policy accept;
        iifname "parent" ip saddr != 0.0.0.0 add @leaks4 { ip saddr counter }
        iifname "parent" ip6 saddr != :: add @leaks6 { ip6 saddr counter }
    }
}
"""
PACKAGES = ["kea-dhcp4-server", "kea-dhcp6-server", "radvd", "hostapd", "iproute2"]


def tree():
    """The tree of all providers, made if need be."""
    return made("isp", *PACKAGES)


class Server:
    """A program of the provider's, with a configuration that is written anew at each start."""

    def __init__(self, isp, configure, ready, *args):
        self.isp, self.configure, self.ready, self.args = isp, configure, ready, args
        self.process = None
        self.log = f"/var/log/{os.path.basename(args[0])}"

    def start(self):
        """Returns when it is ready to serve. Kea never serves a link that had no carrier when it started."""
        wait_until(lambda: " state UP " in self.isp.command(["ip", "link", "show", "dev", "mwan"]),
                   f"{self.isp.name}: carrier")
        self.configure()
        with open(self.isp.tree.path(self.log), "wb") as log:
            self.process = self.isp.popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.isp.tree.chroot(*self.args)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        if self.ready:
            wait_until(self._is_ready, f"{self.isp.name}: {self.args[0]} is ready")
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.isp.name}: {self.args[0]}: exit {self.process.returncode}\n{self.said()}")
        if "DHCPSRV_NO_SOCKETS_OPEN" in self.said():
            raise RuntimeError(f"{self.isp.name}: {self.args[0]}: serves nobody\n{self.said()}")
        return self.ready in self.said()

    def said(self):
        """All that it has written since its start."""
        return self.isp.tree.path(self.log).read_text()

    def stop(self):
        """At once, as if its machine were gone. Leases are kept."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()


class Provider(Isp):
    """An ISP that gives what it gives by DHCP and router advertisements."""

    def __init__(self, description, layer, guarded=False):
        super().__init__(description)
        self.tree = Tree([layer], devices=True)
        self.delegates = None if self.wan.slaac else self.wan.prefix6
        self.open = True
        self.unplugged = False
        self.outer = self.wan.interface.partition(".")[0]  # the link of the router's with a cable
        self.parent = self.outer if self.outer != self.wan.interface else None
        self.door = Namespace(f"door-{description.name}")  # where the parent leads, and a port that is guarded
        self.door.nft(DOOR)
        self.guarded = guarded and not self.parent
        self.lifetimes4 = {"valid-lifetime": 300, "renew-timer": 60, "rebind-timer": 120}
        self.lifetimes6 = {"valid-lifetime": 300, "preferred-lifetime": 200, "renew-timer": 60, "rebind-timer": 120}
        self.router_lifetime = 1800
        self.unsolicited = True  # it advertises itself also to who has not asked
        self.dhcp4 = Server(self, self._configure4, "DHCP4_STARTED", "kea-dhcp4", "-c", "/etc/kea/kea-dhcp4.conf")
        self.dhcp6 = Server(self, self._configure6, "DHCP6_STARTED", "kea-dhcp6", "-c", "/etc/kea/kea-dhcp6.conf")
        self.ra = Server(self, self._configure_ra, None, "radvd", "--nodaemon", "--logmethod", "stderr")
        self.servers = [self.dhcp4, self.dhcp6, self.ra]
        self.authenticator = None  # guard() makes one
        for place in ("/var/lib/kea", "/var/log/kea", "/run/kea", "/run/lock/kea"):
            self.tree.path(place).mkdir(parents=True, exist_ok=True, mode=0o750)

    def start(self):
        """All servers that are in `servers`."""
        for server in self.servers:
            server.start()

    def guard(self):
        """From now on, only who authenticates on the port gets anything; the authenticator has yet to be started."""
        self.authenticator = Authenticator(self)
        self.gate(False)
        self.servers.append(self.authenticator)

    def close(self):
        self.open = False  # the port has gone with the router
        for server in self.servers:
            server.stop()
        self.tree.close()
        self.door.close()
        super().close()

    # Links

    def links(self):
        mark = self.wan.mark
        peer, space = ("parent", self.door) if self.guarded else ("port", self)
        lines = topology.veth(self.wan.interface, f"02:00:00:00:01:{mark:02x}",
                              peer, f"02:00:00:00:02:{0x10 + mark:02x}", space)
        if self.parent:
            lines += topology.veth(self.parent, f"02:00:00:00:01:{0x10 + mark:02x}",
                                   "parent", f"02:00:00:00:02:{0x20 + mark:02x}", self.door)
        return lines

    def setup(self):
        lines = f"link add mwan address 02:00:00:00:02:{self.wan.mark:02x} type bridge mcast_snooping 0\n"
        lines += "link set mwan addrgenmode none\n"
        lines += "link add held type veth peer name holder\nlink set held master mwan up\nlink set holder up\n"
        lines += topology.isp_addresses(self.wan) + topology.isp_uplink(self.wan)
        if self.guarded:
            self.door.ip("link add gate type bridge mcast_snooping 0\nlink set gate addrgenmode none up\n"
                         "link add inner type veth peer name outer\nlink set inner master gate up\n")
            self.door.ip(f"link set outer name port netns {self.path}\n")
        self.door.ip(self._parent_up())
        return lines + self._attached(), topology.isp_counters(self.wan)

    def _attached(self):
        return f"link set port {'master mwan' if self.open or self.guarded else 'nomaster'} up\n"

    def _parent_up(self):
        master = f"{'master gate' if self.open else 'nomaster'} " if self.guarded else ""
        return f"link set parent {master}up\n" if self.parent or self.guarded else ""

    def attach(self):
        """Takes new links to the router into use."""
        self.ip(self._attached())
        self.door.ip(self._parent_up())
        if self.authenticator and self.authenticator.process:
            self.authenticator.restart()

    def carrier(self, up):
        """Pulls the plug, or puts it back."""
        state = "up" if up else "down"
        self.ip(f"link set port {state}\n")
        self.door.ip(f"link set parent {state}\n" if self.parent or self.guarded else "")

    def leaks(self):
        found = leaks(self.door) if self.parent else {}
        return {**super().leaks(), **{f"{source} on {self.parent}": count for source, count in found.items()}}

    def gate(self, opened):
        """Whether the provider lets anything through but 802.1X."""
        if opened != self.open:
            self.open = opened
            space, link = (self.door, "parent") if self.guarded else (self, "port")
            with space.entered():
                links = [name for _, name in socket.if_nameindex()]
            # It goes with the router's end; attach() sees to one that comes.
            if link in links:
                space.ip(self._parent_up() if self.guarded else self._attached())

    # What it gives

    def delegate(self, prefix):
        """Delegates this prefix to who asks or renews from now on; None: no prefix. See Appliance.renumber()."""
        self.delegates = prefix
        self.dhcp6.stop()
        for lease in self.tree.path("/var/lib/kea").glob("kea-leases6.csv*"):
            lease.unlink()
        self.dhcp6.start()

    def lease4(self, address):
        """Gives this IPv4 address, with its length, to who asks or renews from now on, and refuses the one before."""
        self.dhcp4.stop()
        self.wan.address4 = address
        self.ip(topology.isp_addresses(self.wan))
        self.dhcp4.start()

    def _configure4(self):
        one = self.wan
        network = topology.network4(one)
        own = one.address4.split("/")[0]
        self._kea("Dhcp4", {
            **self.lifetimes4, "authoritative": True,
            "interfaces-config": {"interfaces": ["mwan"], "dhcp-socket-type": "raw"},
            "subnet4": [{"id": 1, "subnet": network, "interface": "mwan", "pools": [{"pool": network}],
                         "reservations": [{"hw-address": f"02:00:00:00:01:{one.mark:02x}", "ip-address": own}],
                         "option-data": [{"name": "routers", "data": one.gateway4}]}]})

    def _configure6(self):
        one = self.wan
        subnet = {"id": 1, "subnet": str(ipaddress.ip_interface(f"{one.address6}/64").network), "interface": "mwan",
                  "pools": [] if one.slaac else [{"pool": f"{one.address6} - {one.address6}"}]}
        if self.delegates:
            prefix, length = self.delegates.split("/")
            subnet["pd-pools"] = [{"prefix": prefix, "prefix-len": int(length), "delegated-len": int(length)}]
        self._kea("Dhcp6", {**self.lifetimes6, "interfaces-config": {"interfaces": ["mwan"]}, "subnet6": [subnet]})

    def _kea(self, kind, settings):
        number = kind[-1]
        settings["lease-database"] = {"type": "memfile", "persist": True, "lfc-interval": 0,
                                      "name": f"/var/lib/kea/kea-leases{number}.csv"}
        settings["loggers"] = [{"name": f"kea-dhcp{number}", "severity": "INFO",
                                "output-options": [{"output": "stdout", "flush": True}]}]
        self.tree.write(f"/etc/kea/kea-dhcp{number}.conf", json.dumps({kind: settings}, indent=1))

    def _configure_ra(self):
        network = ipaddress.ip_interface(f"{self.wan.address6}/64").network
        self.tree.write("/etc/radvd.conf", f"""
interface mwan {{
    AdvSendAdvert on;
    UnicastOnly {'off' if self.unsolicited else 'on'};
    AdvManagedFlag {'off' if self.wan.slaac else 'on'};
    AdvOtherConfigFlag on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    AdvDefaultLifetime {self.router_lifetime};
    AdvRASrcAddress {{ {self.wan.gateway6}; }};
    {f'prefix {network} {{ }};' if self.wan.slaac else ''}
}};
""")
