# SPDX-License-Identifier: GPL-2.0-or-later
"""
A switch port on a wire with VLANs, where this machine's kernel has none: untagged frames go one
way, those of a VLAN another, as frames without a tag. At the other end of the wire is a network
card of qemu's.

    trunk = Trunk(untagged, {3242: tagged})     taps' file descriptors, see tap()
    qemu: -netdev socket,fd=N,…                 with trunk.wire.fileno()
    trunk.seen                                  Counter of (VLAN or None, EtherType) from the wire
"""

import fcntl
import os
import select
import socket
import struct
import threading
from collections import Counter

ETH_8021Q, ETH_IP, ETH_IP6, ETH_EAPOL = 0x8100, 0x0800, 0x86DD, 0x888E
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
MACS, FRAME = 12, 65536


def tap(namespace, name, mac):
    """
    A new interface in a namespace, up. What leaves it is read from the descriptor, what is written
    there comes in, and it goes when that is closed. The kernel fills in all checksums.
    """
    with namespace.entered():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    namespace.ip(f"link set {name} address {mac} up\n")
    return fd


class Trunk(threading.Thread):
    """Switches until close()."""

    def __init__(self, untagged, tagged):
        super().__init__(daemon=True)
        self.wire, self._end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.wire, self._end):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            end.setblocking(False)
        self.seen = Counter()
        self._ports = {None: untagged, **tagged}
        self._vlans = {fd: vlan for vlan, fd in self._ports.items()}
        self._wake, self._woken = os.pipe()

    def run(self):
        poll = select.poll()
        for fd in (self._wake, self._end.fileno(), *self._vlans):
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake:
                    return
                try:
                    if fd == self._end.fileno():
                        self._from_wire(self._end.recv(FRAME))
                    else:
                        self._to_wire(os.read(fd, FRAME), self._vlans[fd])
                except OSError:
                    pass  # nobody there, or no room: the frame is lost, as on any wire

    def _from_wire(self, frame):
        vlan, (kind,) = None, struct.unpack_from("!H", frame, MACS)
        if kind == ETH_8021Q:
            tag, kind = struct.unpack_from("!HH", frame, MACS + 2)
            vlan = tag & 0xFFF
            frame = frame[:MACS] + frame[MACS + 4:]
        self.seen[vlan, kind] += 1
        if vlan in self._ports:
            os.write(self._ports[vlan], frame)

    def _to_wire(self, frame, vlan):
        if vlan is not None:
            frame = frame[:MACS] + struct.pack("!HH", ETH_8021Q, vlan) + frame[MACS:]
        self._end.send(frame)

    def close(self):
        """The taps are for their owner to close."""
        os.write(self._woken, b"x")
        if self.is_alive():
            self.join()
        self.wire.close()
        self._end.close()
        os.close(self._wake)
        os.close(self._woken)
