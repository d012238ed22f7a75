# SPDX-License-Identifier: GPL-2.0-or-later
"""
Other firewalls, installed for real beside mwan: what they do to packets, that the doctor names them by what they do,
and that its command mends it. mwan leaves their tables alone.
"""

import pytest

import wans
from beside import Beside
from traffic import wait_until


@pytest.fixture(scope="module")
def shared(share_appliance):
    return Beside(share_appliance(health=wans.QUICK))


@pytest.fixture
def site(shared):
    yield shared
    shared.well()


def test_ufw(site):
    site.install("ufw")
    site.well()
    site.router.run("ufw", "--force", "enable")
    assert site.refuses(4, 6)
    found = site.doctor.finds("nft", "WRONG", "ufw drops what is forwarded, and the answers to mwan's probes")
    assert "(table ip filter, table ip6 filter)" in found.text
    site.doctor.follow(found)


def test_firewalld(site):
    site.install("firewalld")
    wait_until(lambda: "table inet firewalld" in site.router.ruleset(), "firewalld's rules")
    assert site.refuses(4, 6)
    site.doctor.follow(site.doctor.finds("nft", "WRONG", "firewalld drops what is forwarded"))


def test_docker_does_no_harm_on_a_router(site):
    """Whoever forwards already goes on; but table ip nat can't have two owners."""
    site.install("docker.io", "iptables")
    wait_until(lambda: "chain DOCKER-USER" in site.router.ruleset(), "Docker's rules")
    site.carries()
    site.router.run("update-routes", "--check")
    keep_docker(site, site.doctor.finds("nft", "note", "Docker writes into table ip nat"))


def test_docker_that_made_the_machine_forward(site):
    """As where it was there before mwan: then it forwards only for its containers."""
    site.router.run("systemctl", "stop", "docker.socket", "docker.service")
    site.router.path("/etc/docker/daemon.json").unlink()
    site.router.run("sysctl", "--write", "net.ipv4.ip_forward=0")
    site.router.run("systemctl", "reset-failed", "docker")
    site.router.run("systemctl", "start", "docker", check=False)
    policy = "hook forward priority filter; policy drop"
    wait_until(lambda: policy in site.router.run("nft", "list table ip filter").out, "Docker's policy")
    assert site.refuses(4) and not site.refuses(6)
    # Docker's own start that failed half way may leave a network that conflicts with itself.
    site.router.run("systemctl", "stop", "docker.socket", "docker.service", check=False)
    site.router.run("rm", "-rf", "/var/lib/docker/network")
    keep_docker(site, site.doctor.finds("nft", "WRONG", "Docker drops what is forwarded"))


def keep_docker(site, found):
    """As the fix says: Docker runs on, and has no rules."""
    assert '{ "iptables": false }' in found.fix and "/etc/docker/daemon.json" in found.fix
    site.router.write("/etc/docker/daemon.json", '{ "iptables": false }\n')
    site.doctor.follow(found, 1)
    assert site.router.unit("docker", "ActiveState")["ActiveState"] == "active"
    assert "DOCKER" not in site.router.ruleset()
