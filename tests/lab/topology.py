# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lab's addresses, and what each namespace is given: lines for `ip -batch`,
and rulesets. All of it follows from the list of WANs.
"""

import glob
import ipaddress
import os

import wans as wan

CLIENT4, CLIENT6 = "10.250.1.45", "3d06:bad:b01:1::100"
CLIENT2_4, CLIENT2_6 = "10.250.2.50", "3d06:bad:b01:2::50"
MANY6 = "3d06:bad:b01:1:a::"  # a /80: every address of it is the client's
SERVERS4, SERVERS6 = ["1.1.1.1", "8.8.8.8"], ["2606:4700:4700::1111", "2001:4860:4860::8888"]
SPREAD4, SPREAD6 = "203.0.113.", "2001:db8:cafe::"  # a /24 and a /64: every address is a server
STRANGER4, STRANGER6 = "192.0.2.77", "2001:db8:bad::77"  # hosts that knock on our addresses
ROUTER_LL, OPNSENSE_LL = "fe80::ff:fe00:a01", "fe80::ff:fe00:b01"
FORWARDED = 8080  # OPNsense forwards this port of its own addresses to the client


def router_linklocal(one):
    """The router's link-local address on a WAN's link, from the MAC it has there."""
    return f"fe80::ff:fe00:1{one.mark:02x}"


def router(wans):
    """The router's own addresses, and its WANs as the providers have set them up."""
    lines = f"link set lo up\nlink set {wan.LAN} up\nlink set {wan.MANAGEMENT} up\n"
    lines += f"addr add 10.250.250.1/29 dev {wan.LAN}\naddr add 3d06:bad:b01:fe::1/64 dev {wan.LAN}\n"
    lines += f"addr add 192.168.50.1/24 dev {wan.MANAGEMENT}\naddr add fd00:50::1/64 dev {wan.MANAGEMENT}\n"
    return lines + "".join(router_wan(one) for one in wans)


def internet(wans):
    """The servers' addresses, and the ways to each provider."""
    lines = "link set lo up\n"
    for address in [*(f"{a}/32" for a in SERVERS4), f"{SPREAD4}0/24", f"{STRANGER4}/32"]:
        lines += f"route add local {address} dev lo\n"
    for address in [*(f"{a}/128" for a in SERVERS6), f"{STRANGER6}/128"]:
        lines += f"addr add {address} dev lo nodad\n"
    lines += f"route add local {SPREAD6}/64 dev lo\n"
    return lines + "".join(internet_way(one) for one in wans)


def internet_way(one):
    """The way to a provider, and to what is its."""
    port, isp4 = f"i{one.mark}", f"100.64.{one.mark}.1"
    lines = f"link set {port} up\naddr add 100.64.{one.mark}.2/30 dev {port}\n"
    lines += f"addr add fe80::b/64 dev {port} nodad\n"
    lines += f"route replace {network4(one)} via {isp4}\n"  # two may have the same
    for prefix in (f"{one.address6}/128", one.prefix6):
        lines += f"route add {prefix} via fe80::a dev {port}\n"
    return lines


def network4(one):
    return str(ipaddress.ip_interface(one.address4).network)


def veth(name, mac, peer, peer_mac, namespace):
    return f"link add {name} address {mac} type veth peer name {peer} address {peer_mac} netns {namespace.path}\n"


def router_wan(one, replace=False):
    """What DHCP and router advertisements leave on a WAN's interface."""
    add = "replace" if replace else "add"
    if one.ptp:
        return router_ptp(one)
    lines = f"link set {one.interface} up mtu {one.mtu}\naddr {add} {one.address4} dev {one.interface}\n"
    lines += f"addr {add} {one.address6}/128 dev {one.interface} nodad\n"
    if one.gateway4:
        lines += f"route {add} default via {one.gateway4} dev {one.interface} proto dhcp metric {one.metric}\n"
    if one.gateway6:
        lines += f"route {add} default via {one.gateway6} dev {one.interface} proto ra metric {one.metric}\n"
    return lines


def router_ptp(one):
    """What pppd leaves with `defaultroute`, IPv6CP, and a router advertisement with DHCPv6."""
    own = one.address4.split("/")[0]
    lines = f"link set {one.interface} up mtu {one.mtu}\n"
    lines += f"addr replace {own} peer {one.gateway4}/32 dev {one.interface}\n"
    lines += f"route replace default dev {one.interface} scope link metric {one.metric}\n"
    if one.gateway6:
        lines += f"addr replace {router_linklocal(one)}/64 dev {one.interface} nodad\n"
        lines += f"addr replace {one.address6}/128 dev {one.interface} nodad\n"
        lines += f"route replace default via {one.gateway6} dev {one.interface} proto ra metric {one.metric}\n"
    return lines


def isp_addresses(one):
    """The provider's end of the link to the router, which it calls mwan, and its routes through it."""
    own = one.address4.split("/")[0]
    if one.ptp:
        lines = f"link set lo up\nlink set mwan up mtu {one.mtu}\naddr replace {one.gateway4} peer {own}/32 dev mwan\n"
        lines += f"addr replace {one.gateway6 or 'fe80::1'}/64 dev mwan nodad\nroute replace {one.address6}/128 dev mwan\n"
        return lines + f"route replace {one.prefix6} via {router_linklocal(one)} dev mwan\n"
    lines = f"link set lo up\nlink set mwan up\naddr replace {one.gateway6 or 'fe80::1'}/64 dev mwan nodad\n"
    if one.routed4:
        lines += f"addr replace {one.gateway4}/32 dev mwan\nroute replace {own}/32 dev mwan\n"
        lines += f"route replace {network4(one)} via {own} dev mwan\n"
    else:
        lines += f"addr replace {one.gateway4}/{one.address4.split('/')[1]} dev mwan\n"
    lines += f"route replace {one.address6}/128 dev mwan\n"
    return lines + f"route replace {one.prefix6} via {router_linklocal(one)} dev mwan\n"


def isp_uplink(one):
    """The provider's way to the internet; again when its link has been down, which takes routes away."""
    lines = f"link set uplink up\naddr replace 100.64.{one.mark}.1/30 dev uplink\n"
    lines += "addr replace fe80::a/64 dev uplink nodad\n"
    return lines + f"route replace default via 100.64.{one.mark}.2\nroute replace default via fe80::b dev uplink\n"


def isp_counters(one):
    """
    Counts at the ingress, before anything else sees the packet. No connection
    tracking here, and no interval set: those miss now and then while they are loaded.
    0.0.0.0 is who asks for an address.
    """
    own6 = "\n".join(f"        ip6 saddr {own} accept" for own in ("::", "fe80::/10", one.address6, one.prefix6))
    return f"""
table inet lab {{
    set own4 {{ type ipv4_addr; elements = {{ 0.0.0.0, {', '.join(one.sources4())} }}; }}
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


# Echo requests from the router, as they arrive.
ISP_ECHO = """
table inet echo
delete table inet echo
table inet echo {
    set seen4 { type ipv4_addr . ipv4_addr; flags dynamic; size 4096; timeout 1h; }
    set seen6 { type ipv6_addr . ipv6_addr; flags dynamic; size 4096; timeout 1h; }
    chain ingress {
        type filter hook prerouting priority raw + 1; policy accept;
        iifname != "mwan" accept
        icmp type echo-request add @seen4 { ip saddr . ip daddr counter }
        icmpv6 type echo-request add @seen6 { ip6 saddr . ip6 daddr counter }
    }
}
"""


def opnsense_wan():
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


SYSCTLS = os.path.join(os.path.dirname(__file__), "../../conf/sysctl.d/60-mwan.conf")


def apply_sysctls(namespace):
    """What systemd-sysctl does: keys with globs, and "-key" taking a key out of them."""
    lines = [line.split("#")[0].strip() for line in open(SYSCTLS, encoding="utf-8")]
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
