# SPDX-License-Identifier: GPL-2.0-or-later
"""
Continuous load of both families: UDP, TCP and ICMP from inside, UDP from outside. It knows of each flow which WAN it is
on, and what of it was not answered.

How late an answer comes decides nothing. A packet is lost if a later one of its flow is answered and it is not: the lab
keeps the order of a flow.
"""

import errno
import select
import struct
import threading
import time

import rtnl
from icmp import Echo
from traffic import Answer, TcpFlow, UdpFlow, family_of

ROUNDS = 20  # a second, where the machine has the time
LATEST = 1000  # packets that a flow remembers


class Flow:
    """A flow under load. `home` is the WAN's name, None before anything is known."""

    kind, inbound = "udp", False

    def __init__(self, family, home=None):
        self.family, self.home = family, home
        self.open = {}  # sequence → when it was sent
        self.began = self.answered = self.heard = 0  # when the newest answered one was sent; when an answer came last
        self.first = None  # when the first one that was answered was sent, since the flow was in doubt
        self.moves = []  # (when the answer before came, from, to)
        self.dead = None  # why there is nothing more to come

    def sent(self, sequence):
        if len(self.open) > LATEST:
            self.open.pop(next(iter(self.open)))
        self.open[sequence] = time.monotonic()

    def arrived(self, sequence, home=None):
        sent = self.open.pop(sequence, None)
        if sent is None:
            return
        if home and self.home and home != self.home:
            self.moves.append((self.heard, self.home, home))
        self.home = home or self.home
        if self.first is None and sent > self.began:
            self.first = sent
        self.answered, self.heard = max(self.answered, sent), time.monotonic()

    def lost(self, until):
        """How many were sent until then, and will never be answered."""
        return sum(sent < min(until, self.answered) for sent in self.open.values())

    def doubt(self):
        """Where it is now is not known before the next answer."""
        self.began, self.first = time.monotonic(), None

    def forget(self, until):
        self.open = {sequence: sent for sequence, sent in self.open.items() if sent >= until}

    def __repr__(self):
        return f"{'inbound ' if self.inbound else ''}{self.kind} IPv{self.family} on {self.home}"


class Udp(Flow):
    def __init__(self, namespace, server, owner, source=None, home=None, **kwargs):
        super().__init__(6 if ":" in server else 4, home)
        self.inbound, self._owner = home is not None, owner
        self._flow = UdpFlow(namespace, server, source, **kwargs)
        self.fileno = self._flow.sock.fileno()

    def send(self, sequence):
        self.sent(sequence)
        self._flow.send("echo", sequence)

    def receive(self):
        while True:
            try:
                words = self._flow.sock.recv(2048).decode().split()
            except ConnectionError:
                continue  # what ICMP says of an earlier one
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
                    return
                continue
            identity, _, sequence = words[0].partition(".")
            if sequence:
                self.arrived(int(sequence), None if self.inbound else self._owner(Answer.parse(words[1:]).source))

    def close(self):
        self._flow.close()


class Tcp(Flow):
    kind = "tcp"

    def __init__(self, namespace, server, owner, seconds):
        super().__init__(6 if ":" in server else 4)
        self._flow = TcpFlow(namespace, server, seconds=seconds)
        self.home = owner(self._flow.greeting.source)
        self._flow.sock.setblocking(False)
        self.fileno, self._rest = self._flow.sock.fileno(), b""

    def send(self, sequence):
        if self.dead:
            return
        try:
            self._flow.sock.send(b"%d\n" % sequence)
            self.sent(sequence)
        except BlockingIOError:
            pass  # what the kernel keeps for it is enough
        except OSError as error:
            self.dead = str(error)

    def receive(self):
        try:
            data = self._flow.sock.recv(65536)
            if not data:
                self.dead = "closed by the server"
        except BlockingIOError:
            return
        except OSError as error:
            self.dead, data = str(error), b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.arrived(int(line))

    def close(self):
        self._flow.close(reset=True)


class Ping(Flow):
    """Echo requests with one identifier."""

    kind = "icmp"
    _next = 0x5000

    def __init__(self, namespace, target):
        super().__init__(6 if ":" in target else 4)
        Ping._next += 1
        self.identifier, self._target = Ping._next, target
        self._echo = Echo(namespace, family_of(target))
        self._echo.sock.setblocking(False)
        self.fileno = self._echo.sock.fileno()

    def send(self, sequence):
        self.sent(sequence & 0xFFFF)
        try:
            self._echo.send(self._target, self.identifier, sequence & 0xFFFF)
        except OSError:
            pass  # what ICMP says of an earlier one

    def receive(self):
        while True:
            try:
                data = self._echo.sock.recv(2048)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
                    return
                continue
            data = data[(data[0] & 15) * 4:] if self.family == 4 else data
            identifier, sequence = struct.unpack_from("!HH", data, 4)
            if data[0] in (0, 129) and identifier == self.identifier:
                self.arrived(sequence)

    def close(self):
        self._echo.sock.close()


def ping_homes(namespace, wan_of_mark):
    """{(family, identifier): WAN's name} of the tracked echo requests."""
    found = {}
    for family in (4, 6):
        for body in rtnl._flows(namespace, family):
            attributes = rtnl.attributes(body[4:])
            protocol = rtnl.attributes(rtnl.attributes(attributes[1])[2])
            identifier = protocol.get(4, protocol.get(7))
            mark = attributes.get(rtnl.CTA_MARK)
            if identifier and mark:
                found[family, struct.unpack("!H", identifier)[0]] = wan_of_mark(struct.unpack("!I", mark)[0])
    return found


class Load(threading.Thread):
    """Sends a packet in each flow, again and again, until close()."""

    def __init__(self):
        super().__init__(daemon=True)
        self.flows, self.packets = [], 0
        self._by_fd, self._poll = {}, select.epoll()
        self._lock = threading.Lock()
        self._sequence, self._running, self.paused = 0, True, False

    def add(self, flow):
        with self._lock:
            flow.began = time.monotonic()
            self.flows.append(flow)
            self._by_fd[flow.fileno] = flow
            self._poll.register(flow.fileno, select.EPOLLIN)
        return flow

    def remove(self, flow):
        with self._lock:
            self.flows.remove(flow)
            if self._by_fd.pop(flow.fileno, None):
                self._poll.unregister(flow.fileno)
            flow.close()

    def run(self):
        due = time.monotonic()
        while self._running:
            if not self.paused:
                with self._lock:
                    self._sequence += 1
                    for flow in self.flows:
                        flow.send(self._sequence)
                        self.packets += 1
            due = max(due + 1 / ROUNDS, time.monotonic())
            while self._take(max(0, due - time.monotonic())):
                pass

    def _take(self, seconds):
        ready = self._poll.poll(seconds)
        with self._lock:
            for fd, _ in ready:
                flow = self._by_fd.get(fd)
                if not flow:
                    continue
                flow.receive()
                if flow.dead:
                    self._poll.unregister(fd)
                    del self._by_fd[fd]
        return bool(ready)

    def close(self):
        self._running = False
        if self.is_alive():
            self.join()
        for flow in self.flows:
            flow.close()
        self._poll.close()
