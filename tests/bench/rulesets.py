# SPDX-License-Identifier: GPL-2.0-or-later
"""Rulesets to measure mwan's against, for the same site."""

from bench import LAN, LAN4, PREFIX6

FAMILIES = ("-4", "-6")
MASK = 0x3f00  # mwan3 shares the mark with others
DEFAULT = 0x3f00


def forwarding(site):
    """Routes, and nothing else."""


def masquerade(site):
    """What most routers with one WAN do."""
    site.router.nft("".join(
        f"add table {family} nat\n"
        f"add chain {family} nat postrouting {{ type nat hook postrouting priority srcnat; policy accept; }}\n"
        f'add rule {family} nat postrouting oifname "{site.wans[0].interface}" masquerade\n'
        for family in ("ip", "ip6")))


def mwan(site):
    """The base ruleset, the policy rules and the routes, by the programs themselves."""
    site.load_mwan()


def mwan_with_rules(site):
    """The same, and 1,000 rules of four kinds."""
    site.load_mwan(1000)


def masquerade_with_rules(site):
    """The first custom ip rule makes every lookup of the kernel's slower, used or not. This tells that from
    what the ruleset costs."""
    mwan(site)
    site.router.nft("flush ruleset")
    for family in ("-4", "-6"):
        site.router.ip("rule del pref 32002\n", family)  # which drops what has no mark
    masquerade(site)


def _mark(wan):
    return 0x100 * wan.mark


def _set_mark(mark):
    return f"meta mark set meta mark and {~MASK & 0xffffffff:#x} or {mark:#x}"


def _mwan3_chains(wans):
    """The chains that OpenWrt's mwan3 builds: every packet runs through them, and the mark is saved under a mask."""
    undecided = f"meta mark and {MASK:#x} == 0"
    for wan in wans:
        yield f"interface_in_{wan.name}", [
            f'iifname "{wan.interface}" ip saddr @{name} {undecided} jump default_'
            for name in ("custom4", "connected4", "dynamic4")] + [
            f'iifname "{wan.interface}" {undecided} {_set_mark(_mark(wan))}']
    yield "interfaces_in", [f"{undecided} jump interface_in_{wan.name}" for wan in wans]
    yield "is_connected", ["ip daddr @connected4 jump default_", "ip6 daddr @connected6 jump default_"]
    yield "is_custom", ["ip daddr @custom4 jump default_"]
    yield "is_dynamic", ["ip daddr @dynamic4 jump default_"]
    yield "balanced", [
        f"{undecided} numgen random mod 1000 < {1000 // (len(wans) - i)} {_set_mark(_mark(wan))}"
        for i, wan in enumerate(wans[:-1])] + [f"{undecided} {_set_mark(_mark(wans[-1]))}"]
    yield "is_ruled", [f"{undecided} jump balanced"]
    others = f"meta mark and {MASK:#x} != {DEFAULT:#x}"
    yield "decide", [
        "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } return",
        f"{undecided} meta mark set ct mark and {MASK:#x}",
        *[f"{undecided} jump {chain}" for chain in ("interfaces_in", "is_custom", "is_connected", "is_dynamic", "is_ruled")],
        f"ct mark set meta mark and {MASK:#x}",
        *[f"{others} jump {chain}" for chain in ("is_custom", "is_connected", "is_dynamic")]]


def mwan3_like(site):
    """mwan3's way of marking, with the same translations as mwan's."""
    wans, blocks = site.wans, ", ".join(wan.block4 for wan in site.wans)
    text = f"""table inet mwan3 {{
set connected4 {{ type ipv4_addr; flags interval; elements = {{ 10.250.250.0/29, 127.0.0.0/8, {blocks}, 224.0.0.0/3 }}; }}
set connected6 {{ type ipv6_addr; flags interval; elements = {{ fe80::/10, {PREFIX6}, ff00::/8 }}; }}
set custom4 {{ type ipv4_addr; flags interval; }}
set dynamic4 {{ type ipv4_addr; flags interval; }}
chain default_ {{
{_set_mark(DEFAULT)}
}}
"""
    for name, rules in _mwan3_chains(wans):
        text += f"chain {name} {{\n" + "\n".join(rules) + "\n}\n"
    text += """chain prerouting {
type filter hook prerouting priority mangle; policy accept;
jump decide
}
chain output {
type route hook output priority mangle; policy accept;
jump decide
}
}
"""
    inwards = ", ".join(f'"{w.interface}" . {public} : {inside}' for w in wans for inside, public in zip(LAN4, w.public4))
    text += f"""table ip nat {{
map inwards {{ type ifname . ipv4_addr : ipv4_addr; elements = {{ {inwards} }}; }}
chain prerouting {{
type nat hook prerouting priority dstnat; policy accept;
dnat to iifname . ip daddr map @inwards
}}
chain postrouting {{
type nat hook postrouting priority srcnat; policy accept;
"""
    for w in wans:
        outwards = ", ".join(f"{inside} : {public}" for inside, public in zip(LAN4, w.public4))
        text += f'oifname "{w.interface}" snat to ip saddr map {{ {outwards} }}\n'
    text += """}
}
table ip6 nat {
chain prerouting {
type nat hook prerouting priority dstnat; policy accept;
"""
    text += "".join(f'iifname "{w.interface}" ip6 daddr {w.prefix6} dnat ip6 prefix to {PREFIX6}\n' for w in wans)
    text += "}\nchain postrouting {\ntype nat hook postrouting priority srcnat; policy accept;\n"
    text += "".join(f'oifname "{w.interface}" ip6 saddr {PREFIX6} snat ip6 prefix to {w.prefix6}\n' for w in wans)
    site.router.nft(text + "}\n}\n")

    for family in FAMILIES:
        lines = ""
        for w in wans:
            via = w.gateway4 if family == "-4" else w.gateway6
            inside = f"10.250.250.0/29 dev {LAN}" if family == "-4" else f"{PREFIX6} via fe80::2 dev {LAN}"
            lines += f"route add default via {via} dev {w.interface} table {w.mark}\nroute add {inside} table {w.mark}\n"
            lines += f"rule add pref {1000 + w.mark} iif {w.interface} lookup {w.mark}\n"
            lines += f"rule add pref {2000 + w.mark} fwmark {_mark(w):#x}/{MASK:#x} lookup {w.mark}\n"
        site.router.ip(lines, family)
