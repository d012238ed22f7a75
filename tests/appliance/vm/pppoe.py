# SPDX-License-Identifier: GPL-2.0-or-later
"""
A DSL line for the emulated machine: pppd with the files of conf/examples/pppoe-lte as they are, and at the other end of
the card endsl0, in a network namespace of the machine's own, a provider with pppoe-server, radvd and dhcp6s. Its way to
the internet is a further card.

    equip(router), uplink(lab)      before the machine boots
    line = Line(lab)                the provider is there; lab.wan("dsl"), lab.isp("dsl")
    line.call(), line.hang_up()     `pon dsl`, `poff dsl`
    line.wait()                     until there is a new ppp0 with an address; line.index, line.address()
    line.isp.hang_up()              the provider ends the call; the next one gets another address
    line.isp.off(), line.isp.on()   nobody answers; somebody does
    line.asked()                    who has waited for a driver for ppp0
"""

import json
import time

import examples
import topology
import wans
from lab import Isp
from traffic import PATIENCE, wait_until
from trunk import tap

SITE, SPACE, CARD, UPLINK = "pppoe-lte", "dsl", "endsl0", "enuplink0"
POOLS = [f"198.51.100.{number}" for number in range(10, 250, 10)]  # where the addresses of calls begin
MAC, USER, PASSWORD = "02:00:00:00:01:f0", "name@provider.example", "pass word"
PPP = f"/etc/netns/{SPACE}/ppp"  # the provider's /etc/ppp
PAUSE = 0.3  # seconds between two questions to a machine that does little else while it answers
ASKED, WATCH = "/run/modprobe-asked", "/usr/local/sbin/modprobe-watched"

# pppd's options at the provider. It calls its end of the line `mwan`, as all providers of the lab do.
SERVER = """
name provider
require-chap
ifname mwan
mtu 1492
mru 1492
ipv6 ::1,
"""
# Before the line carries anything: another source address than the one given is a leak.
PRE_UP = """#!/bin/sh
exec nft "flush set inet lab own4; add element inet lab own4 { 0.0.0.0, $5 }"
"""
# IPv6CP has given both ends their link-local addresses. dhcp6s serves the link that it has been started on.
UP6 = """#!/bin/sh
for own in {prefix} {address}; do
    ip -6 route replace $own dev mwan
done
for program in radvd dhcp6s; do
    [ ! -e /run/provider-$program ] || kill $(cat /run/provider-$program)
done
radvd --config /etc/ppp/radvd.conf --pidfile /run/provider-radvd --logmethod none
exec dhcp6s -c /etc/ppp/dhcp6s.conf -P /run/provider-dhcp6s mwan
"""
RADVD = """
interface mwan {
    AdvSendAdvert on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    AdvManagedFlag on;
};
"""
DHCP6S = """
host router {{
    duid {duid};
    address {address} infinity;
    prefix {prefix} infinity;
}};
"""
# In modprobe's place: who waits for it. A program that asks for an interface which is not there has to wait.
WATCHED = f"""#!/bin/sh
for name in "$@"; do
    [ "${{name#*ppp0}}" = "$name" ] || for stack in $(grep -l __request_module /proc/[0-9]*/stack); do
        cat "${{stack%stack}}comm" >>{ASKED}
    done
done
exec /sbin/modprobe "$@"
"""


def description():
    """Its addresses are of a network that the internet knows the way to."""
    return wans.dsl(address4=f"{POOLS[0]}/24", prefix_key="auto", keys={"down_flows": "flush"})


def equip(router):
    """The files, before the machine boots: the example's, and the provider's."""
    one = description()
    for name, path in (("peers-dsl", "ppp/peers/dsl"), ("endsl0.network", "systemd/network/endsl0.network"),
                       ("ppp0.network", "systemd/network/ppp0.network")):
        router.write(f"/etc/{path}", examples.text_of(SITE, name))
    router.write("/etc/ppp/chap-secrets", f'"{USER}" * "{PASSWORD}"\n', 0o600)
    router.write(f"/etc/systemd/network/10-{UPLINK}.link", f"[Match]\nMACAddress={MAC}\n\n[Link]\nName={UPLINK}\n")
    for name, text in (("chap-secrets", f'"{USER}" * "{PASSWORD}" *\n'), ("pppoe-server-options", SERVER), ("radvd.conf", RADVD)):
        router.write(f"{PPP}/{name}", text, 0o600)
    router.write(f"{PPP}/ip-pre-up", PRE_UP, 0o755)
    router.write(f"{PPP}/ipv6-up", UP6.format(prefix=one.prefix6, address=one.address6), 0o755)
    router.write(WATCH, WATCHED, 0o755)


def uplink(lab):
    """What Vm.cards wants: the provider's card, which ends where the lab has the internet."""
    return MAC, "tap", tap(lab.internet, f"i{description().mark}", "02:00:00:00:02:f0")


class Concentrator(Isp):
    """The provider: a network namespace in the machine."""

    def __init__(self, one, router):
        self.name, self.wan, self.fd = f"isp-{one.name}", one, -1
        self.router, self._pools = router, iter(POOLS)

    def command(self, args, text=None):
        return self.router.command(["ip", "netns", "exec", SPACE, *args], text)

    def set_up(self, duid):
        """Its links, its counters, and what it delegates to whom; it does not answer yet."""
        self.router.ip(f"netns add {SPACE}\nlink set {UPLINK} netns {SPACE} name uplink\n"
                       f"link add {CARD} type veth peer name line netns {SPACE}\n")
        self.command(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                      "net.ipv6.conf.default.accept_dad=0"])
        self.ip("link set lo up\nlink set line up\n" + topology.isp_uplink(self.wan))
        self.nft(topology.isp_counters(self.wan))
        self.router.write(f"{PPP}/dhcp6s.conf", DHCP6S.format(
            duid=duid, prefix=self.wan.prefix6, address=self.wan.address6))

    def on(self):
        """Each call gets an address that none before had."""
        self.router.run("systemd-run", "--quiet", "--collect", "--unit=provider", "ip", "netns", "exec", SPACE, "pppoe-server",
                        "-F", "-k", "-g", "pppoe.so", "-I", "line", "-L", self.wan.gateway4, "-R", next(self._pools), "-N", 9)

    def off(self):
        """It ends the call, and is gone."""
        self.router.run("systemctl", "stop", "provider")

    def hang_up(self):
        """It ends the call."""
        self.router.run("pkill", "-TERM", "-f", "pppd .*pppoe-server-options")


class Line:
    """The line of a machine that runs, until close()."""

    def __init__(self, lab):
        self.lab, self.router, self.wan = lab, lab.router, description()
        self.isp = Concentrator(self.wan, self.router)
        self.index = None
        self.isp.set_up(self._duid())
        lab.internet.ip(topology.internet_way(self.wan))
        self.router.run("sysctl", "-qw", f"kernel.modprobe={WATCH}")
        self.isp.on()
        wait_until(lambda: "LOWER_UP" in self._link(CARD)["flags"], f"networkd switches {CARD} on")
        lab.wans.append(self.wan)
        lab.isps.append(self.isp)

    def _duid(self):
        """By what networkd is known to all providers."""
        status = json.loads(self.router.run("networkctl", "--json=short", "status", "enwebpass0").out)
        return ":".join(f"{byte:02x}" for byte in status["DHCPv6Client"]["DUID"])

    def call(self):
        self.router.run("pon", "dsl")

    def hang_up(self):
        """Until the link has gone."""
        self.router.run("poff", "dsl", check=False)
        wait_until(lambda: not self._link(), "ppp0 has gone")

    def _link(self, name="ppp0"):
        """What `ip` says of it. It isn't asked by name: that would have the kernel look for a driver."""
        links = json.loads(self.router.command(["ip", "-j", "addr"]))
        return next((link for link in links if link.get("ifname") == name), None)

    def address(self):
        """The WAN's own, as of the last wait()."""
        return self.wan.address4.split("/")[0]

    def wait(self):
        """Until there is another ppp0 than before, with an address, which is the WAN's from now on."""
        return wait_until(self._connected, "pppd has a connection", PATIENCE)

    def _connected(self):
        time.sleep(PAUSE)
        link = self._link()
        own = [found["local"] for found in link["addr_info"] if found["family"] == "inet"] if link else []
        if not own or link["ifindex"] == self.index:
            return None
        self.index = link["ifindex"]
        self.wan.address4 = f"{own[0]}/24"
        return link

    def asked(self):
        """The programs that have waited for a driver for ppp0."""
        return set(self.router.run("cat", ASKED, check=False).out.splitlines())

    def close(self):
        self.isp.off()
        self.router.run("ip", "netns", "del", SPACE)
        self.lab.wans.remove(self.wan)
        self.lab.isps.remove(self.isp)
