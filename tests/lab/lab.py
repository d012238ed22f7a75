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

import glob
import os
import subprocess
from collections import Counter

import networkd
import wans as wan
from netns import Namespace
from router import Router
from servers import Servers
from traffic import PORT, raise_file_limit, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))

CLIENT4, CLIENT6 = "10.250.1.45", "3d06:bad:b01:1::100"
CLIENT2_4, CLIENT2_6 = "10.250.2.50", "3d06:bad:b01:2::50"
MANY6 = "3d06:bad:b01:1:a::"  # a /80: every address of it is the client's
SERVERS4, SERVERS6 = ["1.1.1.1", "8.8.8.8"], ["2606:4700:4700::1111", "2001:4860:4860::8888"]
SPREAD4, SPREAD6 = "203.0.113.", "2001:db8:cafe::"  # a /24 and a /64: every address is a server
STRANGER4, STRANGER6 = "192.0.2.77", "2001:db8:bad::77"  # hosts that knock on our addresses
ROUTER_LL, OPNSENSE_LL = "fe80::ff:fe00:a01", "fe80::ff:fe00:b01"
FORWARDED = 8080  # OPNsense forwards this port of its own addresses to the client


def default_destdir():
    return os.environ.get("MWAN_DESTDIR") or os.path.join(REPO, "build", "destdir")


def default_standin(destdir):
    """Where meson builds the stand-in for systemd-networkd."""
    build = os.path.dirname(os.path.abspath(destdir))
    return os.environ.get("MWAN_NETWORKD_STANDIN") or os.path.join(build, "tests", "lab", "networkd-standin")


class Isp(Namespace):
    """A provider: routes a WAN's addresses to the router, and counts what must not come from there."""

    def __init__(self, description):
        super().__init__(f"isp-{description.name}")
        self.wan = description

    def leaks(self):
        """Source addresses that are not this WAN's, with packet counts; empty is right."""
        found = Counter()
        for family in ("4", "6"):
            for item in networkd.elements(self.command(["nft", "-j", "list", "set", "inet", "lab", f"leaks{family}"])):
                found[item["elem"]["val"]] += item["elem"]["counter"]["packets"]
        return dict(found)

    def accept_only(self, prefixes):
        """Which IPv6 prefixes are this WAN's; anything else from the router is a leak."""
        self.nft("flush chain inet lab own6\n" + "".join(
            f"add rule inet lab own6 ip6 saddr {prefix} accept\n"
            for prefix in ("::", "fe80::/10", self.wan.address6, *prefixes)))

    def uplink(self, up):
        """Cuts or mends the provider's way to the internet: a soft failure."""
        self.ip(f"link set uplink {'up' if up else 'down'}\n" + (UPLINK6 if up else ""))


UPLINK6 = "addr replace fe80::a/64 dev uplink nodad\nroute replace default via fe80::b dev uplink\n"


def router_linklocal(description):
    return f"fe80::ff:fe00:1{description.mark:02x}"


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
        self.bus = None
        try:
            self._build()
            self.configure(**config)
            self.router.load_base()
            self.servers.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.bus:
            self.bus.close()
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

    def leaks(self):
        """{WAN: {source: packets}} of what left with a source that is not that WAN's; empty is right."""
        return {isp.wan.name: leaks for isp in self.isps if (leaks := isp.leaks())}

    # Events

    def cut(self, name):
        """A hard failure: the link to the provider goes down."""
        self.isp(name).ip("link set mwan down\n")

    def lose_lease(self, name):
        """What networkd does after carrier loss: its addresses go, and the routes over them."""
        one = self.wan(name)
        self.router.ip(f"addr del {one.address4} dev {one.interface}\n", family=4)
        self.router.ip(f"addr del {one.address6}/128 dev {one.interface}\n"
                       f"route del default dev {one.interface} metric {one.metric}\n", family=6)

    def mend(self, name):
        """The link is back, and networkd has done its work again."""
        isp = self.isp(name)
        isp.ip(_isp_addresses(isp.wan))
        self.router.ip(_router_wan(isp.wan, replace=True))

    def replace_opnsense(self, mac, linklocal):
        """Another OPNsense takes over: new MAC, new link-local, same addresses."""
        self.opnsense.ip(f"link set wan0 down\nlink set wan0 address {mac}\nlink set wan0 up\n" + _opnsense_wan())
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
        isp.ip(f"route replace {prefix} via {router_linklocal(isp.wan)} dev mwan\n", 6)
        self.internet.ip(f"route replace {prefix} via fe80::a dev i{isp.wan.mark}\n", 6)

    def take_prefix(self, name, prefix):
        """The provider takes the old prefix away; `prefix` is the WAN's from now on."""
        isp = self.isp(name)
        isp.accept_only([prefix])
        isp.ip(f"route del {isp.wan.prefix6} dev mwan\n", 6)
        self.internet.ip(f"route del {isp.wan.prefix6} dev i{isp.wan.mark}\n", 6)
        isp.wan.prefix6 = prefix

    # Construction

    def _space(self, name):
        space = Namespace(name)
        self._spaces.append(space)
        return space

    def _build(self):
        self.router = Router(self.destdir)
        self._spaces.append(self.router)
        self.client, self.client2 = self._space("client"), self._space("client2")
        self.opnsense, self.admin = self._space("opnsense"), self._space("admin")
        self.internet = self._space("internet")
        self.isps = [Isp(one) for one in self.wans]
        self._spaces += self.isps
        for space in self._spaces:
            space.sysctls({"net/ipv6/conf/all/accept_dad": 0, "net/ipv6/conf/default/accept_dad": 0})
        for space in [self.opnsense, self.internet, *self.isps]:
            space.sysctls({"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1})
        for space in (self.client, self.internet):  # they answer for addresses that are on no interface
            space.sysctls({"net/ipv6/ip_nonlocal_bind": 1})
        self.router.ip(self._links())
        apply_sysctls(self.router, sysctl_files(self.destdir))
        self._configure_all()
        for namespace, port in ((self.internet, PORT), (self.opnsense, PORT), (self.client, PORT),
                                (self.client, FORWARDED)):
            self.servers.add(namespace, port)

    def _links(self):
        """All veth pairs, made in one go."""
        lines = [_veth(wan.LAN, "02:00:00:00:0a:01", "wan0", "02:00:00:00:0b:01", self.opnsense),
                 _veth(wan.MANAGEMENT, "02:00:00:00:0c:01", "eth0", "02:00:00:00:0c:02", self.admin)]
        for isp in self.isps:
            mark = isp.wan.mark
            lines.append(_veth(isp.wan.interface, f"02:00:00:00:01:{mark:02x}", "mwan", f"02:00:00:00:02:{mark:02x}", isp))
        return "".join(lines)

    def _configure_all(self):
        """Addresses, routes and rules everywhere: one `ip` and at most one `nft` for each namespace, all at once."""
        self.opnsense.ip(_veth("lan1", "02:00:00:00:0d:01", "eth0", "02:00:00:00:0d:02", self.client)
                         + _veth("lan2", "02:00:00:00:0e:01", "eth0", "02:00:00:00:0e:02", self.client2))
        self.internet.ip("".join(_veth(f"i{isp.wan.mark}", "02:00:00:00:03:01", "uplink", "02:00:00:00:03:02", isp)
                                 for isp in self.isps))
        texts = [(self.router, self._router_addresses(), None), (self.admin, ADMIN, None),
                 (self.client, CLIENT, None), (self.client2, CLIENT2, None),
                 (self.opnsense, _opnsense_wan() + OPNSENSE, OPNSENSE_NAT), (self.internet, self._internet(), None)]
        texts += [(isp, _isp_addresses(isp.wan) + _isp_uplink(isp.wan), _isp_counters(isp.wan)) for isp in self.isps]
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

    def _router_addresses(self):
        lines = f"link set lo up\nlink set {wan.LAN} up\nlink set {wan.MANAGEMENT} up\n"
        lines += f"addr add 10.250.250.1/29 dev {wan.LAN}\naddr add 3d06:bad:b01:fe::1/64 dev {wan.LAN}\n"
        lines += f"addr add 192.168.50.1/24 dev {wan.MANAGEMENT}\naddr add fd00:50::1/64 dev {wan.MANAGEMENT}\n"
        return lines + "".join(_router_wan(one) for one in self.wans)

    def _internet(self):
        lines = "link set lo up\n"
        for address in [*(f"{a}/32" for a in SERVERS4), f"{SPREAD4}0/24", f"{STRANGER4}/32"]:
            lines += f"route add local {address} dev lo\n"
        for address in [*(f"{a}/128" for a in SERVERS6), f"{STRANGER6}/128"]:
            lines += f"addr add {address} dev lo nodad\n"
        lines += f"route add local {SPREAD6}/64 dev lo\n"
        for one in self.wans:
            port, isp4 = f"i{one.mark}", f"100.64.{one.mark}.1"
            lines += f"link set {port} up\naddr add 100.64.{one.mark}.2/30 dev {port}\naddr add fe80::b/64 dev {port} nodad\n"
            lines += f"route add {_network4(one)} via {isp4}\n"
            lines += f"route add {one.address6}/128 via fe80::a dev {port}\nroute add {one.prefix6} via fe80::a dev {port}\n"
        return lines


PIPES = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def _network4(one):
    return str(networkd.ipaddress.ip_interface(one.address4).network)


def _veth(name, mac, peer, peer_mac, namespace):
    return f"link add {name} address {mac} type veth peer name {peer} address {peer_mac} netns {namespace.path}\n"


def _router_wan(one, replace=False):
    """What DHCP and router advertisements leave on a WAN's interface."""
    add = "replace" if replace else "add"
    lines = f"link set {one.interface} up mtu {one.mtu}\naddr {add} {one.address4} dev {one.interface}\n"
    lines += f"addr {add} {one.address6}/128 dev {one.interface} nodad\n"
    if one.gateway4:
        lines += f"route {add} default via {one.gateway4} dev {one.interface} proto dhcp metric {one.metric}\n"
    if one.gateway6:
        lines += f"route {add} default via {one.gateway6} dev {one.interface} proto ra metric {one.metric}\n"
    return lines


def _isp_addresses(one):
    """The provider's end of the link to the router, and its routes through it."""
    own = one.address4.split("/")[0]
    lines = f"link set lo up\nlink set mwan up\naddr replace fe80::1/64 dev mwan nodad\n"
    if one.routed4:
        lines += f"addr replace {one.gateway4} peer {own}/32 dev mwan\nroute replace {_network4(one)} via {own} dev mwan\n"
    else:
        lines += f"addr replace {one.gateway4}/{one.address4.split('/')[1]} dev mwan\n"
    lines += f"route replace {one.address6}/128 dev mwan\n"
    return lines + f"route replace {one.prefix6} via {router_linklocal(one)} dev mwan\n"


def _isp_uplink(one):
    lines = f"link set uplink up\naddr add 100.64.{one.mark}.1/30 dev uplink\nroute add default via 100.64.{one.mark}.2\n"
    return lines + UPLINK6


def _isp_counters(one):
    """
    Counts at the ingress, before anything else sees the packet. No connection
    tracking here, and no interval set: those miss now and then while they are loaded.
    """
    own6 = "\n".join(f"        ip6 saddr {own} accept" for own in ("::", "fe80::/10", one.address6, one.prefix6))
    return f"""
table inet lab {{
    set own4 {{ type ipv4_addr; elements = {{ {', '.join(one.sources4())} }}; }}
    set leaks4 {{ type ipv4_addr; flags dynamic; size 4096; timeout 1h; }}
    set leaks6 {{ type ipv6_addr; flags dynamic; size 4096; timeout 1h; }}
    chain own6 {{
{own6}
    }}
    chain ingress {{
        type filter hook prerouting priority raw; policy accept;
        iifname != "mwan" accept
        fib saddr type local accept comment "our own broadcasts, looped back"
        ip saddr != @own4 add @leaks4 {{ ip saddr counter }}
        meta nfproto ipv4 accept
        jump own6
        add @leaks6 {{ ip6 saddr counter }}
    }}
}}
"""


def _opnsense_wan():
    lines = "link set lo up\nlink set wan0 up\n"
    for number in range(2, 7):
        lines += f"addr replace 10.250.250.{number}/29 dev wan0\n"
    lines += f"addr replace {wan.ROUTER6}/64 dev wan0 nodad\nroute replace default via 10.250.250.1\n"
    return lines + f"route replace default via {ROUTER_LL} dev wan0\n"


OPNSENSE = f"""\
link set lan1 up
link set lan2 up
addr add 10.250.1.1/24 dev lan1
addr add 10.250.2.1/24 dev lan2
addr add 3d06:bad:b01:1::1/64 dev lan1 nodad
addr add 3d06:bad:b01:2::1/64 dev lan2 nodad
route add {MANY6}/80 via {CLIENT6} dev lan1
route add {wan.PREFIX6} via {CLIENT6} dev lan1
"""

# Each new flow takes the next of the five addresses, so that all are in use.
OPNSENSE_NAT = f"""
table ip nat {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan0" tcp dport {FORWARDED} dnat to {CLIENT4}
        iifname "wan0" udp dport {FORWARDED} dnat to {CLIENT4}
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan0" ip saddr 10.250.0.0-10.250.249.255 snat to numgen inc mod 5 map {{
            0 : 10.250.250.2, 1 : 10.250.250.3, 2 : 10.250.250.4, 3 : 10.250.250.5, 4 : 10.250.250.6 }}
    }}
}}
table ip6 nat {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan0" ip6 daddr {wan.ROUTER6} tcp dport {FORWARDED} dnat to {CLIENT6}
        iifname "wan0" ip6 daddr {wan.ROUTER6} udp dport {FORWARDED} dnat to {CLIENT6}
    }}
}}
"""

# The client is also every host of the internal prefix that nobody else is.
CLIENT = f"""\
link set lo up
link set eth0 up
addr add {CLIENT4}/24 dev eth0
addr add {CLIENT6}/64 dev eth0 nodad
route add local {MANY6}/80 dev lo
route add local {wan.PREFIX6} dev lo table main metric 2048
route add default via 10.250.1.1
route add default via 3d06:bad:b01:1::1
"""

CLIENT2 = f"""\
link set lo up
link set eth0 up
addr add {CLIENT2_4}/24 dev eth0
addr add {CLIENT2_6}/64 dev eth0 nodad
route add default via 10.250.2.1
route add default via 3d06:bad:b01:2::1
"""

ADMIN = """\
link set lo up
link set eth0 up
addr add 192.168.50.10/24 dev eth0
addr add fd00:50::10/64 dev eth0 nodad
"""


def sysctl_files(destdir):
    """The build's sysctl.d file, or the one in the source."""
    installed = [f for place in ("etc", "usr/lib", "usr/local/lib")
                 for f in glob.glob(os.path.join(destdir, place, "sysctl.d", "*mwan*.conf"))]
    return installed or [os.path.join(REPO, "conf", "sysctl.d", "60-mwan.conf")]


def apply_sysctls(namespace, files):
    """What systemd-sysctl does: keys with globs, and "-key" taking a key out of them."""
    lines = [line.split("#")[0].strip() for file in files for line in open(file, encoding="utf-8")]
    excluded = {_slashes(line[1:]) for line in lines if line.startswith("-") and "=" not in line}
    with namespace.entered():
        for line in lines:
            key, equals, value = line.partition("=")
            if not equals:
                continue
            pattern = _slashes(key.strip().lstrip("-"))
            for path in glob.glob(f"/proc/sys/{pattern}"):
                if path.removeprefix("/proc/sys/") in excluded and "*" in pattern:
                    continue
                try:
                    with open(path, "w", encoding="ascii") as file:
                        file.write(value.strip())
                except PermissionError:
                    pass  # the machine's own, not a namespace's


def _slashes(key):
    return key.strip().replace(".", "/") if "/" not in key else key.strip()
