# SPDX-License-Identifier: GPL-2.0-or-later
"""A call that fails once, at any place, stays one failure: the daemon goes on, and the next run makes it good."""

import errno
import fcntl
import time

import pytest

import failing
from failing import DUMP, FAILURES, LIBRARY, MALLOC
from machine import difference

# Verdicts play no part, and each probe is an allocation less to think of.
SLOW = {"interval": "10s", "timeout": "500ms"}


@pytest.fixture
def orders(make_lab):
    lab = make_lab(health=SLOW).up()
    made = failing.Failing(lab.router, lab.destdir)
    yield lab, made
    made.close()


class Gateway:
    """A WAN's default route in main, which comes and goes, and what the daemon makes of it."""

    def __init__(self, lab, daemon, name, family):
        self.lab, self.daemon, self.name, self.family = lab, daemon, name, family
        wan = lab.wan(name)
        via, proto = (wan.gateway4, "dhcp") if family == 4 else (wan.gateway6, "ra")
        self.route = f"default via {via} dev {wan.interface} proto {proto} metric {wan.metric}\n"

    def put(self, there):
        """Adds or removes it, and waits until the daemon has followed."""
        self.lab.router.ip(f"route {'add' if there else 'del'} {self.route}", self.family)
        shares = {"att": there / 2, "webpass": 1 - there / 2}
        self.daemon.wait(lambda: {name: self.daemon.family(name, f"ipv{self.family}")["share"]
                                  for name in shares} == shares, f"shares {shares}")


def places(step, number=1, wider=0):
    """
    The numbers of calls to try, from one to the next so far, and a part of the way there wider; whoever uses them ends
    when there is no such call any more.
    """
    while True:
        yield number
        number += step + int(number * wider)


@pytest.mark.parametrize("family", [4, 6])
def test_daemon_goes_on_after_any_failed_receive(orders, family):
    lab, made = orders
    daemon = lab.daemon(env=made.environment)
    gateway = Gateway(lab, daemon, "att", family)
    wanted = lab.router.snapshot()
    for number in places(4, family // 2):
        failure, error = FAILURES[number % len(FAILURES)]
        made.order(failure, number, error)
        gateway.put(False)
        gateway.put(True)
        if not made.failed():
            break
    assert number > 30
    daemon.wait_snapshot(wanted)
    lab.carries()


def test_daemon_goes_on_after_any_failed_allocation(orders):
    lab, made = orders
    daemon = lab.daemon(env=made.environment)
    gateway = Gateway(lab, daemon, "att", 4)
    wanted = lab.router.snapshot()
    # Most, and the last, are the report's, which is written again after two seconds.
    for number in places(3, wider=1 / 6):
        made.order(MALLOC, number)
        gateway.put(False)
        gateway.put(True)
        if not made.failed():
            break
    assert number > 30
    daemon.wait_snapshot(wanted)
    lab.carries()


FAILURE_OF = {"receive": lambda number: FAILURES[number % len(FAILURES)], "malloc": lambda _: (MALLOC, 0),
              "library": lambda _: (LIBRARY, 0), "dump": lambda _: (DUMP, errno.EIO)}


@pytest.mark.parametrize("kind, step", [("receive", 3), ("dump", 1), ("malloc", 17), ("library", 211)])
def test_run_with_any_failure_does_all_or_says_so(orders, kind, step):
    """Exit 0 is the desired state, never less; after anything else, one run is enough."""
    lab, made = orders
    wanted = lab.router.snapshot()
    for number in places(step):
        lab.router.ip("rule flush protocol 77\nroute flush table 100\n", 4 if number % 4 == 1 else 6)
        lab.router.nft("flush chain ip nat postrouting")
        failure, error = FAILURE_OF[kind](number)
        made.order(failure, number, error)
        result = lab.router.run("update-routes", env=made.environment, check=False)
        found = lab.router.snapshot()
        assert result.code in (0, 1), result
        if result.code == 0:
            assert found == wanted, "\n".join([f"call {number}", repr(result), *difference(wanted, found)])
        again = lab.router.run("update-routes")
        found = lab.router.snapshot()
        assert found == wanted, "\n".join([f"call {number}", repr(result), repr(again), *difference(wanted, found)])
        if not made.failed():
            break
    assert number > 10


# The watchdog is fed by what the daemon does, not by its loop

def wait_fed(daemon, times):
    fed = len(daemon.notified("WATCHDOG"))
    daemon.wait(lambda: len(daemon.notified("WATCHDOG")) >= fed + times, "WATCHDOG=1")


def test_watchdog_is_not_fed_while_no_run_succeeds_for_a_reason_of_ours(orders):
    lab, made = orders
    daemon = lab.daemon(env=made.environment, watchdog=0.4)
    wanted = lab.router.snapshot()
    wait_fed(daemon, 2)
    made.order(MALLOC, 1, times=1 << 30)
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait(lambda: daemon.said("systemd starts the daemon anew"), "it says so")
    assert "Cannot allocate memory" in daemon.notified("STATUS")[-1]
    fed = len(daemon.notified("WATCHDOG"))
    time.sleep(1)
    assert len(daemon.notified("WATCHDOG")) == fed
    made.order(0, 0)
    daemon.wait_snapshot(wanted)
    wait_fed(daemon, 2)


def test_watchdog_is_fed_by_each_run(lab):
    """Where runs are slow and follow one another, its timer has no turn in time."""
    daemon = lab.daemon(watchdog=3600)
    daemon.wait_states()
    fed = len(daemon.notified("WATCHDOG"))
    lab.router.ip("rule del pref 101\n", 4)
    daemon.wait(lambda: len(daemon.notified("WATCHDOG")) > fed, "WATCHDOG=1")


def test_watchdog_is_fed_when_a_new_daemon_could_do_no_more(orders):
    """It would be a restart loop: somebody keeps the lock, and mwan.conf is broken."""
    lab, made = orders
    daemon = lab.daemon(watchdog=0.4)
    lab.router.write("/etc/mwan/mwan.conf", "nonsense")
    daemon.reload()
    daemon.wait(lambda: daemon.said("the old configuration stays in force"), "it says so")
    wait_fed(daemon, 4)
    with open(lab.router.path("/run/mwan/lock"), "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lab.router.ip("rule del pref 101\n", 4)
        daemon.wait(lambda: "has held" in daemon.notified("STATUS")[-1], "it says who keeps it waiting")
        wait_fed(daemon, 4)
