# SPDX-License-Identifier: GPL-2.0-or-later
"""How each kind of events.py is done in a Site. A function has the name of its kind; `state` is what is so after it."""

import random
import signal
import socket
import struct
import time

import damage
import rtnl
import topology
from icmp import ping
from lab import CLIENT6, SERVERS4, STRANGER4, STRANGER6
from model import ATT, NAMES, PREFIXES, WEBPASS
from test_base_gone import FOREIGN, LOSSES
from test_converge import FOREIGN4, FOREIGN6, FOREIGN_NFT
from traffic import wait_until

RULESETS = {"flush": "flush ruleset", "stock": LOSSES["Debian's"], "foreign": FOREIGN, "filter": LOSSES["filter deleted"],
            "mangle": LOSSES["mangle deleted"], "nat": LOSSES["nat deleted"]}
HARMLESS = (RuntimeError, OSError, StopIteration)  # what is to be deleted is gone, or what an object needs is


# Links

def cut(site, state, wan, lease):
    site.cut(wan)
    if lease:
        site.lose_lease(wan)


def mend(site, state, wan):
    site.mend(wan)


def unplug(site, state, wan):
    site.bus.forget(site.wan(wan).interface)
    site.unplug(wan)


def plug(site, state, wan):
    site.plug(wan)
    if PREFIXES[wan] and wan != WEBPASS:
        site.delegate(wan, state.wans[wan].prefix, announce=state.heard())


def flap(site, state, wan, times, lease):
    isp = site.isp(wan)
    for _ in range(times):
        isp.ip("link set mwan down\n")
        if lease:
            site.lose_lease(wan)
        isp.ip(topology.isp_addresses(isp.wan))
        site.router.ip(topology.router_wan(isp.wan, replace=True))
    site.mend(wan)


def lan_down(site, state):
    site.opnsense.ip("link set wan0 down\n")


def lan_up(site, state):
    site.opnsense.ip(topology.opnsense_wan())
    for address in ("10.250.250.1", "3d06:bad:b01:fe::1"):  # both ends know that the link is there
        wait_until(lambda a=address: ping(site.opnsense, a, seconds=1), "the LAN link")


def neighbours(site, state, link):
    try:
        site.router.command(["ip", "neigh", "flush", "dev", link])
    except RuntimeError:
        pass  # there is no such link now


# Providers

def fault(site, state, wan, family, how):
    site.set_faults(wan, state.wans[wan].fault)


def well(site, state, wan, family):
    site.set_faults(wan, state.wans[wan].fault)


def lose_gateway(site, state, wan, family):
    site.router.ip(f"route del {site.default_route(wan, family)}\n", family)


def give_gateway(site, state, wan, family):
    site.router.ip(f"route replace {site.default_route(wan, family)}\n", family)


def lease(site, state, wan):
    site.lose_lease(wan)
    site.mend(wan)


def prefix(site, state, wan, which):
    site.allow(wan, *range(len(PREFIXES[wan])))
    site.delegate(wan, which, announce=True)


# nftables, and what is ours

def ruleset(site, state, how):
    site.router.nft(RULESETS[how])


def reload_base(site, state):
    site.router.run("nft", "-f", "/etc/mwan/nftables.conf", check=False)


def delete_some(site, seed, count):
    found = damage.deletions(site.router)
    for _, delete in random.Random(seed).sample(found, min(count, len(found))):
        try:
            delete()
        except HARMLESS:
            pass


def damage_(site, state, seed, count):
    delete_some(site, seed, count)


def intrude(site, state, seed, count):
    for _, intrusion in random.Random(seed).sample(damage.INTRUSIONS, count):
        try:
            intrusion(site.router)
        except HARMLESS:
            pass


def flush(site, state, what, family):
    what = {"rules": "rule flush", "routes": "route flush table all"}[what]
    site.try_ip(f"{what} protocol 77" if "rule" in what else f"{what} proto 77", family)


def add_foreign(site, state):
    site.router.ip(FOREIGN4, 4)
    site.router.ip(FOREIGN6, 6)
    site.router.nft(FOREIGN_NFT)


def remove_foreign(site, state):
    for family, text in ((4, FOREIGN4), (6, FOREIGN6)):
        for line in text.splitlines():
            if not line.startswith("nexthop"):
                site.try_ip(line.replace(" add ", " del ", 1).replace(" nodad", ""), family)
    site.try_ip("nexthop del id 12345")
    for table in ("inet docker", "ip mangle", "bridge nat"):
        try:
            site.router.nft(f"delete table {table}")
        except RuntimeError:
            pass  # somebody has flushed the ruleset


# Programs

def run(site, state, programs):
    running = [site.router.start(program) for program in programs]
    for process in running:
        process.communicate(timeout=300)


def kill(site, state, program, after, seed):
    delete_some(site, seed, 3)
    process = site.router.start(program)
    time.sleep(after / 1000)
    process.kill()
    process.communicate()


def starve(site, state, program, megabytes):
    command = ["health-check", "--once"] if program == "once" else [program]
    site.router.run("prlimit", f"--as={megabytes << 20}", *command, check=False)


def ask(site, state, what):
    command = ["update-routes", what, CLIENT6, "2606:4700:4700::1111"] if what == "--explain" else ["health-check", what]
    site.router.run(*command, check=False)


def drain(site, state, wan):
    site.router.run("health-check", "--drain", wan)


def undrain(site, state, wan):
    site.router.run("health-check", "--undrain", wan)


# The daemon

def end_daemon(site, state, how):
    site.end_daemon(how)


def start_daemon(site, state):
    site.start_daemon(ready=False)


def restart_daemon(site, state, how):
    site.end_daemon(how)
    site.start_daemon(ready=False)


def hang_daemon(site, state):
    site.process.signal(signal.SIGSTOP)
    time.sleep(0.3)
    site.process.signal(signal.SIGCONT)


def reload(site, state):
    site.reload()


def config(site, state, name):
    site.variant = name
    mend_config(site, state)


def break_config(site, state):
    site.router.configure(site.router.read("/etc/mwan/mwan.conf") + "\n[nonsense]\n")
    site.reload()


def mend_config(site, state):
    site.configure()
    site.reload()


# Helpers

def lose_networkd(site, state, how):
    site.bus.stop() if how == "down" else site.bus.fail()


def give_networkd(site, state):
    site.bus.fail(False)
    if not site.bus._standin:
        site.bus.start()
    announce(site)


def announce(site):
    for name in NAMES:
        if name != WEBPASS and site.router.command(["ip", "-br", "link"]).count(site.wan(name).interface):
            site.bus.announce(site.wan(name).interface)


def restart_networkd(site, state):
    site.bus.restart(0.2)


def lose_bus(site, state):
    site.bus.stop_bus()


def give_bus(site, state):
    site.bus.fail(False)
    site.restart_bus()
    announce(site)


def names(site, state, how):
    site.names.mute, site.names.rcode = how == "mute", 5 if how == "refusing" else 0


def clock(site, state, seconds):
    site.step(seconds)


# Files

def spoil(site, state, place, how):
    if how == "read-only":
        site.router.run("mount", "--bind", place, place)  # on what is below, files are open
        site.router.run("mount", "-o", "remount,bind,ro", place)
    else:
        site.router.run("sh", "-c", f"cat /dev/zero >{place}/filling", check=False)


def unspoil(site, state, place):
    filling = site.router.path(f"{place}/filling")
    filling.unlink() if filling.exists() else site.router.run("mount", "-o", "remount,bind,rw", place)


def remove(site, state, place):
    site.empty(place)


# Tests of the tests

def sabotage_leak(site, state):
    """A frame by which no filter stands."""
    with site.router.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
        addresses = socket.inet_aton("10.250.250.3") + socket.inet_aton(SERVERS4[0])
        header = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + addresses
        header = header[:10] + _checksum(header) + header[12:]
        sock.sendto(header + struct.pack("!HHHH", 9, 9, 8, 0), (site.wan(ATT).interface, 0x0800, 0, 0, bytes.fromhex("020000000201")))


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def sabotage_move(site, state):
    site.router.run("health-check", "--drain", ATT)
    site.process.wait(lambda: not site.process.family(ATT, "ipv6")["eligible"])
    rtnl.forget_flows(site.router)
    time.sleep(0.2)
    site.router.run("health-check", "--undrain", ATT)


def sabotage_loss(site, state):
    site.isp(ATT).fault("drop")
    time.sleep(0.3)
    site.isp(ATT).fault()


def sabotage_inbound(site, state):
    site.isp(WEBPASS).fault(f"ip saddr {STRANGER4} drop", f"ip6 saddr {STRANGER6} drop")


def sabotage_choice(site, state):
    site.process.signal(signal.SIGSTOP)
    site.set_faults(ATT, state.wans[ATT].fault)


def sabotage_busy(site, state):
    rule = "fwmark 7 lookup 100 pref 107 protocol 77"
    site.router.run("cp", "/usr/local/bin/update-npt", "/run/update-npt")
    site.router.write("/run/busy", f'#!/bin/sh\nip rule add {rule}\nip rule del {rule}\nexec /run/update-npt "$@"\n', 0o755)
    site.router.run("mount", "--bind", "/run/busy", "/usr/local/bin/update-npt")


def sabotage_bent(site, state):
    site.router.nft("add table inet stranger")


def sabotage_resort(site, state):
    site.configure(balance={"all_down": "unreachable"})
    site.process.reload()
    for name in NAMES:
        site.set_faults(name, state.wans[name].fault)


def sabotage_end(site, state):
    site.process.signal(signal.SIGKILL)


def reference(site, state):
    """A foreign firewall goes. The rest is done by who judges, for it compares."""
    site.router.nft("add table inet firewall; delete table inet firewall")


def act(site, state, event):
    """Does an event."""
    values = {key: value for key, value in event.items() if key not in ("event", "soon")}
    globals().get(event["event"] + "_" if event["event"] == "damage" else event["event"])(site, state, **values)
