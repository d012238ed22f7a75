"""HTTP probes: what is an answer, and that servers which misbehave harm nobody else."""

import os
import time

import pytest

import faults
import wans
from lab import SERVERS4, SERVERS6
from web import Web, url

PACE = 5 if "ASAN_OPTIONS" in os.environ else 1  # sanitized, a hundred TLS handshakes a second are too many
DEADLINE = PACE * (0.3 * 3 + 0.25 + 4)
HEALTH = {"interval": f"{PACE * 300}ms", "timeout": f"{PACE * 250}ms", "failure_threshold": 3, "recovery_threshold": 3,
          "ping4": "", "ping6": ""}

# What is asked, and whether that is an answer.
CASES = [
    (lambda family: url("/200", family), True),
    (lambda family: url("/204", family), True),
    (lambda family: url("/302", family), True),
    (lambda family: url("/away", family), True),
    (lambda family: url("/399", family), True),
    (lambda family: url("/400", family), False),
    (lambda family: url("/500", family), False),
    (lambda family: url("/hang", family), False),
    (lambda family: url("/reset", family), False),
    (lambda family: url("/slow", family), False),
    (lambda family: url("/200", family, port=81), False),  # accepts, and says nothing
    (lambda family: url("/200", family, port=82), False),  # nobody there
    (lambda family: url("/200", family, "https"), True),
    (lambda family: url("/200", family, "https", port=8443), False),  # nobody vouches for it
    (lambda family: url("/200", family, "https", other=True), False),  # another's certificate
    (lambda family: url("/200", family, "https", port=81), False),  # no handshake
    (lambda family: url("/200", family, "https", port=80), False),  # no TLS
]


@pytest.fixture
def web(make_lab):
    """make(descriptions): a lab with web servers, and its health-check."""
    opened = []

    def make(descriptions):
        lab = make_lab(descriptions, health=HEALTH)
        opened.append(Web(lab.internet))
        opened[-1].trust(lab.router)
        return lab, opened[-1], lab.daemon()

    yield make
    for one in opened:
        one.close()


def test_each_kind_of_answer_is_judged_for_what_it_is(web):
    """One WAN for each kind, all at once: those that hang hold up nobody."""
    descriptions = wans.many([1] * len(CASES))
    for one, (address, _) in zip(descriptions, CASES):
        one.nat4, one.keys = "masquerade", {"http4": address(4), "http6": address(6)}
    lab, servers, daemon = web(descriptions)
    wanted = {}
    for isp, (_, answers) in zip(lab.isps, CASES):
        wanted.update({f"{isp.wan.name} {family}": "up" if answers else "down" for family in ("ipv4", "ipv6")})
    daemon.wait(lambda: daemon.states() == wanted, DEADLINE, str(wanted))
    files = daemon.descriptors()
    time.sleep(1.5)
    assert daemon.states() == wanted
    assert daemon.descriptors() <= files + 2 * len(CASES), "connections are left open"
    sources = {}
    for path, client in servers.requests():
        sources.setdefault(path, set()).add(client)
    for path, one in (("/204", descriptions[1]), ("/500", descriptions[6])):
        assert sources[path] and all(one.owns(source) for source in sources[path]), (path, sources[path])


def test_a_server_that_fails_and_recovers_takes_its_wan_along(web):
    keys = {"http4": url("/200", 4), "http6": url("/200", 6)}
    _, servers, daemon = web([wans.att(keys=keys), wans.webpass(keys={"ping4": SERVERS4[0], "ping6": SERVERS6[0]})])
    daemon.wait_states(DEADLINE)
    servers.answer(503)
    daemon.wait_states(DEADLINE, att4="down", att6="down")
    servers.answer(None)
    daemon.wait_states(DEADLINE)


def test_ping_and_http_count_together(web):
    """Two answers are asked for: ping and the web server, or it is down."""
    pings = {"ping4": SERVERS4[0], "ping6": SERVERS6[0]}
    both = {**pings, "http4": url("/200", 4), "http6": url("/200", 6)}
    lab, servers, daemon = web([wans.att(keys={**both, "min_targets": 2}), wans.webpass(keys=both)])
    daemon.wait_states(DEADLINE)
    servers.answer(500)
    daemon.wait_states(DEADLINE, att4="down", att6="down")
    lab.isp("webpass").fault(faults.NO_ECHO)
    daemon.wait_states(DEADLINE, default="down")
    servers.answer(None)
    daemon.wait_states(DEADLINE, att4="up", att6="up")
