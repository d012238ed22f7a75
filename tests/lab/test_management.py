# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody locks himself out: SSH where MANAGEMENT says, or, while none of it is there, wherever no WAN is."""

import socket

import pytest

import wans
from lab import STRANGER6
from traffic import PATIENCE, connects, listen

BASE = "/etc/mwan/nftables.conf"
CARD = {4: "192.168.50.1", 6: "fd00:50::1"}
LAN = {4: "10.250.250.1", 6: "3d06:bad:b01:fe::1"}
SAYS = "no interface of MANAGEMENT"


def rename(lab, old, new):
    """The management card is called otherwise, as a machine that has not renamed its cards."""
    lab.router.ip(f"link set {old} down\nlink set {old} name {new}\nlink set {new} up\n")
    lab.router.ip(f"addr replace fd00:50::1/64 dev {new} nodad\n", 6)


def admits(lab):
    """Where SSH is accepted: {"card", "LAN", "att", "webpass"}, by both families of what has both."""
    with listen(lab.router, socket.AF_INET), listen(lab.router, socket.AF_INET6):
        found = {
            "card": [connects(lab.admin, CARD[family]) for family in (4, 6)],
            "LAN": [connects(lab.opnsense, LAN[family]) for family in (4, 6)],
            **{one.name: [connects(lab.isp(one.name), one.address4.split("/")[0]),
                          connects(lab.internet, one.address6, source=STRANGER6)] for one in lab.wans}}
    return {name if all(answers) else f"part of {name}" for name, answers in found.items() if any(answers)}


@pytest.fixture(scope="module")
def site(share_lab):
    """A lab whose management card has another name than MANAGEMENT; nothing is loaded."""
    lab = share_lab(health=wans.QUICK)
    lab.router.nft("flush ruleset")
    rename(lab, "eth0", "enp1s0")
    yield lab


def test_a_dry_run_says_so_before_anything_is_loaded(site):
    result = site.router.run("update-routes", "--check", check=False)
    assert result.code == 3 and f"{SAYS} in {BASE} is there (eth0, enmgmt0)" in result.err, result
    assert site.router.ruleset() == ""


def test_a_session_goes_on_that_is_older_than_the_ruleset(site):
    """Nobody tracked it before; on a card that will not admit another one, too."""
    with listen(site.router, socket.AF_INET) as server, site.opnsense.socket(socket.AF_INET, socket.SOCK_STREAM) as old:
        old.settimeout(PATIENCE)
        old.connect((LAN[4], 22))
        peer, _ = server.accept()
        rename(site, "enp1s0", "eth0")
        site.router.load_base()
        connects(site.admin, CARD[4])
        for side, other in ((old, peer), (peer, old)):
            side.sendall(b"x")
            other.settimeout(PATIENCE)
            assert other.recv(1) == b"x"
        peer.close()
    assert admits(site) == {"card"}
    rename(site, "eth0", "enp1s0")


def test_loading_the_base_alone_locks_nobody_out(site):
    site.router.load_base()
    assert {"card", "LAN"} <= admits(site)


def test_a_run_closes_the_wans_and_says_that_the_rest_is_open(site):
    for program in ("update-routes", "update-npt"):
        result = site.router.run(program)
        assert SAYS in result.err, result
        assert admits(site) == {"card", "LAN"}
    site.router.load_base()
    assert admits(site) == {"card", "LAN"}


def test_when_one_is_there_a_run_closes_all_others_and_opens_them_when_it_goes(site):
    rename(site, "enp1s0", "enmgmt0")
    assert SAYS not in site.router.run("update-routes").err
    assert admits(site) == {"card"}
    site.router.load_base()
    assert admits(site) == {"card"}
    rename(site, "enmgmt0", "enp1s0")
    assert SAYS in site.router.run("update-routes").err
    assert admits(site) == {"card", "LAN"}


def test_a_broken_configuration_changes_nothing_of_it(site):
    text = site.router.read("/etc/mwan/mwan.conf")
    site.router.configure("nonsense\n")
    site.router.nft("flush ruleset")
    site.router.run("rm", "-r", "/run/mwan/nft")
    site.router.load_base()
    assert {"card", "LAN"} <= admits(site)
    rename(site, "enp1s0", "eth0")
    site.router.load_base()
    assert site.router.run("update-routes", check=False).code == 2
    connects(site.admin, CARD[4])
    assert admits(site) == {"card"}
    rename(site, "eth0", "enp1s0")
    site.router.configure(text)


def test_the_daemon_sees_it_come_and_go(site):
    daemon = site.daemon()
    daemon.wait_states()
    daemon.wait(lambda: [one["who"] for one in daemon.health().get("troubles", [])] == ["management"], "it says so")
    result = site.router.run("health-check", "--status", check=False)
    assert result.code == 4 and f"management: {SAYS}" in result.out, result
    assert admits(site) == {"card", "LAN"}
    for name in ("eth0", "enmgmt0"):
        rename(site, "enp1s0", name)
        daemon.wait(lambda: admits(site) == {"card"}, "only there")
        daemon.wait(lambda: "troubles" not in daemon.health(), "nothing is wrong")
        rename(site, name, "enp1s0")
        daemon.wait(lambda: admits(site) == {"card", "LAN"}, "open again")
    daemon.wait(lambda: daemon.said(SAYS), "it is said")
