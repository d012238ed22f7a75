# SPDX-License-Identifier: GPL-2.0-or-later
"""What a flow from inside gets, as CONTRACT.md and mwan.conf(5) say it: slow, obvious, and not a translation of the C.

Each function is one sentence of the manual. A flow is answered with a dict: its `kind`, the `rule` that it meets, and the `ways`
that it may take: the WAN, its share of new flows, and the address that the outside sees.
"""

import ipaddress

import sites

NUMBERS = {"tcp": 6, "udp": 17, "esp": 50, "gre": 47, "sctp": 132}
CLASSES = {"ef": 46, "cs1": 8}
WITH_PORTS = (6, 17, 132)


def family_of(flow):
    return "ipv4" if ":" not in flow["source"] else "ipv6"


# ---- rules ----

def numbers(words, flow):
    """tcp, udp, icmp (of both families), or a number."""
    icmp = 1 if family_of(flow) == "ipv4" else 58
    return [icmp if w == "icmp" else NUMBERS[w] if w in NUMBERS else int(w) for w in words]


def is_among(port, ranges):
    bounds = [[int(n) for n in (r.split("-") if "-" in r else (r, r))] for r in ranges]
    return port is not None and any(low <= port <= high for low, high in bounds)


def is_in(address, networks):
    address = ipaddress.ip_address(address)
    return any(address in ipaddress.ip_network(n) for n in networks)


def matches(rule, flow):
    """A rule matches a flow that has what all of its keys ask for."""
    for end in ("source", "destination"):
        # A list of IPv4 addresses alone never matches IPv6.
        if end in rule and not is_in(flow[end], rule[end]):
            return False
    if "protocol" in rule and flow["protocol"] not in numbers(rule["protocol"], flow):
        return False
    for port in ("sport", "dport"):
        if port not in rule:
            continue
        # Without protocol, it is one of TCP or UDP.
        if "protocol" not in rule and flow["protocol"] not in (6, 17):
            return False
        if not is_among(flow.get(port), rule[port]):
            return False
    if "dscp" in rule and flow["dscp"] not in [CLASSES.get(w) or int(w) for w in rule["dscp"]]:
        return False
    return True


def rule_of(site, flow):
    """The first rule in the file that matches counts."""
    return next((rule for rule in site["rules"] if matches(rule, flow)), None)


# ---- rules that can never match are mistakes ----

FAMILIES = {"ipv4": "10.0.0.1", "ipv6": "fd06::1"}  # and an address of each


def bounds(networks):
    """Addresses from, to; those that touch are one."""
    merged = []
    for low, high in sorted((int(n[0]), int(n[-1])) for n in networks):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(high, merged[-1][1])
        else:
            merged.append([low, high])
    return merged


def values(rule, key, family):
    """What a rule asks for in that key, as a list of bounds; None: anything."""
    flow = {"source": FAMILIES[family]}
    if key in ("source", "destination") and key in rule:
        networks = [ipaddress.ip_network(n) for n in rule[key]]
        return bounds([n for n in networks if (n.version == 4) == (family == "ipv4")])
    if key == "protocol" and key in rule:
        return bounds([(n, n) for n in numbers(rule[key], flow)])
    if key == "protocol" and ("sport" in rule or "dport" in rule):
        return bounds([(6, 6), (17, 17)])
    if key in ("sport", "dport") and key in rule:
        return bounds([[int(n) for n in (r.split("-") if "-" in r else (r, r))] for r in rule[key]])
    if key == "dscp" and key in rule:
        return bounds([(n, n) for n in (CLASSES.get(w) or int(w) for w in rule[key])])
    return None


def holds(outer, inner):
    return all(any(a <= low and high <= b for a, b in outer) for low, high in inner)


def has_family(rule, family):
    return all(values(rule, end, family) != [] for end in ("source", "destination"))


def hides(first, rule, family):
    """All that the rule matches in the family, the first one matches."""
    if not has_family(first, family):
        return False
    for key in ("source", "destination", "protocol", "sport", "dport", "dscp"):
        outer, inner = values(first, key, family), values(rule, key, family)
        if inner is None and key == "source":  # flows come from inside
            inner = bounds([sites.INSIDE4, sites.ROUTED4] if family == "ipv4" else [sites.INSIDE6, ipaddress.ip_network(sites.ROUTER6)])
        if outer is not None and (inner is None or not holds(outer, inner)):
            return False
    return True


def never_matches(site):
    """The names of the rules that can never match."""
    names = []
    for i, rule in enumerate(site["rules"]):
        families = [f for f in FAMILIES if has_family(rule, f)]
        if any(all(hides(first, rule, f) for f in families) for first in site["rules"][:i]) or not families:
            names.append(rule["name"])
    return names


# ---- WANs ----

def block(wan):
    """The delegation's block that is used, of prefix6's length; None: it has no such block."""
    delegated, length = wan["delegated"], sites.INSIDE6.prefixlen
    if not delegated or delegated.prefixlen > length or wan["block"] >= 1 << (length - delegated.prefixlen):
        return None
    return ipaddress.ip_network((int(delegated.network_address) + (wan["block"] << (128 - length)), length))


def masquerades(wan, family):
    if family == "ipv4":
        return wan["nat4"] == "masquerade"
    return wan["nat6"] == "masquerade" or (block(wan) is None and wan["nat6_fallback"] == "masquerade")


def is_usable(wan, family):
    """Configured for the family, with carrier, gateway and a translation."""
    if wan["gateway4" if family == "ipv4" else "gateway6"] == "none" or not wan["carrier"] or not wan[family]["gateway"]:
        return False
    return family == "ipv4" or masquerades(wan, family) or block(wan) is not None


def state(wan, family):
    return wan[family]["state"]


def may_carry(site, family):
    """Those that are eligible; else those that are held, else drained, else down if all_down = keep."""
    usable = [w for w in site["wans"] if is_usable(w, family)]
    for last_resort in ("up", "held", "drained", "down"):
        carrying = [w for w in usable if state(w, family) == last_resort]
        if carrying and (last_resort != "down" or site["all_down"] == "keep"):
            return carrying
    return []


def public(site, source, wan):
    """The public address that [map4] gives a source on a WAN: a host's own line wins over a prefix, and of these the longest."""
    address = ipaddress.ip_address(source)
    lines = [ipaddress.ip_network(inside) for inside in site["maps"] if address in ipaddress.ip_network(inside)]
    if not lines:
        return None
    line = max(lines, key=lambda n: n.prefixlen)
    return str(wan["public"][next(n for inside, n in site["maps"].items() if ipaddress.ip_network(inside) == line)])


def translates(site, flow, wan):
    """A source that is not in [map4] can leave only by WANs that masquerade."""
    family = family_of(flow)
    return family == "ipv6" or masquerades(wan, family) or public(site, flow["source"], wan) is not None


def seen(site, flow, i):
    """What the outside sees as the source of the flow on that WAN."""
    wan, family = site["wans"][i], family_of(flow)
    source = ipaddress.ip_address(flow["source"])
    if masquerades(wan, family):
        return sites.address(i, wan, family).split("/")[0]
    if family == "ipv4":
        return public(site, flow["source"], wan)
    outside = block(wan)
    if source == sites.ROUTER6:
        return str(outside[1])
    return str(ipaddress.ip_address(int(outside.network_address) + int(source) - int(sites.INSIDE6.network_address)))


# ---- a flow ----

def lowest_tier(wans):
    tier = min((w["tier"] for w in wans), default=None)
    return [w for w in wans if w["tier"] == tier]


def eligible(site, flow):
    """
    Those that may carry it and translate its source. A source that none of these translates may use one that is held, else one
    that is drained.
    """
    family = family_of(flow)
    able = [w for w in site["wans"] if translates(site, flow, w)]
    carrying = [w for w in may_carry(site, family) if w in able]
    for aside in ("held", "drained"):
        carrying = carrying or [w for w in able if is_usable(w, family) and state(w, family) == aside]
    return carrying


def candidates(site, flow, names):
    """Of the WANs with these names, the lowest tier with an eligible one."""
    return lowest_tier([w for w in eligible(site, flow) if w["name"] in names])


def otherwise(site, flow, rule, everybody):
    """As if there were no rule, or none but one that is held, which carries at once if no other one can."""
    if rule.get("otherwise") != "unreachable":
        return candidates(site, flow, everybody)
    family = family_of(flow)
    return lowest_tier([w for w in site["wans"] if w["name"] in rule["wans"] and is_usable(w, family) and state(w, family) == "held"
                        and translates(site, flow, w)])


def answer(site, flow):
    family, everybody = family_of(flow), [w["name"] for w in site["wans"]]
    rule = rule_of(site, flow)
    if site["direct"] and is_in(flow["destination"], sites.DIRECT):
        return {"kind": "no-wan"}
    if site["hairpin"]:
        host = turned(site, flow)
        if host:
            return {"kind": "turned", "inside": host}
    wans = candidates(site, flow, rule["wans"] if rule else everybody)
    if rule and not wans:
        wans = otherwise(site, flow, rule, everybody)
    if not wans:
        return {"kind": "refused", "rule": rule}
    total = sum(w["weight"] for w in wans)
    ways = {w["name"]: (w["weight"] / total, seen(site, flow, site["wans"].index(w))) for w in wans}
    return {"kind": "out", "rule": rule, "ways": ways, "family": family}


def turned(site, flow):
    """The host inside whose address on some WAN is asked for: it is reached without a WAN."""
    for wan in site["wans"]:
        if wan["nat4"] == "masquerade" or wan["gateway4"] == "none":
            continue
        for inside, number in site["maps"].items():
            if "/" not in inside and str(wan["public"][number]) == flow["destination"]:
                return inside
    return None
