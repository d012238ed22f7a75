# SPDX-License-Identifier: GPL-2.0-or-later
"""One site that has everything at once: whatever mwan.conf can say stands beside all the rest."""

import wans
from lab import Lab

WHOLE = "2600:1700:2f71:c00::/56"  # of which att uses block 8
INSIDE4 = "10.20.0.0/16"
BACKUP = "192.0.2.0/25 ; a stranger of the lab is in it\n2001:db8:bad:b::/64\n"


def descriptions():
    """att and webpass share the load; a DSL line and a modem stand by."""
    return [
        wans.att(keys={"prefix6": WHOLE, "prefix6_block": 8, "hairpin6": "no", "down_flows": "flush",
                       "modem": "192.168.100.1, fd00:100::1"}),
        wans.webpass(keys={"max_loss": "90", "max_rtt": "5s", "http4": "http://192.0.2.77/ 200-399"}),
        wans.dsl(tier=2, keys={"metered": "yes", "nat6_fallback": "masquerade", "failback_flows": "flush", "recovery_hold": "2m"}),
        wans.lte(tier=3, keys={**wans.lte().keys, "recovery_hold": "10m", "failback_flows": "keep"}),
    ]


def config(described):
    """The sections beside those of the WANs."""
    att, webpass = described[:2]
    outside = f"att {att.public4[4]}, webpass {webpass.public4[4]}"
    rows = {inside: f"att {att.public4[i]}, webpass {webpass.public4[i]}" for i, inside in enumerate(wans.INSIDE4)}
    rows[wans.INSIDE4[1]] += ", dsl lease"
    return {
        "mwan": {"debug_logging": "yes"},
        "lan": {"inside4": f"{INSIDE4}, 10.21.0.0/24", "hairpin": "yes"},
        "balance": {"mode": "flow", "all_down": "keep"},
        "inside": 0,
        "further": {**rows, INSIDE4: outside},
        "rules": {
            "voice": {"protocol": "udp", "dport": "5060-5061, 10000-20000", "wans": "att"},
            "ike": {"protocol": "udp", "dport": "500, 4500", "wans": "att, webpass", "mode": "source-destination"},
            "calls": {"dscp": "ef", "protocol": "udp", "sport": "30000-30100", "wans": "webpass, dsl", "mode": "source"},
            "backup": {"destination": "@backup.txt", "wans": "webpass", "otherwise": "unreachable"},
            "television": {"source": "10.20.7.7, 3d06:bad:b01:7::7", "wans": "webpass"},
        },
        "directs": {"vpn": {"interface": "wg0", "networks": "10.89.0.0/16, fd00:89::/48"},
                    "closet": {"interface": "encloset0", "networks": "10.99.0.7"}},
    }


class Everything(Lab):
    """The site, up or not. What a test configures is changed, all else stays."""

    def __init__(self, described=None, destdir=None, **changes):
        super().__init__(described or descriptions(), destdir, **changes)

    def configure(self, **changes):
        self.router.write("/etc/mwan/backup.txt", BACKUP)
        super().configure(**{**config(self.wans), **changes})
