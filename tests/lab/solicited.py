# SPDX-License-Identifier: GPL-2.0-or-later
"""
A provider's router that never advertises itself, and answers each solicitation, to its sender alone.

    with Solicited(isp, lifetime=9) as router:
        router.asked                    the times of solicitations, by time.monotonic()
        router.silent = True            it answers nobody any more
"""

import socket
import struct
import threading
import time

from topology import router_linklocal
from traffic import readable

SOLICIT, ADVERTISE = 133, 134
ICMP6_FILTER, SOL_ICMPV6 = 1, 58


class Solicited(threading.Thread):
    """Answers until its end. The router, on the ISP's link, is to take no advertisement but of its own kernel's reading."""

    def __init__(self, isp, lifetime):
        super().__init__(daemon=True)
        self.isp, self.lifetime = isp, lifetime
        self.asked, self.wrong, self.silent = [], [], False
        self._running = True
        self.sock = isp.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        passed = [0xFFFFFFFF] * 8
        passed[SOLICIT // 32] &= ~(1 << SOLICIT % 32)
        self.sock.setsockopt(SOL_ICMPV6, ICMP6_FILTER, struct.pack("=8I", *passed))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"mwan")
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        with isp.entered():
            self.index = socket.if_nametoindex("mwan")
        group = socket.inet_pton(socket.AF_INET6, "ff02::2") + struct.pack("=I", self.index)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)

    def run(self):
        while self._running:
            if not readable(self.sock, 0.1):
                continue
            data, extra, _, peer = self.sock.recvmsg(512, 256)
            self.asked.append(time.monotonic())
            self._check(data, extra, peer)
            if not self.silent:
                # Hop limit, no flags, the router's lifetime, nothing on reachable and retransmission times.
                self.sock.sendto(struct.pack("!BBHBBHII", ADVERTISE, 0, 0, 64, 0, self.lifetime, 0, 0), peer)

    def _check(self, data, extra, peer):
        """RFC 4861, 6.1.1, and that it names the hardware address."""
        hops = [struct.unpack("=i", value)[0] for level, kind, value in extra if kind == socket.IPV6_HOPLIMIT]
        mac = bytes.fromhex("02000000") + bytes([1, self.isp.wan.mark])
        if hops != [255] or data[1] != 0 or data[8:] != b"\1\1" + mac or peer[0].split("%")[0] != router_linklocal(self.isp.wan):
            self.wrong.append((hops, data, peer))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self.join()
        self.sock.close()
