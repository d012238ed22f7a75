# SPDX-License-Identifier: GPL-2.0-or-later
"""
Lets one call of a program fail, the n-th one from now on: receiving from netlink, or an allocation. The library that
does so is failing.c.
"""

import errno
import mmap
import os
import struct

RECEIVE, TRUNCATE, DUMP, MALLOC, LIBRARY = 1, 2, 3, 4, 5
ORDERS = "/run/failing"
LAYOUT = "=5I"

# What is tried at each place, in turn.
FAILURES = [(RECEIVE, errno.ENOBUFS), (RECEIVE, errno.EMSGSIZE), (TRUNCATE, 0), (RECEIVE, errno.ENOMEM),
            (RECEIVE, errno.EINTR)]


class Failing:
    """The orders for programs of a router that run in `environment`."""

    def __init__(self, router, destdir):
        build = os.path.dirname(os.path.abspath(destdir))
        library = os.environ.get("MWAN_FAILING") or os.path.join(build, "tests", "lab", "failing.so")
        self.environment = {"LD_PRELOAD": library, "FAILING": ORDERS}
        router.write(ORDERS, "\0" * struct.calcsize(LAYOUT))
        with open(router.path(ORDERS), "r+b") as file:
            self._orders = mmap.mmap(file.fileno(), struct.calcsize(LAYOUT))

    def order(self, failure, number, error=0, times=1):
        """The call with that number, from 1, fails, and those after it, so many in all."""
        self._orders[:] = struct.pack(LAYOUT, failure, error, number, times, 0)

    def failed(self):
        """Whether it has come to that call."""
        return struct.unpack(LAYOUT, self._orders)[4] > 0

    def close(self):
        self._orders.close()
