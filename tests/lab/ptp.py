# SPDX-License-Identifier: GPL-2.0-or-later
"""
Point-to-point links, such as pppd's and a modem's: nothing is resolved on them, the peer's address or the link itself is
the gateway, and they vanish when the line hangs up. Kernels of machines that test have no PPP: two tun devices and a
thread that carries packets between them stand in for it. What pppd, IPv6CP, DHCPv6 and a router's advertisement would
leave on the link, topology.py sets. tests/appliance/vm/test_vm_pppoe.py has a real pppd.
"""

import errno
import fcntl
import os
import select
import struct
import threading

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def _tun(namespace, name):
    """A new device, which lives as long as the descriptor that is returned."""
    with namespace.entered():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except BaseException:
        os.close(fd)
        raise
    return fd


class Line(threading.Thread):
    """Two devices, and what carries packets between them until hang_up(): then both are gone."""

    def __init__(self, *ends):
        super().__init__(daemon=True)
        self._fds = []
        self._wake = os.eventfd(0)
        try:
            for namespace, name in ends:
                self._fds.append(_tun(namespace, name))
        except BaseException:
            self._close()
            os.close(self._wake)
            raise
        self.start()

    def run(self):
        poll = select.poll()
        for fd in (*self._fds, self._wake):
            poll.register(fd, select.POLLIN)
        other = dict(zip(self._fds, reversed(self._fds)))
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake or not self._carry(fd, other[fd]):
                    self._close()
                    return

    @staticmethod
    def _carry(source, target):
        """One packet. One for an end that is down is lost; false: the device is gone."""
        try:
            packet = os.read(source, 65536)
        except OSError as error:
            return error.errno == errno.EAGAIN
        try:
            os.write(target, packet)
        except OSError as error:
            return error.errno in (errno.EIO, errno.EAGAIN, errno.EINVAL)
        return True

    def _close(self):
        for fd in self._fds:
            os.close(fd)
        self._fds = []

    def hang_up(self):
        """Also where the devices have gone already."""
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)
            self.join()
            os.close(self._wake)
            self._wake = -1
