# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP probes: what is an answer, and that servers which misbehave harm nobody else."""

import os

import pytest

import faults
import wans
from lab import SERVERS4, SERVERS6
from web import NOBODY4, Web, url

PACE = 4 if "ASAN_OPTIONS" in os.environ else 1  # sanitized, a handshake takes its time
NO_PING = {"ping4": "", "ping6": ""}
HEALTH = {**NO_PING, "interval": f"{PACE * 300}ms", "timeout": f"{PACE * 250}ms", "failure_threshold": 3,
          "recovery_threshold": 3}
# A busy machine does not get through all kinds at once, in both families, in less.
CROWDED = {**NO_PING, "interval": f"{PACE * 1500}ms", "timeout": f"{PACE * 1400}ms", "failure_threshold": 2,
           "recovery_threshold": 2}

# What is asked, and whether that is an answer.
CASES = [
    (lambda family: url("/200", family), True),
    (lambda family: url("/204", family), True),
    (lambda family: url("/302", family), False),
    (lambda family: url("/away", family), False),  # a portal
    (lambda family: url("/302", family) + " 302", True),
    (lambda family: url("/404", family) + " 401-404", True),
    (lambda family: url("/200", family) + " 204", False),
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

    def make(descriptions, health=HEALTH):
        lab = make_lab(descriptions, health=health)
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
    lab, servers, daemon = web(descriptions, CROWDED)
    wanted = {}
    for isp, (_, answers) in zip(lab.isps, CASES):
        wanted.update({f"{isp.wan.name} {family}": "up" if answers else "down" for family in ("ipv4", "ipv6")})
    daemon.wait(lambda: daemon.states() == wanted, str(wanted))
    files = daemon.descriptors()
    daemon.wait_cycles(1)
    assert daemon.states() == wanted
    for family, path in (("ipv4", "/away"), ("ipv6", "/away"), ("ipv4", "/200 204")):
        isp = lab.isps[[address(4).endswith(path) for address, _ in CASES].index(True)].wan.name
        trouble = daemon.family(isp, family)["trouble"]
        assert "looks like a captive portal" in trouble and "log in" in trouble, trouble
    assert f"leads to http://{NOBODY4}/200" in daemon.family("isp4", "ipv6")["trouble"]
    assert daemon.descriptors() <= files + 2 * len(CASES), "connections are left open"
    sources = {}
    for path, client in servers.requests():
        sources.setdefault(path, set()).add(client)
    for path, one in (("/204", descriptions[1]), ("/500", descriptions[8])):
        assert sources[path] and all(one.owns(source) for source in sources[path]), (path, sources[path])


def test_a_server_that_fails_and_recovers_takes_its_wan_along(web):
    keys = {"http4": url("/200", 4), "http6": url("/200", 6)}
    _, servers, daemon = web([wans.att(keys=keys), wans.webpass(keys={"ping4": SERVERS4[0], "ping6": SERVERS6[0]})])
    daemon.wait_states()
    servers.answer(503)
    daemon.wait_states(att4="down", att6="down")
    servers.answer(None)
    daemon.wait_states()


def test_ping_and_http_count_together(web):
    """Two answers are asked for: ping and the web server, or it is down."""
    pings = {"ping4": SERVERS4[0], "ping6": SERVERS6[0]}
    both = {**pings, "http4": url("/200", 4), "http6": url("/200", 6)}
    lab, servers, daemon = web([wans.att(keys={**both, "min_targets": 2}), wans.webpass(keys=both)])
    daemon.wait_states()
    servers.answer(500)
    daemon.wait_states(att4="down", att6="down")
    lab.isp("webpass").fault(faults.NO_ECHO)
    daemon.wait_states(default="down")
    servers.answer(None)
    daemon.wait_states(att4="up", att6="up")
