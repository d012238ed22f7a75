# SPDX-License-Identifier: GPL-2.0-or-later
"""
Traffic in bounded amounts: flows that are opened and compared, and a steady
load that counts what it loses.
"""

import errno
import resource
import select
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass

# Seconds that a state may take to come, or an answer, or the end of a program. Who waits, waits for that state: only a
# test that fails takes so long, and no machine is so busy.
PATIENCE = 120
QUIET = 2  # seconds without an answer, after which none is coming any more
SSH = 22
PORT = 7
BUFFER = 1 << 24


def raise_file_limit():
    """Thousands of flows are thousands of sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def readable(sock, seconds):
    """Whether there is something to receive, waiting for it at most that long."""
    poll = select.poll()  # select() stops at 1,024 descriptors
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(max(0, seconds) * 1000))


def wait_until(condition, what="condition", seconds=PATIENCE):
    """Polls until condition() is true and returns its value; an error after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


@dataclass
class Answer:
    """How a server saw a flow: who answered, on which address, and the flow's translated source."""

    server: str
    local: str
    source: str
    port: int

    @classmethod
    def parse(cls, words):
        server, local, source, port = words
        return cls(server, local, source, int(port))


class UdpFlow:
    """One UDP flow: a connected socket and its ID at the server."""

    _next = 0
    _port = 0

    def __init__(self, namespace, server, source=None, port=PORT, mark=None):
        UdpFlow._next += 1
        self.identity = f"f{UdpFlow._next}"
        self.sock = namespace.socket(family_of(server), socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self._bind(source or "")
        if mark is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        self.sock.connect((server, port))

    def _bind(self, source):
        """To a port that no flow before had: routers remember those, and keep them on their WAN."""
        while True:
            UdpFlow._port = (UdpFlow._port + 1) % 40000
            try:
                self.sock.bind((source, 20000 + UdpFlow._port))
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    def send(self, kind="echo", sequence=None):
        """Sends one request. Errors that ICMP brought for an earlier one are for answer() to miss."""
        identity = self.identity if sequence is None else f"{self.identity}.{sequence}"
        for _ in range(2):
            try:
                self.sock.send(f"{kind} {identity}".encode())
                return
            except ConnectionError:
                continue
            except OSError:
                return

    def answer(self, seconds=PATIENCE):
        """The Answer, or None when none came in time."""
        deadline = time.monotonic() + seconds
        while readable(self.sock, deadline - time.monotonic()):
            try:
                words = self.sock.recv(2048).decode().split()
            except OSError:
                continue
            return Answer.parse(words[1:])
        return None

    def ask(self, kind="echo", seconds=PATIENCE):
        """The Answer, or None. Asks again every two seconds: a busy machine may lose a datagram."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.send(kind)
            answer = self.answer(min(left, 2))
            if answer:
                return answer
        return None

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class TcpFlow:
    """One TCP connection."""

    def __init__(self, namespace, server, source=None, port=PORT, seconds=PATIENCE):
        self.sock = namespace.socket(family_of(server), socket.SOCK_STREAM)
        self.sock.settimeout(seconds)
        if source:
            self.sock.bind((source, 0))
        try:
            self.sock.connect((server, port))
            self.greeting = Answer.parse(self._line().split())
        except BaseException:
            self.sock.close()
            raise

    def _line(self):
        data = b""
        while not data.endswith(b"\n"):
            more = self.sock.recv(4096)
            if not more:
                raise ConnectionError("closed by the server")
            data += more
        return data.decode()

    def echo(self, text):
        """Sends a line and returns what comes back."""
        self.sock.sendall(text.encode() + b"\n")
        return self._line().rstrip("\n")

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def udp_flows(namespace, count, servers, sources=(None,), kind="echo"):
    """Opens flows and sends a request in each. The caller closes them: close_all()."""
    flows = [UdpFlow(namespace, servers[i % len(servers)], sources[i % len(sources)]) for i in range(count)]
    for flow in flows:
        flow.send(kind)
    return flows


def answers(flows, seconds=PATIENCE):
    """The Answer of each flow; None where none came before all had been silent for so many seconds."""
    found, deadline = [], time.monotonic() + seconds
    for flow in flows:
        found.append(flow.answer(max(0, deadline - time.monotonic())))
        if found[-1]:
            deadline = time.monotonic() + seconds
    return found


def close_all(flows):
    for flow in flows:
        flow.close()


def tcp_answers(namespace, count, servers, sources=(None,)):
    """Opens connections one after another, closing each; returns their Answers."""
    seen = []
    for i in range(count):
        with TcpFlow(namespace, servers[i % len(servers)], sources[i % len(sources)]) as flow:
            seen.append(flow.greeting)
            flow.close(reset=True)
    return seen


def refused(namespace, server, source=None, seconds=1):
    """Whether a UDP request is not answered."""
    with UdpFlow(namespace, server, source) as flow:
        return flow.ask(seconds=seconds) is None


class Load(threading.Thread):
    """
    Steady load over flows that are already open: each round sends a numbered
    datagram in every flow, and takes the answers until the next is due. Where
    the machine is busy there are fewer rounds: one that is late is not made up
    for, as no buffer holds what nobody has time to take. After stop(), `lost`
    says how many were not answered, by flow, and `moved` the flows whose
    translated source changed. A `with` block begins when the flows' sources
    are known: no change comes before what it is compared with.
    """

    def __init__(self, flows, rounds_per_second=50, seconds=PATIENCE):
        super().__init__(daemon=True)
        self.flows = flows
        self.interval = 1 / rounds_per_second
        self.limit = time.monotonic() + seconds
        self.sent = 0
        self.lost = Counter()
        self.moved = set()
        self.last = {}
        self._open = {flow.identity: set() for flow in flows}
        self._sources = {}
        self._by_fd = {flow.sock.fileno(): flow for flow in flows}
        self._poll = select.epoll()
        for fd in self._by_fd:
            self._poll.register(fd, select.EPOLLIN)
        self._running = True

    def run(self):
        due = time.monotonic()
        sequence = 0
        while self._running and time.monotonic() < self.limit:
            for flow in self.flows:
                self._open[flow.identity].add(sequence)
                flow.send("echo", sequence)
                self.sent += 1
            sequence += 1
            due = max(due + self.interval, time.monotonic())
            while self._receive(max(0, due - time.monotonic())):
                pass
        while any(self._open.values()) and self._receive(QUIET):
            pass
        self._poll.close()

    def _receive(self, seconds):
        """Takes answers that are there, or come within so many seconds; returns whether there were any."""
        ready = self._poll.poll(seconds)
        for fd, _ in ready:
            self._take(self._by_fd[fd])
        return bool(ready)

    def _take(self, flow):
        try:
            words = flow.sock.recv(2048).decode().split()
        except OSError:
            return
        identity, _, sequence = words[0].partition(".")
        if not sequence:
            return  # the answer to what opened the flow
        self._open[identity].discard(int(sequence))
        source = tuple(words[3:5])
        if self._sources.setdefault(identity, source) != source:
            self.moved.add(identity)
        self.last[identity] = time.monotonic()

    def stop(self):
        """Ends the load, waits for the last answers, and counts."""
        self._running = False
        self.join()
        for identity, sequences in self._open.items():
            if sequences:
                self.lost[identity] = len(sequences)
        return self

    def __enter__(self):
        self.start()
        wait_until(lambda: len(self.last) == len(self.flows), "every flow under load is answered")
        return self

    def __exit__(self, *_):
        self.stop()


def listen(namespace, family, port=SSH):
    """A listening TCP socket on all addresses."""
    sock = namespace.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    sock.listen(16)
    return sock


def connects(namespace, address, port=SSH, source=None):
    with namespace.socket(family_of(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(0.25)
        if source:
            sock.bind((source, 0))
        try:
            sock.connect((address, port))
        except OSError:
            return False
    return True
