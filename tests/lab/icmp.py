# SPDX-License-Identifier: GPL-2.0-or-later
"""
ICMP echo of both families: asked through raw sockets, and answered late.
"""

import fcntl
import heapq
import os
import select
import socket
import struct
import threading
import time

from traffic import BUFFER, PATIENCE, family_of, readable


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Echo:
    """ICMP echo of one family through a raw socket: many identifiers from one place."""

    def __init__(self, namespace, family, source=None):
        self.family = family
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        self.sock = namespace.socket(family, socket.SOCK_RAW, protocol, BUFFER)
        if source:
            self.sock.bind((source, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, target, identifier, sequence=1):
        """Sends an echo request with 56 bytes of payload."""
        kind = 8 if self.family == socket.AF_INET else 128
        payload = b"mwan lab".ljust(56, b".")
        body = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence) + payload
        if self.family == socket.AF_INET:  # the kernel computes ICMPv6's
            body = struct.pack("!BBHHH", kind, 0, checksum(body), identifier, sequence) + payload
        self.sock.sendto(body, (target, 0))

    def received(self, requests=False, seconds=0.5):
        """[(peer, identifier)] of replies, or requests, until none comes for a while."""
        wanted = {(socket.AF_INET, False): 0, (socket.AF_INET, True): 8,
                  (socket.AF_INET6, False): 129, (socket.AF_INET6, True): 128}[self.family, requests]
        found = []
        while readable(self.sock, seconds):
            data, peer = self.sock.recvfrom(2048)
            if self.family == socket.AF_INET:
                data = data[(data[0] & 15) * 4:]
            if data[0] == wanted:
                found.append((peer[0], struct.unpack_from("!H", data, 4)[0]))
        return found


def ping(namespace, target, source=None, identifier=4242, seconds=PATIENCE):
    """Whether an echo request is answered."""
    with Echo(namespace, family_of(target), source) as echo:
        echo.send(target, identifier)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(ident == identifier for _, ident in echo.received(seconds=0.05)):
                return True
    return False


TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def _reply(packet):
    """The echo reply to a packet that is an echo request, or None. Swapped addresses have the same sum."""
    version, reply = packet[0] >> 4, bytearray(packet)
    if version == 4 and packet[9] == socket.IPPROTO_ICMP:
        start, kind, addresses, size = (packet[0] & 15) * 4, (8, 0), 12, 4
    elif version == 6 and packet[6] == socket.IPPROTO_ICMPV6:
        start, kind, addresses, size = 40, (128, 129), 8, 16
    else:
        return None
    if packet[start] != kind[0]:
        return None
    middle, end = addresses + size, addresses + 2 * size
    reply[addresses:end] = packet[middle:end] + packet[addresses:middle]
    reply[start] = kind[1]
    total = ~struct.unpack_from("!H", packet, start + 2)[0] & 0xFFFF
    total += ((kind[1] - kind[0]) << 8) % 0xFFFF
    struct.pack_into("!H", reply, start + 2, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    return bytes(reply)


class LateEcho(threading.Thread):
    """Addresses in a namespace whose echo replies take `seconds`, which a test may change; None: none comes."""

    def __init__(self, namespace, *targets):
        super().__init__(daemon=True)
        self.seconds = 0
        self._due = []
        self._running = True
        with namespace.entered():
            self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self._tun, TUNSETIFF, struct.pack("16sH22x", b"late", IFF_TUN | IFF_NO_PI))
        namespace.ip("link set late up\n" + "".join(f"route add {target} dev late\n" for target in targets))
        self.start()

    def run(self):
        poll = select.poll()
        poll.register(self._tun, select.POLLIN)
        while self._running:
            wait = min(0.1, self._due[0][0] - time.monotonic()) if self._due else 0.1
            if poll.poll(max(0, wait) * 1000):
                reply, seconds = _reply(os.read(self._tun, 65536)), self.seconds
                if reply and seconds is not None:
                    heapq.heappush(self._due, (time.monotonic() + seconds, reply))
            while self._due and self._due[0][0] <= time.monotonic():
                os.write(self._tun, heapq.heappop(self._due)[1])

    def close(self):
        self._running = False
        self.join()
        os.close(self._tun)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
