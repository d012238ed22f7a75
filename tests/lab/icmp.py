"""
ICMP echo of both families through raw sockets.
"""

import socket
import struct
import time

from traffic import BUFFER, family_of, readable


def _checksum(data):
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
            body = struct.pack("!BBHHH", kind, 0, _checksum(body), identifier, sequence) + payload
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


def ping(namespace, target, source=None, identifier=4242, seconds=2):
    """Whether an echo request is answered."""
    with Echo(namespace, family_of(target), source) as echo:
        echo.send(target, identifier)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(ident == identifier for _, ident in echo.received(seconds=0.05)):
                return True
    return False
