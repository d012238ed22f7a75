# SPDX-License-Identifier: GPL-2.0-or-later
"""How open mwan's units are, as `systemd-analyze security` sees it: 0 is shut, 10 is open."""

import re

# At most. What changes the network is root with CAP_NET_ADMIN and CAP_NET_RAW, and has sockets of all kinds: announcements
# by ARP take a packet socket. wpa_supplicant also gives its socket to a group, and wpa_cli looks for answers in /tmp.
EXPOSURE = {"mwan-health": 2.1, "mwan-update-routes": 2.1, "mwan-update-npt": 2.1, "mwan-trace-boot": 0.9,
            "wpa_supplicant-mwan": 2.3, "wpa-cli-action": 1.6, "wpa-action-sync": 1.5, "wpa-authenticated": 0.9,
            "bringup-att-vlan": 1.5, "mwan-ddns@home": 1.3}


def exposure(router, name):
    """Of one unit, as it is loaded."""
    last = router.run("systemd-analyze", "security", "--no-pager", name).out.splitlines()[-1]
    return float(re.search(r": ([\d.]+) ", last)[1])
