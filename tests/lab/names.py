# SPDX-License-Identifier: GPL-2.0-or-later
"""
A name server on addresses of a namespace: UDP and TCP, both families, one thread. A test changes what
it says while it runs:

    names.records["probe.test"] = ["203.0.113.80", "2001:db8:cafe::80"]
    names.mute = True          says nothing more
    names.rcode = 2            answers everything with this error: 2 server failure, 3 no such name, 5 refused
    names.truncate = True      answers in full by TCP alone
"""

import selectors
import socket
import struct
import threading

from topology import SPREAD4, SPREAD6
from traffic import family_of

SERVER4, SERVER6 = f"{SPREAD4}53", f"{SPREAD6}53"
RESOLVER = f"{SPREAD4}54"  # the router's own, which every lab has
A, AAAA = 1, 28
QUERY = 12  # bytes before the question


def _question(data):
    """(name, type, the question's bytes)."""
    labels, at = [], QUERY
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels), struct.unpack_from("!H", data, at + 1)[0], data[QUERY:at + 5]


class Names(threading.Thread):
    """The server, for `with`."""

    def __init__(self, namespace, *addresses, ttl=60):
        super().__init__(daemon=True)
        self.records, self.ttl = {}, ttl
        self.mute, self.rcode, self.truncate = False, 0, False
        self.asked = []  # (server, name, type, client, "udp" or "tcp")
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        for address in addresses or (SERVER4, SERVER6):
            self._serve(namespace, address)
        self.start()

    def _serve(self, namespace, address):
        for kind, serve in ((socket.SOCK_DGRAM, self._datagram), (socket.SOCK_STREAM, self._connection)):
            sock = namespace.socket(family_of(address), kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, 53))
            if kind == socket.SOCK_STREAM:
                sock.listen(64)
            self._selector.register(sock, selectors.EVENT_READ, (serve, address))

    def run(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                serve, address = key.data
                try:
                    serve(key.fileobj, address)
                except OSError:
                    pass  # the client has left, or there is no way back

    def _answer(self, data, server, peer, how):
        name, kind, question = _question(data)
        self.asked.append((server, name, kind, peer[0], how))
        if self.mute:
            return None
        cut = self.truncate and how == "udp"
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
        found = [one for one in self.records.get(name.lower(), []) if family_of(one) == family]
        found = [] if self.rcode or cut else found
        rcode = self.rcode or (0 if name.lower() in self.records else 3)
        flags = 0x8180 | rcode | (0x0200 if cut else 0)
        answer = data[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + question
        for one in found:
            packed = socket.inet_pton(family, one)
            answer += struct.pack("!HHHIH", 0xC00C, kind, 1, self.ttl, len(packed)) + packed
        return answer

    def _datagram(self, sock, server):
        data, peer = sock.recvfrom(2048)
        answer = self._answer(data, server, peer, "udp")
        if answer:
            sock.sendto(answer, peer)

    def _connection(self, sock, server):
        client, peer = sock.accept()
        with client:
            client.settimeout(1)
            data = client.recv(2048)
            answer = self._answer(data[2:], server, peer, "tcp")
            if answer:
                client.sendall(struct.pack("!H", len(answer)) + answer)

    def clients(self, name, since=0):
        """Who has asked for a name, from the n-th question on."""
        return {client for _, asked, _, client, _ in self.asked[since:] if asked == name}

    def close(self):
        self._wake.close()
        self.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
