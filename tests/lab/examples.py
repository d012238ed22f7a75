# SPDX-License-Identifier: GPL-2.0-or-later
"""
The sites of conf/examples, built in the lab of their own files: mwan.conf says what the links are called and what the
providers give, and is put in force as it stands there.
"""

import configparser
import glob
import ipaddress
import os

import topology
import wans
from icmp import ping
from lab import REPO, Lab
from traffic import wait_until

FOLDER = f"{REPO}/conf/examples"
SITES = sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(f"{FOLDER}/*/mwan.conf"))


def text_of(site, name="mwan.conf"):
    with open(f"{FOLDER}/{site}/{name}", encoding="utf-8") as file:
        return file.read()


def parse(text):
    file = configparser.ConfigParser(inline_comment_prefixes=";", strict=False)
    file.optionxform = str
    file.read_string(text)
    return file


def _public(file, name):
    """The WAN's public addresses, in the order of [map4]."""
    rows = file["map4"].values() if "map4" in file else []
    pairs = [pair.split() for row in rows for pair in row.split(",")]
    return [address for wan, address in pairs if wan == name and address != "lease"]


def _families(number, keys, public):
    """What the provider gives in each family."""
    nat4, routed = keys.get("nat4", "map"), keys.get("public4", "routed") == "routed"
    own = public[0] if nat4 == "map" else f"192.0.2.{number * 8 + 2}"
    hosts = list(ipaddress.ip_interface(f"{own}/29").network.hosts())
    gateway = str(hosts[-1] if nat4 == "map" and routed else hosts[0])
    prefix = keys.get("prefix6", "auto")
    return {"address4": f"{own}/29", "gateway4": keys.get("gateway4", gateway), "routed4": routed, "nat4": nat4, "public4": public,
            "address6": f"2001:db8:ffff:{number}::2", "gateway6": None if keys.get("gateway6") == "none" else "fe80::1",
            "prefix6": f"2001:db8:{number}:a0::/60" if prefix == "auto" else prefix,
            "prefix_key": "auto" if prefix == "auto" else "fixed"}


def _describe(file, number, title):
    keys, name = file[title], title.split()[1]
    same = {"name": name, "mark": int(keys["mark"]), "table": int(keys["table"]), "tier": int(keys.get("tier", 1)),
            "weight": int(keys.get("weight", 1)), "metric": 100 * number}
    if keys["interface"] == "ppp0":
        return wans.dsl(**same, prefix_key="auto")
    if keys["interface"] == "lte0":
        return wans.lte(**same)
    return wans.Wan(interface=keys["interface"], **same, **_families(number, keys, _public(file, name)))


class Example(Lab):
    """A site. `site`: its folder. Providers delegate prefixes to the WANs of `delegated`: all that translate, if not said."""

    def __init__(self, wans_=None, destdir=None, *, site, delegated=None):
        self.site, self.text = site, text_of(site)
        self.file = parse(self.text)
        titles = [title for title in self.file.sections() if title.startswith("wan ")]
        described = [_describe(self.file, number, title) for number, title in enumerate(titles, start=1)]
        super().__init__(described if wans_ is None else wans_, destdir)
        lan = self.file["lan"]
        self._name_lan(lan["interface"], lan["prefix4"].partition("/")[2])
        for one in self.wans:
            if "prefix6" in lan and one.prefix_key == "auto" and (delegated is None or one.name in delegated):
                self.networkd().delegate(one.interface, one.prefix6)

    def _name_lan(self, interface, length):
        """A link that goes down loses its IPv6 addresses, and comes back with them."""
        if interface != wans.LAN:
            self.router.ip(f"link set {wans.LAN} down\nlink set {wans.LAN} name {interface}\nlink set {interface} up\n"
                           f"addr add 3d06:bad:b01:fe::1/64 dev {interface} nodad\n")
        if length != "29":
            self.router.ip(f"addr add 10.250.250.1/{length} dev {interface}\naddr del 10.250.250.1/29 dev {interface}\n")
        wait_until(lambda: ping(self.router, wans.ROUTER6), "the LAN")

    def configure(self, **_):
        """The file as it is."""
        for path in glob.glob(f"{FOLDER}/{self.site}/*.txt"):
            self.router.write(f"/etc/mwan/{os.path.basename(path)}", text_of(self.site, os.path.basename(path)))
        self.router.configure(self.text)

    def block(self, name):
        """What the inside prefix becomes on that WAN."""
        length = int(self.file["lan"]["prefix6"].partition("/")[2])
        blocks = ipaddress.ip_network(self.wan(name).prefix6).subnets(new_prefix=length)
        number = int(self.file[f"wan {name}"].get("prefix6_block", 0))
        return str(next(block for i, block in enumerate(blocks) if i == number))

    def outside(self, name, inside):
        """An inside IPv6 address as that WAN shows it."""
        return wans.translate(inside, self.file["lan"]["prefix6"], self.block(name))

    def settings(self):
        """{WAN or LAN interface: its .network file's text}, of what stands beside mwan.conf."""
        found = {}
        for path in glob.glob(f"{FOLDER}/{self.site}/*.network"):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            found[next(line for line in text.splitlines() if line.startswith("Name=")).removeprefix("Name=")] = text
        return found

    def host(self, source4, source6=None):
        """Addresses of a host on the LAN link itself, on OPNsense's end."""
        lines = "" if source6 is None else f"addr replace {source6}/64 dev wan0 nodad\n"
        self.opnsense.ip(lines + f"addr replace {source4}/29 dev wan0\n")
        if source6:
            lan6 = ipaddress.ip_network(self.file["lan"]["prefix6"])
            self.router.ip(f"addr add {lan6[5]}/64 dev {self.file['lan']['interface']} nodad\n")
            self.opnsense.ip(f"route replace default via {topology.ROUTER_LL} dev wan0\n")
