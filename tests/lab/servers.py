# SPDX-License-Identifier: GPL-2.0-or-later
"""
Servers that tell each client how they see it, so that a client learns its
WAN from the answer.

UDP: the request is "KIND ID", the answer "ID NAME LOCAL PEER PORT":
    echo   answered at once
    late   answered when the test calls release()
    mute   never answered
TCP: the same line without the ID ("NAME LOCAL PEER PORT") as greeting; what
the client sends after it comes back as it is.

One thread serves any number of namespaces.
"""

import os
import selectors
import socket
import struct
import threading
from collections import defaultdict

IP_PKTINFO = 8
BUFFER = 1 << 24


def _udp_socket(namespace, family, port):
    """A UDP socket on all addresses that says which one a datagram was sent to."""
    sock = namespace.socket(family, socket.SOCK_DGRAM, receive_buffer=BUFFER)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind(("", port))
    sock.setblocking(False)
    return sock


def _tcp_socket(namespace, family, port):
    sock = namespace.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", port))
    sock.listen(8192)
    sock.setblocking(False)
    return sock


def _local(family, ancillary):
    """From a datagram's ancillary data: the address it was sent to, and what answers from it."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            local = data[8:12]
            reply = [(level, kind, struct.pack("=I", 0) + local + b"\0\0\0\0")]
            return socket.inet_ntop(family, local), reply
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            local = data[:16]
            return socket.inet_ntop(family, local), [(level, kind, local + struct.pack("=I", 0))]
    raise RuntimeError("datagram without destination")


class Servers(threading.Thread):
    """Serves until close(). `seen` and `held` are only ever changed by its own thread."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = defaultdict(set)  # datagram's ID before the first "." → {(peer, port)}
        self.count = 0
        self._held = []
        self._release = False
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._running = True
        self._sockets = []

    def add(self, namespace, port):
        """Serves UDP and TCP of both families on a port of a namespace. Before start() only."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for make, serve in ((_udp_socket, self._datagrams), (_tcp_socket, self._accept)):
                sock = make(namespace, family, port)
                self._sockets.append(sock)
                self._selector.register(sock, selectors.EVENT_READ, (serve, namespace.name))

    def release(self):
        """Answers what was asked "late"."""
        self._release = True
        os.write(self._woken, b"x")

    def close(self):
        self._running = False
        os.write(self._woken, b"x")
        if self.is_alive():
            self.join()
        for key in list(self._selector.get_map().values()):
            if key.fileobj != self._wake:
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake)
        os.close(self._woken)

    def run(self):
        while self._running:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake, 64)
                else:
                    serve, name = key.data
                    serve(key.fileobj, name)
            if self._release:
                self._release = False
                for answer in self._held:
                    self._send(*answer)
                self._held.clear()

    @staticmethod
    def _send(sock, data, ancillary, peer):
        try:
            sock.sendmsg([data], ancillary, 0, peer)
        except OSError:
            pass  # no way back to the client: for the client to notice

    def _datagrams(self, sock, name):
        for _ in range(256):  # then the other sockets have their turn
            try:
                data, ancillary, _, peer = sock.recvmsg(2048, 128)
            except OSError:  # empty, or an ICMP error for an earlier answer
                return
            kind, _, identity = data.partition(b" ")
            local, reply = _local(sock.family, ancillary)
            self.count += 1
            self.seen[identity.partition(b".")[0].decode()].add(peer[:2])
            answer = b"%s %s %s %s %d" % (identity, name.encode(), local.encode(), peer[0].encode(), peer[1])
            if kind == b"echo":
                self._send(sock, answer, reply, peer)
            elif kind == b"late":
                self._held.append((sock, answer, reply, peer))

    def _accept(self, sock, name):
        for _ in range(64):
            try:
                client, peer = sock.accept()
            except OSError:
                return
            client.setblocking(False)
            greeting = f"{name} {client.getsockname()[0]} {peer[0]} {peer[1]}\n"
            try:
                client.send(greeting.encode())
            except OSError:
                client.close()
                continue
            self._selector.register(client, selectors.EVENT_READ, (self._stream, name))

    def _stream(self, client, _):
        try:
            data = client.recv(65536)
            if data:
                client.send(data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._selector.unregister(client)
        client.close()
