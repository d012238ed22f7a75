# SPDX-License-Identifier: GPL-2.0-or-later
"""
When traffic arrives: a LAN client opens new flows all the time, in both
families, and the first answer over each WAN is noted.

    with Arrivals(lab) as arrivals:
        lab.boot()
        arrivals.wait()                 until all WANs have carried both families
    print(arrivals.first)               {("att", 4): seconds since boot, …}
"""

import select
import threading
import time

from lab import SERVERS4, SERVERS6
from traffic import PATIENCE, UdpFlow, wait_until

ROUNDS, ATTEMPTS, ANSWER = 20, 2, 1.0  # rounds a second, new flows of a family in each, seconds for an answer


def text(first):
    """`first` in words."""
    return ", ".join(f"{wan} IPv{family} {seconds:.1f} s" for (wan, family), seconds in sorted(first.items()))


class Arrivals(threading.Thread):
    """Asks until its end. `carries`: {(WAN's name, family)}, what wait() waits for; without it, everything."""

    def __init__(self, lab, carries=None):
        super().__init__(daemon=True)
        self.lab = lab
        self.carries = set(carries or ((one.name, family) for one in lab.wans for family in (4, 6)))
        self.first = {}
        self.begin = lab.router.begin or time.monotonic()
        self._running = True

    def run(self):
        waiting, poll, number = {}, select.poll(), 0
        while self._running:
            number += 1
            for servers in (SERVERS4, SERVERS6):
                for _ in range(ATTEMPTS):
                    flow = UdpFlow(self.lab.client, servers[number % len(servers)])
                    flow.send()
                    poll.register(flow.sock, select.POLLIN)
                    waiting[flow.sock.fileno()] = (flow, time.monotonic() + ANSWER)
            deadline = time.monotonic() + 1 / ROUNDS
            while (left := deadline - time.monotonic()) > 0:
                for fd, _ in poll.poll(left * 1000):
                    self._take(waiting[fd][0])
                    self._close(waiting, poll, fd)
            for fd in [fd for fd, (_, until) in waiting.items() if until < time.monotonic()]:
                self._close(waiting, poll, fd)
        for fd in list(waiting):
            self._close(waiting, poll, fd)

    @staticmethod
    def _close(waiting, poll, fd):
        poll.unregister(fd)
        waiting.pop(fd)[0].close()

    def _take(self, flow):
        answer = flow.answer(0)
        one = answer and self.lab.wan_of(answer.source)
        if one:
            family = 6 if ":" in answer.source else 4
            self.first.setdefault((one.name, family), time.monotonic() - (self.lab.router.begin or self.begin))

    def wait(self, seconds=PATIENCE):
        """Until all that it waits for has been seen; returns `first`."""
        try:
            wait_until(lambda: self.lab.router.alive() and self.carries <= self.first.keys(), "traffic over every WAN", seconds)
        except TimeoutError:
            missing = sorted(self.carries - self.first.keys())
            raise TimeoutError(f"not within {seconds} s: {missing}; seen: {self.first}\n"
                               f"{self.lab.router.journal()[-20000:]}") from None
        return self.first

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self.join()
