# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ways to damage what mwan has put into the kernel: each object that is there
deleted, things added that carry its mark, things changed.
"""

import json
import re

import rtnl
from machine import OWNER, rule_text

NFT_TABLES = [("inet", "mangle"), ("ip", "nat"), ("ip6", "nat")]
FILTER_CHAINS = ["exits", "exits6", "inside", "inside6"]  # of the base's, those that mwan fills
NAMED_TYPES = {"0": "unicast", "1": "unicast", "6": "blackhole", "7": "unreachable"}


def route_text(route):
    """What tells a route from others, for `ip route del`."""
    kind = NAMED_TYPES.get(route.get("type", "1"), route.get("type"))
    text = f"{kind} {route['dst']} table {route.get('table', '254')} proto {route['protocol']}"
    text += f" via {route['gateway']}" if "gateway" in route else ""
    text += f" dev {route['dev']}" if "dev" in route and route["dev"] != "lo" else ""
    return text + (f" metric {route['metric']}" if "metric" in route else "")


def _block(listing, kind, family, table, name):
    """What a whole listing says of a set or map."""
    body = re.search(rf"^table {family} {table} \{{\n(.*?)^\}}", listing, re.M | re.S)[1]
    return re.search(rf"^\t{kind} {name} \{{\n(.*?)^\t\}}", body, re.M | re.S)[1]


def _elements(block):
    """The elements of a set or map, as text that `nft delete element` takes."""
    found = re.search(r"elements = \{(.*?)\}", block, re.S)
    return [" ".join(part.split()) for part in found[1].split(",")] if found else []


def nft_damage(router):
    """Commands that each delete one nftables object of ours, or empty one."""
    commands = []
    listing = router.ruleset()
    for item in router.nft_json():
        for kind, thing in item.items():
            family, table = thing.get("family"), thing.get("table", thing.get("name"))
            if kind in ("set", "map") and ((family, table) in NFT_TABLES or (family, table) == ("inet", "filter")):
                name = thing["name"]
                block = _block(listing, kind, family, table, name)
                if "flags dynamic" in block:
                    continue  # packets fill it
                commands.append(f"flush {kind} {family} {table} {name}")
                commands += [f"delete element {family} {table} {name} {{ {element} }}" for element in _elements(block)]
            elif (family, table) in NFT_TABLES or thing.get("chain", thing.get("name")) in FILTER_CHAINS:
                if kind == "rule":
                    commands.append(f"delete rule {family} {table} {thing['chain']} handle {thing['handle']}")
                elif kind == "chain":
                    commands.append(f"flush chain {family} {table} {thing['name']}")
                elif kind == "table":
                    commands.append(f"flush table {family} {table}")
    return commands


def deletions(router):
    """[(description, function)]: each deletes one object of ours that is there now."""
    found = []
    for family in (4, 6):
        for rule in router.own_rules(family):
            text = f"rule del {rule_text(rule)}"
            found.append((text, lambda t=text + "\n", f=family: router.ip(t, f)))
        for route in router.own_routes(family):
            text = f"route del {route_text(route)}"
            found.append((text, lambda t=text + "\n", f=family: router.ip(t, f)))
    for interface, address, _ in router.own_addresses():
        found.append((f"addr del {address} dev {interface}",
                      lambda i=interface, a=address: rtnl.change_address(router, rtnl.RTM_DELADDR, i, a)))
    return found + [(text, lambda t=text: router.nft(t)) for text in nft_damage(router)]


def _ip(family, text):
    return text, lambda router: router.ip(text + "\n", family)


def _nft(text):
    return text, lambda router: router.nft(text)


def _address(interface, address):
    return (f"addr add {address} dev {interface} proto {OWNER}",
            lambda router: rtnl.change_address(router, rtnl.RTM_NEWADDR, interface, address, OWNER))


def _hop(family, via, route):
    """A route over a nexthop object; the object stays."""
    return (f"route add {route}", lambda router: router.ip(
        f"nexthop replace id 77{family} via {via} dev enatt0.3242\nroute add {route}\n", family))


# With what mwan never sets: to name one, ip(8) needs all of it.
ODD = [
    _ip(4, "rule add pref 101 fwmark 0x1/0xff lookup 200 protocol 77"),
    _ip(6, "rule add pref 109 fwmark 0x9/0xff lookup 100 protocol 77"),
    _ip(4, "rule add pref 110 fwmark 0/0xff lookup 100 protocol 77"),
    _ip(4, "rule add pref 90 not from 10.0.0.0/8 to 192.0.2.0/24 tos 0x10 lookup 100 protocol 77"),
    _ip(4, "rule add pref 91 iif enmwanbr0 oif enatt0.3242 lookup 100 protocol 77"),
    _ip(4, "rule add pref 92 uidrange 0-99 ipproto tcp sport 10-20 dport 53 lookup 100 protocol 77"),
    _ip(6, "rule add pref 92 uidrange 0-99 ipproto tcp sport 10-20 dport 53 lookup 100 protocol 77"),
    _ip(4, "rule add pref 93 from 10.9.0.0/16 unreachable protocol 77"),
    _ip(6, "rule add pref 94 from 2001:db8::/32 prohibit protocol 77"),
    _ip(4, "rule add pref 95 goto 32766 protocol 77"),
    _ip(4, "rule add pref 96 from 10.9.0.0/16 lookup main suppress_prefixlength 8 protocol 77"),
    _ip(4, "rule add pref 97 from 10.9.0.0/16 lookup main suppress_ifgroup 3 protocol 77"),
    _ip(4, "rule add pref 98 from 10.9.0.0/16 lookup 100 realms 4/5 protocol 77"),
    _ip(6, "rule add pref 98 to 2001:db8::/32 nop protocol 77"),
    _ip(4, "rule add pref 101 fwmark 1 from 10.0.0.0/8 lookup 100 protocol 77"),
    _ip(4, "route prepend default via 104.57.226.198 dev enatt0.3242 table 100 proto 77 mtu lock 1400 src 104.57.226.193"),
    _ip(4, "route append default via 104.57.226.198 dev enatt0.3242 table 100 proto 77 src 104.57.226.193 mtu 1400"),
    _ip(4, "route add default via 104.57.226.198 dev enatt0.3242 tos 0x10 table 100 proto 77"),
    _ip(4, "route add 192.0.2.0/24 table 100 proto 77 nexthop via 104.57.226.198 dev enatt0.3242 weight 3 "
        "nexthop via 136.25.91.241 dev enwebpass0 onlink"),
    _ip(6, "route add 2001:db8:7::/48 table 100 proto 77 nexthop via fe80::1 dev enatt0.3242 weight 3 "
        "nexthop via fe80::1 dev enwebpass0"),
    _hop(4, "104.57.226.198", "192.0.3.0/24 nhid 774 table 100 proto 77"),
    _hop(6, "fe80::1", "2001:db8:8::/48 nhid 776 table 100 proto 77"),
    _ip(4, "route add 192.0.4.0/24 via inet6 fe80::1 dev enatt0.3242 table 100 proto 77"),
    _ip(4, "route add 192.0.5.0/24 dev enatt0.3242 scope host table 100 proto 77 realms 3/4 advmss 1300 initcwnd 20 "
        "window 5000 hoplimit 3 quickack 1"),
    _ip(4, "route add throw 192.0.6.0/24 table 100 proto 77"),
    _ip(4, "route add blackhole default table 100 proto 77 metric 17"),
    _ip(4, "route add local 192.0.7.0/24 dev lo table 100 proto 77"),
    _ip(4, "route add broadcast 192.0.8.255 dev enatt0.3242 table 100 proto 77"),
    _ip(6, "route add local 2001:db8:9::/48 dev lo table 100 proto 77"),
    _ip(6, "route add 2001:db8:a::/48 dev enatt0.3242 table 100 proto 77 pref high"),
    _ip(6, "route add 2001:db8:b::/48 dev enatt0.3242 table 100 proto 77 expires 300"),
    _ip(6, "route add default from 2001:db8::/32 via fe80::1 dev enatt0.3242 table 100 metric 1 proto 77"),
]

# Things with our mark that should not be there, and things of ours that are wrong.
INTRUSIONS = [
    *ODD,
    _ip(4, "rule add fwmark 7 lookup 100 pref 107 protocol 77"),
    _ip(6, "rule add fwmark 7 lookup 100 pref 107 protocol 77"),
    _ip(4, "rule add fwmark 1 lookup 200 pref 90 protocol 77"),
    _ip(4, "rule add from 104.57.226.193 lookup 200 pref 1000 protocol 77"),
    _ip(6, "rule add from 2600:1700:2f71:c80::/60 lookup 200 pref 999 protocol 77"),
    _ip(4, "rule add fwmark 1 iif enmwanbr0 lookup 200 pref 101 protocol 77"),
    _ip(4, "route add 198.51.100.0/24 via 104.57.226.198 dev enatt0.3242 table 100 proto 77"),
    _ip(4, "route add 198.51.100.0/24 dev enmwanbr0 proto 77"),
    _ip(4, "route add default via 10.250.250.2 dev enmwanbr0 table 100 metric 5 proto 77"),
    _ip(4, "route replace default via 10.250.250.2 dev enmwanbr0 table 100 proto 77"),
    _ip(4, "route replace default via 136.25.91.241 dev enwebpass0 metric 1 proto 77"),
    _ip(4, "route add blackhole 8.8.8.8/32 table 200 proto 77"),
    _ip(4, "route add default via 104.57.226.198 dev enatt0.3242 table 4242 proto 77"),
    _ip(6, "route add 2001:db8:5::/48 via fe80::1 dev enatt0.3242 table 100 proto 77"),
    _ip(6, "route replace default via fe80::2 dev enwebpass0 table 200 metric 1 proto 77"),
    _ip(6, "route append default via fe80::2 dev enwebpass0 table 200 metric 1 proto 77"),
    _ip(6, "route replace 3d06:bad:b01::/60 dev enmwanbr0 table 100 metric 1 proto 77"),
    _ip(6, "route add unreachable 2001:db8:6::/48 table 100 proto 77"),
    _ip(6, "route add 3d06:bad:b01::/60 via fe80::99 dev enmwanbr0 metric 7 proto 77"),
    _address("enatt0.3242", "104.57.226.195/32"),
    _address("enwebpass0", "2604:5500:c271:ffff::1/128"),
    _address("enmwanbr0", "10.99.99.1/32"),
    _nft("insert rule inet mangle prerouting accept"),
    _nft("add rule inet mangle prerouting counter"),
    _nft("add chain inet mangle extra"),
    _nft("add set inet mangle extra { type ipv4_addr; }"),
    _nft("insert rule ip nat postrouting masquerade"),
    _nft("add rule ip nat prerouting dnat to 10.250.250.2"),
    _nft("add chain ip nat input { type nat hook input priority 100; }"),
    _nft("insert rule ip6 nat postrouting masquerade"),
    _nft("add rule ip6 nat prerouting ip6 daddr 2001:db8::1 dnat to 3d06:bad:b01:fe::2"),
    _nft("add map ip6 nat extra { type ifname : ipv6_addr; }"),
    _nft("add element inet filter wan { \"eth7\" }"),
    _nft("add element inet filter lan { \"eth7\" }"),
    _nft("flush set inet filter wan; add element inet filter wan { \"enatt0.3242\" }"),
    _nft("insert rule inet filter exits accept"),
    _nft("add rule inet filter inside6 counter"),
    _nft("flush chain inet filter exits; add rule inet filter exits counter name m2_ipv4_out"),
    _nft("add counter inet filter m77_ipv6_in"),
    _nft("delete chain inet mangle prerouting; add chain inet mangle prerouting "
         "{ type filter hook prerouting priority -140; policy accept; }"),
]


def foreign_lines(router):
    """The part of a snapshot that is not mwan's: what no run may touch."""
    lines = []
    for line in router.snapshot():
        if line.startswith("table "):
            break  # the ruleset: compared table by table where it matters
        kind, _, rest = line.partition(" ")
        owner = json.loads(rest).get("protocol") if kind[:-1] in ("rule", "route") else rest
        if kind.startswith("route") and json.loads(rest).get("table") == "255":
            continue  # the kernel's own, which follow the addresses
        if owner == str(OWNER) or (kind == "address" and rest.endswith(f", {OWNER})")):
            continue
        if kind.startswith("route") and owner == "2":
            continue
        lines.append(line)
    return lines
