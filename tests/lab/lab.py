# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lab: a router with any number of WANs, between an OPNsense stand-in with
two LANs and an internet with servers.

    client ─┐                             ┌─ isp-att ─────┐
            ├─ opnsense ─── router ───────┤               ├─ internet
    client2 ┘              (MWAN) ── admin└─ isp-webpass ─┘

    with Lab() as lab:
        lab.up()
        with UdpFlow(lab.client, "1.1.1.1") as flow:
            print(lab.wan_of(flow.ask().source).name)
"""

import os
import subprocess
from collections import Counter

import networkd
import ptp
import topology
import wans as wan
from daemon import Daemon
from names import RESOLVER, Names
from netns import Namespace
from router import Router
from servers import Servers
from topology import (CLIENT2_4, CLIENT2_6, CLIENT4, CLIENT6, FORWARDED, MANY6, OPNSENSE_LL, ROUTER_LL, SERVERS4,
                      SERVERS6, SPREAD4, SPREAD6, STRANGER4, STRANGER6)
from traffic import PORT, answers, close_all, raise_file_limit, udp_flows, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
NO_DAD = {"net/ipv6/conf/all/accept_dad": 0, "net/ipv6/conf/default/accept_dad": 0}
PIPES = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def default_destdir():
    return os.environ.get("MWAN_DESTDIR") or os.path.join(REPO, "build", "destdir")


def default_standin(destdir):
    """Where meson builds the stand-in for systemd-networkd."""
    build = os.path.dirname(os.path.abspath(destdir))
    return os.environ.get("MWAN_NETWORKD_STANDIN") or os.path.join(build, "tests", "lab", "networkd-standin")


def leaks(namespace):
    """{source: packets} that a namespace's counters have seen."""
    found = Counter()
    for family in ("4", "6"):
        for item in networkd.elements(namespace.command(["nft", "-j", "list", "set", "inet", "lab", f"leaks{family}"])):
            found[item["elem"]["val"]] += item["elem"]["counter"]["packets"]
    return dict(found)


class Isp(Namespace):
    """A provider: routes a WAN's addresses to the router, and counts what must not come from there."""

    def __init__(self, description):
        super().__init__(f"isp-{description.name}")
        self.wan = description

    def links(self):
        """The lines for `ip` in the router's namespace that make the links to this provider."""
        mark = self.wan.mark
        return topology.veth(self.wan.interface, f"02:00:00:00:01:{mark:02x}",
                             "mwan", f"02:00:00:00:02:{mark:02x}", self)

    def setup(self):
        """What it is given when the links are there: lines for `ip`, and a ruleset."""
        return (topology.isp_addresses(self.wan) + topology.isp_uplink(self.wan), topology.isp_counters(self.wan))

    def leaks(self):
        """Source addresses that are not this WAN's, with packet counts; empty is right."""
        return leaks(self)

    def accept_only(self, prefixes):
        """Which IPv6 prefixes are this WAN's; anything else from the router is a leak."""
        self.nft("flush chain inet lab own6\n" + "".join(
            f"add rule inet lab own6 ip6 saddr {prefix} accept\n"
            for prefix in ("::", "fe80::/10", self.wan.address6, *prefixes)))

    def uplink(self, up):
        """Cuts or mends the provider's way to the internet: a soft failure."""
        self.ip(topology.isp_uplink(self.wan) if up else "link set uplink down\n")

    def fault(self, *rules):
        """What the provider does to what it forwards: rules of faults.py in the place of those before; none: mended."""
        self.nft("table inet fault\ndelete table inet fault\n" + "\n".join(
            ["table inet fault {", "chain forward {", "type filter hook forward priority filter;", *rules, "}", "}"]))

    def count_echo(self):
        """Counts the echo requests that come from the router, from now on."""
        self.nft(topology.ISP_ECHO)

    def echo(self):
        """{(source, target): requests} since count_echo()."""
        found = Counter()
        for family in ("4", "6"):
            for item in networkd.elements(self.command(["nft", "-j", "list", "set", "inet", "echo", f"seen{family}"])):
                found[tuple(item["elem"]["val"]["concat"])] += item["elem"]["counter"]["packets"]
        return dict(found)


class PtpIsp(Isp):
    """A provider at the other end of a point-to-point link."""

    def __init__(self, description, router):
        super().__init__(description)
        self._router, self._line = router, None

    def links(self):
        """Makes the link, in the place of the one before."""
        self.hang_up()
        self._line = ptp.Line((self._router, self.wan.interface), (self, "mwan"))
        self.sysctl("net/ipv6/conf/mwan/addr_gen_mode", 1)
        self._router.sysctl(f"net/ipv6/conf/{self.wan.interface}/addr_gen_mode", 1)
        return f"link property add dev {self.wan.interface} altname {self.wan.altname}\n" if self.wan.altname else ""

    def hang_up(self):
        """The line is gone, and so is the link at either end."""
        if self._line:
            self._line.hang_up()

    def give_address(self, address4):
        """The address that the next call gets; another one is a leak. Returns the way there from the internet."""
        self.wan.address4 = address4
        own = ", ".join(self.wan.sources4())
        self.nft(f"flush set inet lab own4\nadd element inet lab own4 {{ 0.0.0.0, {own} }}\n")
        return f"route replace {topology.network4(self.wan)} via 100.64.{self.wan.mark}.1\n"

    def close(self):
        self.hang_up()
        super().close()


class Lab:
    """
    Everything is up when the constructor returns, as networkd would leave it:
    addresses, the kernel's own default routes, the base ruleset, mwan.conf.
    mwan's programs have not run; up() does that.
    """

    def __init__(self, wans=None, destdir=None, **config):
        raise_file_limit()
        self.wans = wan.original() if wans is None else wans
        self.destdir = destdir or default_destdir()
        self._spaces = []
        self.servers = Servers()
        self.bus = self.names = None
        self._daemons = []
        try:
            self._build()
            self._name()
            self.configure(**config)
            self._begin()
            self.servers.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.end_daemons()
        finally:
            if self.bus:
                self.bus.close()
            if self.names:
                self.names.close()
            self.servers.close()
            for space in self._spaces:
                space.close()

    def configure(self, **config):
        """Writes mwan.conf; the arguments are those of wans.config()."""
        self.router.configure(wan.config(self.wans, **config))

    def up(self):
        """Runs mwan's programs, as at boot."""
        self.router.update()
        return self

    def daemon(self, *args, ready=True, **kwargs):
        """Starts health-check; `ready`: and waits until it has brought the kernel up. It ends with the lab."""
        self._daemons.append(Daemon(self.router, *args, **kwargs))
        return self._daemons[-1].wait_ready() if ready else self._daemons[-1]

    def forget_daemon(self, daemon):
        """One that has ended, in whatever way: its exit status was somebody's business."""
        self._daemons.remove(daemon)
        daemon.release()

    def end_daemons(self):
        """Ends every health-check that was started here."""
        while self._daemons:
            self._daemons.pop().close()

    # Questions

    def isp(self, name):
        return next(isp for isp in self.isps if isp.wan.name == name)

    def wan(self, name):
        return next(one for one in self.wans if one.name == name)

    def wan_of(self, source):
        """The Wan that a source address belongs to, or None."""
        return next((one for one in self.wans if one.owns(source)), None)

    def shares(self, seen):
        """Counts Answers by WAN: {name: count}; None counts under "lost", a foreign source under it."""
        return Counter("lost" if one is None else getattr(self.wan_of(one.source), "name", one.source) for one in seen)

    def carries(self):
        """Both families work, on all WANs."""
        for servers in (SERVERS4, SERVERS6):
            flows = udp_flows(self.client, 60, servers)
            seen = self.shares(answers(flows))
            close_all(flows)
            assert set(seen) == {one.name for one in self.wans}

    def leaks(self):
        """{WAN: {source: packets}} of what left with a source that is not that WAN's; empty is right."""
        return {isp.wan.name: leaks for isp in self.isps if (leaks := isp.leaks())}

    # Events

    def cut(self, name):
        """A hard failure: the link to the provider goes down."""
        self.isp(name).ip("link set mwan down\n")
        self._wait_carrier(name, False)

    def lose_lease(self, name):
        """What networkd does after carrier loss: its addresses go, and the routes over them."""
        one = self.wan(name)
        self.router.ip(f"addr del {one.address4} dev {one.interface}\n", family=4)
        self.router.ip(f"addr del {one.address6}/128 dev {one.interface}\n"
                       f"route del default dev {one.interface} metric {one.metric}\n", family=6)

    def mend(self, name):
        """The link is back, and networkd has done its work again."""
        isp = self.isp(name)
        isp.ip(topology.isp_addresses(isp.wan))
        self.router.ip(topology.router_wan(isp.wan, replace=True))
        self._wait_carrier(name, True)

    def _wait_carrier(self, name, up):
        """Until the router's kernel says so; it takes a moment, or more."""
        interface = self.wan(name).interface
        wait_until(lambda: ("NO-CARRIER" not in self.router.command(["ip", "link", "show", interface])) == up, "carrier")

    def unplug(self, name):
        """The WAN's interface is gone, as a card or a VLAN that is taken away."""
        self.router.ip(f"link del {self.wan(name).interface}\n")

    def plug(self, name):
        """The WAN's interface is there, and networkd has done its work."""
        self.router.ip(self.isp(name).links())
        self.mend(name)

    def hang_up(self, name):
        """A point-to-point WAN's link is gone."""
        self.isp(name).hang_up()

    def dial(self, name, address4, interface=None):
        """It is there again: another link, with another address, maybe called otherwise."""
        isp = self.isp(name)
        isp.wan.interface = interface or isp.wan.interface
        self.internet.ip(isp.give_address(address4))
        self.plug(name)

    def rename(self, name, interface):
        """The WAN's interface is called otherwise, as by a .link file; mwan.conf is as it was."""
        one = self.wan(name)
        self.router.ip(f"link set {one.interface} down\nlink set {one.interface} name {interface}\n")
        one.interface = interface
        self.router.ip(topology.router_wan(one, replace=True))

    def replace_opnsense(self, mac, linklocal):
        """Another OPNsense takes over: new MAC, new link-local, same addresses."""
        self.opnsense.ip(f"link set wan0 down\nlink set wan0 address {mac}\nlink set wan0 up\n"
                         + topology.opnsense_wan())
        wait_until(lambda: linklocal in self.opnsense.command(["ip", "-6", "addr", "show", "dev", "wan0"]))

    def networkd(self):
        """A bus with networkd's stand-in on it, started when first asked for."""
        if self.bus is None:
            self.bus = networkd.Networkd(self.router, default_standin(self.destdir))
        return self.bus

    def give_prefix(self, name, prefix):
        """The provider delegates another prefix; the one before still works."""
        isp = self.isp(name)
        isp.accept_only([isp.wan.prefix6, prefix])
        isp.ip(f"route replace {prefix} via {topology.router_linklocal(isp.wan)} dev mwan\n", 6)
        self.internet.ip(f"route replace {prefix} via fe80::a dev i{isp.wan.mark}\n", 6)

    def take_prefix(self, name, prefix):
        """The provider takes the old prefix away; `prefix` is the WAN's from now on."""
        isp = self.isp(name)
        isp.accept_only([prefix])
        isp.ip(f"route del {isp.wan.prefix6} dev mwan\n", 6)
        self.internet.ip(f"route del {isp.wan.prefix6} dev i{isp.wan.mark}\n", 6)
        isp.wan.prefix6 = prefix

    # Construction. Another kind of router or provider is made by who derives from this.

    def _make_router(self):
        router = Router(self.destdir)
        router.sysctls(NO_DAD)
        return router

    def _make_isp(self, description):
        return PtpIsp(description, self.router) if description.ptp else Isp(description)

    def _router_setup(self):
        """What stands in for networkd: [(namespace, lines for `ip`, ruleset)]."""
        topology.apply_sysctls(self.router)
        return [(self.router, topology.router(self.wans), None)]

    def _begin(self):
        """What is done when all is in place, before the first test."""
        self.router.load_base()

    def _space(self, name):
        space = Namespace(name)
        self._spaces.append(space)
        return space

    def _build(self):
        self.router = self._make_router()
        self._spaces.append(self.router)
        self.client, self.client2 = self._space("client"), self._space("client2")
        self.opnsense, self.admin = self._space("opnsense"), self._space("admin")
        self.internet = self._space("internet")
        self.isps = []
        for one in self.wans:
            self.isps.append(self._make_isp(one))
            self._spaces.append(self.isps[-1])
        for space in self._spaces[1:]:  # the router's own business
            space.sysctls(NO_DAD)
        for space in [self.opnsense, self.internet, *self.isps]:
            space.sysctls({"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1})
        for space in (self.client, self.internet):  # they answer for addresses that are on no interface
            space.sysctls({"net/ipv6/ip_nonlocal_bind": 1})
        self.router.ip(self._links())
        self._configure_all()
        for namespace, port in ((self.internet, PORT), (self.opnsense, PORT), (self.client, PORT),
                                (self.client, FORWARDED)):
            self.servers.add(namespace, port)

    def _name(self):
        """The router looks names up on the internet, and not where the test machine does."""
        self.names = Names(self.internet, RESOLVER)
        self.router.path("/etc/resolv.conf").unlink(missing_ok=True)  # a link to the host's
        self.router.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")

    def _links(self):
        """All veth pairs, made in one go."""
        lines = [topology.veth(wan.LAN, "02:00:00:00:0a:01", "wan0", "02:00:00:00:0b:01", self.opnsense),
                 topology.veth(wan.MANAGEMENT, "02:00:00:00:0c:01", "eth0", "02:00:00:00:0c:02", self.admin)]
        return "".join(lines + [isp.links() for isp in self.isps])

    def _configure_all(self):
        """Addresses, routes and rules everywhere: one `ip` and at most one `nft` for each namespace, all at once."""
        self.opnsense.ip(topology.veth("lan1", "02:00:00:00:0d:01", "eth0", "02:00:00:00:0d:02", self.client)
                         + topology.veth("lan2", "02:00:00:00:0e:01", "eth0", "02:00:00:00:0e:02", self.client2))
        self.internet.ip("".join(topology.veth(f"i{isp.wan.mark}", "02:00:00:00:03:01",
                                               "uplink", "02:00:00:00:03:02", isp) for isp in self.isps))
        texts = [*self._router_setup(), (self.admin, topology.ADMIN, None),
                 (self.client, topology.CLIENT, None), (self.client2, topology.CLIENT2, None),
                 (self.internet, topology.internet(self.wans), None),
                 (self.opnsense, topology.opnsense_wan() + topology.OPNSENSE, topology.OPNSENSE_NAT)]
        texts += [(isp, *isp.setup()) for isp in self.isps]
        running = []
        for space, ip, nft in texts:
            running.append((space, ip, space.popen(["ip", "-batch", "-"], **PIPES)))
            if nft:
                running.append((space, nft, space.popen(["nft", "-f", "-"], **PIPES)))
        for _, text, process in running:
            process.stdin.write(text)
            process.stdin.close()
        for space, text, process in running:
            error = process.stderr.read()
            process.stderr.close()
            if process.wait() != 0:
                raise RuntimeError(f"{space.name}: {error}\n{text}")
        wait_until(lambda: "NO-CARRIER" not in self.router.command(["ip", "link", "show", "up"]), "carriers")


def made_by(usual):
    """For a fixture: yields a function that makes labs, and takes them down in the end. I1 holds in every one."""
    labs = []

    def make(descriptions=None, kind=usual, **config):
        labs.append(kind(descriptions, **config))
        return labs[-1]

    yield make
    leaked = [one.leaks() for one in labs]
    for one in labs:
        one.close()
    assert not any(leaked), f"packets left a WAN with a source that is not its own: {leaked}"
