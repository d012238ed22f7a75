# SPDX-License-Identifier: GPL-2.0-or-later
"""
What goes wrong on a provider's side without the link going down: rules for
Isp.fault(), applied to what the provider forwards, in both directions.
"""

NO_IPV4 = "meta nfproto ipv4 drop"
NO_IPV6 = "meta nfproto ipv6 drop"
NO_ECHO = "icmp type echo-request drop\nicmpv6 type echo-request drop"
EVERYTHING = "drop"
UNREACHABLE = "reject with icmpx host-unreachable"


def _ip(target):
    return "ip6" if ":" in target else "ip"


def unreached(target):
    """The target is not to be reached from here."""
    return f"{_ip(target)} daddr {target} drop"


def lossy(target, lost, of):
    """Of so many packets to the target, so many are lost, evenly: 1 of 2 is every other one."""
    return f"{_ip(target)} daddr {target} numgen inc mod {of} < {lost} drop"
