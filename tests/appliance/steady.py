# SPDX-License-Identifier: GPL-2.0-or-later
"""What stays as it is, whatever is done to a running appliance: its flows, and what mwan has in the kernel."""

from lab import CLIENT6, FORWARDED, SERVERS4, SERVERS6, STRANGER4, STRANGER6
from machine import OWNER
from traffic import TcpFlow, UdpFlow, answers, close_all, udp_flows


class Flows:
    """
    Flows over every WAN, in both families, from inside and from outside, and what each was seen as at first. Of all
    these, those that are to be kept: keep(public address).
    """

    def __init__(self, lab, keep=lambda address: True):
        self.lab = lab
        self.udp, self.homes = [], {}
        flows = udp_flows(lab.client, 32, SERVERS4 + SERVERS6)
        for flow, seen in zip(flows, answers(flows)):
            self._add(flow, lab.wan_of(seen.source), keep(seen.source))
        for one in lab.wans:
            for flow, address in ((UdpFlow(lab.internet, one.public4[0], STRANGER4, port=FORWARDED), one.public4[0]),
                                  (UdpFlow(lab.internet, one.host(CLIENT6), STRANGER6), one.host(CLIENT6))):
                self._add(flow, one, keep(address))
        streams = [TcpFlow(lab.client, server) for server in (SERVERS4 + SERVERS6) * 3]
        self.tcp = [stream for stream in streams if keep(stream.greeting.source) or stream.close()]
        self.first = self.seen()

    def _add(self, flow, wan, kept):
        if not kept:
            flow.close()
            return
        self.udp.append(flow)
        self.homes[flow.identity] = wan.name

    def seen(self):
        for flow in self.udp:
            flow.send()
        return answers(self.udp)

    def echo(self):
        return all(stream.echo("x") == "x" for stream in self.tcp)

    def close(self):
        close_all(self.udp + self.tcp)


def own_and_others(router):
    """A snapshot in two: what is mwan's, and what networkd gives. The kernel's own routes follow addresses."""
    own, others = [], []
    for line in router.snapshot():
        foreign = line.startswith(("rule", "route")) and f'"protocol": "{OWNER}"' not in line
        foreign |= line.startswith("address") and not line.endswith(f" {OWNER})")
        if line.startswith("route") and foreign and ('"protocol": "2"' in line or '"type": "7"' in line):
            continue  # of several WANs' "unreachable" routes, networkd keeps that of the last renewal
        (others if foreign else own).append(line)
    return own, others
