# SPDX-License-Identifier: GPL-2.0-or-later
"""Random sites and flows: a site is a dict, with what mwan.conf says and what is there."""

import ipaddress

INSIDE4 = ipaddress.ip_network("10.250.0.0/24")  # [lan] prefix4
ROUTED4 = ipaddress.ip_network("10.20.0.0/16")  # [lan] inside4
INSIDE6 = ipaddress.ip_network("fd06:bad:b01::/60")  # [lan] prefix6
ROUTER6 = ipaddress.ip_address("fd06:bad:b01:fe::2")
DIRECT = ["10.89.0.0/16", "fd00:89::/48"]
MODES = ["flow", "source", "source-destination"]
# Where flows go: what rules name and what they don't, near to each other.
TARGETS = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/28", "198.51.100.0/24", "8.8.8.8/32", "2001:db8:5::/48",
                                             "2001:db8:5:1::/64", "2606:4700::/32", "2606:4700::7/128")]
SOURCES = [ipaddress.ip_network(n) for n in ("10.250.0.0/28", "10.250.0.8/29", "10.250.0.9/32", "10.20.0.0/16", "10.20.3.0/24", "10.20.3.4/32",
                                             "fd06:bad:b01:1::/64", "fd06:bad:b01:1::5/128", "fd06:bad:b01::/60",
                                             "fd06:bad:b01::/56", "10.250.0.0/24")]
PORTS = ["53", "443", "5060-5061", "10000-20000", "1-1023", "500", "4500"]
PROTOCOLS = ["tcp", "udp", "icmp", "esp", "gre", "sctp", "47", "58"]
DSCPS = ["ef", "cs1", "0", "46"]


def wan(random, index):
    there = {
        "name": random.choice(["att", "webpass", "lte", "dsl", "cable"]) + str(index),
        "mark": random.randint(1, 60) * 4 + index,
        "table": 1000 + random.randint(0, 90) * 10 + index,
        "weight": random.choice([1, 1, 1, 2, 3, 10, 100]),
        "tier": random.choice([1, 1, 1, 2, 2, 7]),
        "nat4": random.choice(["map", "map", "masquerade"]),
        "nat6": random.choice(["npt", "npt", "npt", "masquerade"]),
        "nat6_fallback": random.choice(["none", "none", "masquerade"]),
        "gateway4": random.choice(["auto"] * 6 + ["none"]),
        "gateway6": random.choice(["auto"] * 6 + ["none"]),
        "carrier": random.random() < 0.9,
        "public": ipaddress.ip_network(f"203.0.{index + 10}.0/24"),
        "block": 0,
        "delegated": None,
    }
    if random.random() < 0.8:
        length = random.choice([60, 60, 60, 56, 48, 64])
        there["delegated"] = ipaddress.ip_network(f"2a00:{index + 1:x}:5500::/{length}")
        if length < 60 and random.random() < 0.5:
            there["block"] = random.choice([1, 3, 15, 16])
    for family in ("ipv4", "ipv6"):
        state = random.choice(["up"] * 6 + ["down", "down", "held", "drained"])
        has = random.random() < 0.92
        there[family] = {"state": state, "gateway": has}
    if random.random() < 0.05:
        there["ipv4"]["state"] = there["ipv6"]["state"] = "down"
    # A drain is of the WAN, in both families.
    if "drained" in (there["ipv4"]["state"], there["ipv6"]["state"]):
        there["ipv4"]["state"] = there["ipv6"]["state"] = "drained"
    return there


def few(random, choices, most=3):
    return random.sample(choices, random.randint(1, most))


def rule(random, names, index):
    asked = {"name": f"r{index}", "wans": few(random, names, len(names))}
    if random.random() < 0.45:
        asked["source"] = [str(n) for n in few(random, SOURCES)]
    if random.random() < 0.45:
        asked["destination"] = [str(n) for n in few(random, TARGETS)]
    if random.random() < 0.4:
        asked["protocol"] = few(random, PROTOCOLS)
    if random.random() < 0.4:
        asked[random.choice(["sport", "dport", "dport"])] = few(random, PORTS)
        if "protocol" in asked:
            asked["protocol"] = few(random, ["tcp", "udp", "sctp"], 2)
    if random.random() < 0.15:
        asked["dscp"] = few(random, DSCPS, 2)
    if random.random() < 0.3:
        asked["mode"] = random.choice(MODES)
    if random.random() < 0.35:
        asked["otherwise"] = "unreachable"
    return asked


def site(random):
    wans = [wan(random, i) for i in range(random.choice([1, 2, 2, 2, 3, 4]))]
    maps = {}
    for it in wans:
        if it["gateway4"] == it["gateway6"] == "none":
            it["gateway4"] = "auto"
    # A WAN that maps needs a line.
    fewest = any(it["nat4"] == "map" and it["gateway4"] != "none" for it in wans)
    for host in random.sample(range(2, 30), max(fewest, random.choice([0, 1, 3]))):
        maps[f"10.250.0.{host}"] = host
    if random.random() < 0.4:
        maps["10.20.0.0/16"] = 40
    if random.random() < 0.3:
        maps["10.20.3.0/24"] = 41
    if random.random() < 0.3:
        maps["10.20.3.4"] = 42
    return {
        "wans": wans,
        "maps": maps,  # inside: the last number of its public address on each WAN that maps
        "mode": random.choice(MODES),
        "all_down": random.choice(["keep", "keep", "unreachable"]),
        "hairpin": random.random() < 0.8,
        "rules": [rule(random, [w["name"] for w in wans], i) for i in range(random.choice([0, 1, 2, 2, 3, 5]))],
        "direct": random.random() < 0.3,
    }


def text(there):
    """mwan.conf."""
    lines = ["[lan]", "interface = lan0", f"prefix4 = {INSIDE4}", "router4 = 10.250.0.2", f"inside4 = {ROUTED4}", f"prefix6 = {INSIDE6}",
             f"router6 = {ROUTER6}", f"hairpin = {'yes' if there['hairpin'] else 'no'}",
             "[balance]", f"mode = {there['mode']}", f"all_down = {there['all_down']}"]
    for i, it in enumerate(there["wans"]):
        lines += [f"[wan {it['name']}]", f"interface = wan{i}"]
        lines += [f"{key} = {it[key]}" for key in ("mark", "table", "weight", "tier", "nat4", "nat6", "nat6_fallback", "gateway4", "gateway6")]
        lines += [f"prefix6_block = {it['block']}"]
    mapping = [it for it in there["wans"] if it["nat4"] == "map" and it["gateway4"] != "none"]
    if there["maps"] and mapping:
        lines += ["[map4]"]
        for inside, number in there["maps"].items():
            lines += [f"{inside} = " + ", ".join(f"{it['name']} {it['public'][number]}" for it in mapping)]
    for it in there["rules"]:
        lines += [f"[rule {it['name']}]"]
        lines += [f"{key} = {', '.join(it[key]) if isinstance(it[key], list) else it[key]}" for key in it if key != "name"]
    if there["direct"]:
        lines += ["[direct vpn]", "interface = wg0", "networks = " + ", ".join(DIRECT)]
    return "\n".join(lines) + "\n"


def address(i, it, family):
    """What the WAN has been given, as INTERFACE ADDRESS/LENGTH; None without carrier or gateway, as networkd leaves it."""
    if not it["carrier"] or not it[family]["gateway"]:
        return None
    return f"{it['public'][1]}/24" if family == "ipv4" else f"2a00:{i + 1:x}:ffff::5/64"


def facts(there):
    """What is there, for decide.c."""
    wans = {}
    for i, it in enumerate(there["wans"]):
        told = {"carrier": it["carrier"], "delegated": str(it["delegated"]) if it["delegated"] else None}
        for family, gateway in (("ipv4", str(it["public"][254])), ("ipv6", "fe80::1")):
            here = address(i, it, family)
            told[family] = {"gateway": gateway if here else None, "address": here, "down": it[family]["state"] == "down",
                            "held": it[family]["state"] == "held", "drained": it[family]["state"] == "drained"}
        wans[it["name"]] = told
    return {"conf": text(there), "lan4": "10.250.0.1/24", "lan6": "fd06:bad:b01:fe::1/64", "wans": wans}


# The router's own, and what is nobody's.
NOBODYS = ("10.250.0.0", "10.250.0.1", "10.250.0.255", "fd06:bad:b01:fe::1")


def of(random, network):
    address = str(network[random.randrange(min(network.num_addresses, 1 << 20))])
    return of(random, network) if address in NOBODYS else address


def flow(random, there):
    family = random.choice([4, 6])
    inside = [n for n in SOURCES + [INSIDE4, INSIDE6] if n.version == family]
    outside = [n for n in TARGETS if n.version == family] + [ipaddress.ip_network("93.184.0.0/16" if family == 4 else "2a01:4f8::/32")]
    source, destination = of(random, random.choice(inside)), of(random, random.choice(outside))
    if family == 4 and there["maps"] and random.random() < 0.3:
        source = of(random, ipaddress.ip_network(random.choice(list(there["maps"]))))
    if there["direct"] and random.random() < 0.1:
        destination = "10.89.3.4" if family == 4 else "fd00:89::7"
    elif there["maps"] and family == 4 and random.random() < 0.1:
        destination = str(random.choice(there["wans"])["public"][random.choice(list(there["maps"].values()))])
    asked = {"source": source, "destination": destination, "dscp": random.choice([0, 0, 8, 46]),
             "protocol": random.choice([6, 17, 17, 1 if family == 4 else 58, 50, 47, 132])}
    if asked["protocol"] in (6, 17, 132):
        asked["sport"] = random.choice([53, 500, 4000, 40000])
        asked["dport"] = random.choice([53, 443, 500, 5060, 15000, 30000])
    return asked
