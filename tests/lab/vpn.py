# SPDX-License-Identifier: GPL-2.0-or-later
"""
A VPN that ends on the router: a veth called wg0, and a peer behind it with a network of each family. Its peer is every
address of them but the router's. And what shows that nothing for it leaves a WAN.
"""

import json

import topology
from netns import Namespace
from servers import Servers
from traffic import PORT, wait_until

INTERFACE = "wg0"
NETWORK = {4: "10.89.0.0/16", 6: "fd00:89::/48"}
ROUTER = {4: "10.89.0.1", 6: "fd00:89::1"}
PEER = {4: "10.89.0.2", 6: "fd00:89::2"}
FAR = {4: "10.89.7.7", 6: "fd00:89:0:7::7"}  # not in the subnet of wg0's own address
DIRECT = {"vpn": {"interface": INTERFACE, "networks": f"{NETWORK[4]}, {NETWORK[6]}"}}


def count(isp, networks):
    """Counts what arrives at a provider for the networks {family: network}, before anything else sees it, and ARP."""
    isp.nft(f"""
table inet vpn
delete table inet vpn
table inet vpn {{
    counter seen {{ }}
    chain ingress {{
        type filter hook prerouting priority raw - 1; policy accept;
        iifname "mwan" ip daddr {networks[4]} counter name seen
        iifname "mwan" ip6 daddr {networks[6]} counter name seen
    }}
}}
table arp vpn
delete table arp vpn
table arp vpn {{
    counter seen {{ }}
    chain input {{
        type filter hook input priority filter; policy accept;
        arp operation request arp daddr ip {networks[4]} counter name seen
    }}
}}
""")


def counted(isp):
    """How many packets and ARP requests these were since count()."""
    return sum(item["counter"]["packets"] for table in ("inet", "arp")
               for item in json.loads(isp.command(["nft", "-j", "list", "counters", "table", table, "vpn"]))["nftables"][1:])


class Vpn(Namespace):
    """The peer, with its servers. connect() makes the interface, as a VPN's program does."""

    def __init__(self, lab):
        super().__init__("vpn")
        self.lab = lab
        self.sysctls({"net/ipv6/conf/all/accept_dad": 0, "net/ipv6/conf/default/accept_dad": 0})
        for isp in lab.isps:
            count(isp, NETWORK)
        self.servers = Servers()
        self.servers.add(self, PORT)
        self.servers.start()
        self.connect()

    def connect(self):
        """The interface is there and up, with an address of each family, and the subnets of those."""
        self.lab.router.ip(topology.veth(INTERFACE, "02:00:00:00:0f:01", "tunnel", "02:00:00:00:0f:02", self)
                           + f"link set {INTERFACE} up\naddr add {ROUTER[4]}/24 dev {INTERFACE}\n"
                           f"addr add {ROUTER[6]}/64 dev {INTERFACE} nodad\n")
        self.ip("link set lo up\nlink set tunnel up\n" + "".join(
            f"addr add {PEER[family]}/{24 if family == 4 else 64} dev tunnel\n"
            f"addr add {FAR[family]}/{32 if family == 4 else 128} dev tunnel\n"
            f"route replace default via {ROUTER[family]}\n" for family in (4, 6)))
        wait_until(lambda: "NO-CARRIER" not in self.lab.router.command(["ip", "link", "show", INTERFACE]), "carrier")

    def disconnect(self):
        self.lab.router.ip(f"link del {INTERFACE}\n")

    def seen_by_providers(self):
        """How many packets, and ARP requests, for its networks have come to a provider."""
        return sum(map(counted, self.lab.isps))

    def close(self):
        if self.servers:
            self.servers.close()
            self.servers = None
        super().close()
