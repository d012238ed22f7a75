# SPDX-License-Identifier: GPL-2.0-or-later
"""
A journal in the router: the socket of its native protocol, which keeps what it is sent.
"""

import contextlib
import socket

SOCKET, RUNNER = "/run/systemd/journal/socket", "/run/lab-journaled"


class Journal:
    """
    `through` is what a command line has to begin with for its stderr to be this journal:
    lab.router.run(*journal.through, "update-routes"). Entries come by the socket; what is
    written to stderr all the same is seen there.
    """

    through = [RUNNER]

    def __init__(self, router):
        path = router.path(SOCKET)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind(str(path))
        self._read = []
        # As systemd does for a service: device and inode of its stderr.
        router.write(RUNNER, '#!/bin/sh\nexport JOURNAL_STREAM="$(stat -L -c %d:%i /proc/self/fd/2)"\nexec "$@"\n', 0o755)

    def entries(self, **fields):
        """Those with these fields, in order: {name: value}. entries(MWAN_WAN="att")"""
        while True:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                break
            self._read.append(parse(data))
        return [entry for entry in self._read if fields.items() <= entry.items()]

    def fill(self, router):
        """Until it takes no more, as one that stands still; entries() makes room."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.sendto(b"MESSAGE=of another program\n", str(router.path(SOCKET)))

    def close(self):
        self.sock.close()


def parse(data):
    """The fields of a datagram: NAME=VALUE, or NAME, a length and a value that has several lines."""
    entry = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(data[:8], "little")
            value, data = data[8:8 + length], data[8 + length + 1:]
        assert name.decode() not in entry, name
        entry[name.decode()] = value.decode()
    return entry
