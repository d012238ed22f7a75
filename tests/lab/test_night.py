# SPDX-License-Identifier: GPL-2.0-or-later
"""
At two in the morning: for each fault, the one command that names its true cause. Faults that need more than packets
(certificates, other firewalls and network managers) are in tests/appliance.
"""

import re
import signal

import pytest

import faults
import wans
from lab import SERVERS4
from test_doctor_looks import NO_WORD
from traffic import wait_until

STATUS, DOCTOR = ("health-check", "--status"), ("health-check", "--doctor")
TARGET = SERVERS4[0]


def unplugged(lab, daemon):
    lab.cut("att")


def silent(lab, daemon):
    lab.isp("att").uplink(False)


def wrong_gateway(lab, daemon):
    text = lab.router.read("/etc/mwan/mwan.conf").replace("[wan att]\n", "[wan att]\ngateway4 = 104.57.226.200\n", 1)
    lab.router.configure(text)
    daemon.reload()


def prefix_gone(lab, daemon):
    lab.networkd().delegate("enatt0.3242")
    lab.networkd().announce("enatt0.3242")


def base_flushed(lab, daemon):
    """And what is to be loaded again can't be."""
    lab.router.write("/etc/mwan/nftables.conf", "table inet filter {\n\tnonsense\n}\n")
    lab.router.nft("flush ruleset")


def disk_full(lab, daemon):
    lab.router.run("sh", "-c", "cat /dev/zero >/run/mwan/filling", check=False)


def edited(lab, daemon):
    lab.router.configure(lab.router.read("/etc/mwan/mwan.conf") + "\n")


def resolver_dead(lab, daemon):
    lab.names.mute = True


def black_hole(lab, daemon):
    isp = lab.isp("att")
    isp.ip("link set uplink mtu 1400\n")
    isp.nft(NO_WORD)
    lab.internet.ip(f"link set i{isp.wan.mark} mtu 1400\n")


def lossy(lab, daemon):
    lab.isp("att").fault("\n".join(faults.lossy(one, 1, 5) for one in SERVERS4[:2]))


def one_target_dead(lab, daemon):
    lab.isp("att").fault(faults.unreached(TARGET))


def one_target_limited(lab, daemon):
    lab.isp("att").fault(faults.lossy(TARGET, 1, 2))


def lan_down(lab, daemon):
    lab.opnsense.ip("link set wan0 down\n")


def opnsense_gone(lab, daemon):
    lab.router.sysctls({f"net/{family}/neigh/{wans.LAN}/{key}": value for family in ("ipv4", "ipv6")
                        for key, value in (("retrans_time_ms", 100), ("delay_first_probe_time", 1))})
    for table in ("arp", "ip6"):
        lab.opnsense.nft(f"table {table} gone {{ chain input {{ type filter hook input priority -400; drop; }}; "
                         "chain output { type filter hook output priority -400; drop; }; }")
    lab.router.command(["ip", "neigh", "flush", "dev", wans.LAN])
    lab.router.run("ping", "-c", "1", "-W", "1", "10.250.250.2", check=False)


def daemon_dead(lab, daemon):
    daemon.signal(signal.SIGKILL)


FAULTS = {
    "unplugged": (unplugged, STATUS, r"^att: .*no carrier.*webpass carries"),
    "silent": (silent, STATUS, r"^att: down.*webpass carries(.|\n)*gateway \S+ answers, nothing behind it does: .*the ISP's fault"),
    "wrong gateway": (wrong_gateway, STATUS, r"^att: no IPv4 (.|\n)*104\.57\.226\.200"),
    "prefix gone": (prefix_gone, STATUS, r"^att: no IPv6 .*no prefix"),
    "base flushed": (base_flushed, STATUS, r"^NO PROTECTION"),
    "disk full": (disk_full, STATUS, r"^daemon: can't write \(/run/mwan is full\)"),
    "edited, not reloaded": (edited, STATUS, r"^mwan\.conf: edited, not in force"),
    "resolver dead": (resolver_dead, DOCTOR, r"this machine can't look names up: no answer from name server"),
    "MTU black hole": (black_hole, DOCTOR, r"WRONG +att: IPv4 and IPv6 packets of more than 1400 bytes are lost"),
    "20 % loss": (lossy, STATUS, r"^All well, but att IPv4 loses \d+ %"),
    "one target dead": (one_target_dead, STATUS, TARGET),
    "one target rate-limited": (one_target_limited, STATUS, TARGET),
    "LAN down": (lan_down, STATUS, r"^LAN down for .*: no carrier"),
    "OPNsense gone": (opnsense_gone, STATUS, r"^LAN down for .*: OPNsense is silent"),
    "daemon dead": (daemon_dead, STATUS, r"^daemon: "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_command_names_the_cause(make_lab, name):
    breaks, command, words = FAULTS[name]
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass()], health=wans.QUICK)
    lab.networkd().delegate("enatt0.3242", lab.wan("att").prefix6)
    lab.router.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", "/run/mwan")
    daemon = lab.daemon()
    daemon.wait_states()
    wait_until(lambda: lab.router.run(*STATUS, check=False).out.startswith("All well"), "all is well")
    breaks(lab, daemon)
    last = None

    def is_named():
        nonlocal last
        last = lab.router.run(*command, check=False, env={"COLUMNS": "1000"})
        return re.search(words, last.out)

    try:
        wait_until(is_named, name)
    finally:
        print(last)
