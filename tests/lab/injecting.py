# SPDX-License-Identifier: GPL-2.0-or-later
"""
Lets any one call of a program fail: a system call, an allocation, an answer of the kernel. inject.c runs the program,
and inject.h says which kinds there are.
"""

import errno
import mmap
import os
import struct

ORDERS = "/run/injection"
HEAD = "=8I"
MOST_CALLS = 65536
SIZE = struct.calcsize(HEAD) + 8 * MOST_CALLS

# A kind of failure: a name for people, inject.h's number, and the error, 0 for one that fits the call.
KINDS = {
    "syscall": (1, 0), "eintr": (1, errno.EINTR), "eperm": (1, errno.EPERM), "memory": (2, 0), "short": (3, 0),
    "lost": (4, 0), "refused": (5, 0), "interrupted": (6, 0), "cut": (7, 0), "broken": (8, errno.EBUSY)}


class Injection:
    """What is to fail of the programs of a router."""

    def __init__(self, router, destdir):
        build = os.path.join(os.path.dirname(os.path.abspath(destdir)), "tests", "lab")
        self.through = os.path.join(build, "inject")
        self.environment = {"INJECT_LIBRARY": os.path.join(build, "inject-memory.so")}
        router.path(ORDERS).write_bytes(b"\0" * SIZE)
        with open(router.path(ORDERS), "r+b") as file:
            self._orders = mmap.mmap(file.fileno(), SIZE)

    def command(self, *args):
        """The command line that runs a program so."""
        return [self.through, ORDERS, *args]

    def order(self, kind, number=0):
        """The call with that number, from 1, fails; 0: none, but all are counted."""
        number_of_kind, error = KINDS[kind]
        self._orders[:struct.calcsize(HEAD)] = struct.pack(HEAD, number_of_kind, number, error, 0, 0, 0, 0, 0)

    def _head(self):
        return struct.unpack(HEAD, self._orders[:struct.calcsize(HEAD)])

    def calls(self):
        return self._head()[4]

    def failed(self):
        """Whether it has come to that call."""
        return self._head()[5] > 0

    def call(self):
        """The number of the system call that failed."""
        return self._head()[6]

    def sites(self):
        """Of the calls that were counted, the first one from each place: numbers."""
        count = min(self.calls(), MOST_CALLS)
        seen, firsts = set(), []
        for number, (site,) in enumerate(struct.iter_unpack("=Q", self._orders[32:32 + 8 * count]), 1):
            if site not in seen:
                seen.add(site)
                firsts.append(number)
        return firsts

    def close(self):
        self._orders.close()
