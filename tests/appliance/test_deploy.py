# SPDX-License-Identifier: GPL-2.0-or-later
"""
A machine is deployed by ansible, over SSH, from the first time to changes that are good, refused, or rolled back. One
machine lives through all of it, in the order of this file; whatever a change does not mean goes on under load. It begins
with the README's quick start, line by line.
"""

import contextlib
import re
import time

import pytest

from certificates import usual
from control import CHECKOUT, PLAY, SITE, Control, Fresh
from lab import REPO, SERVERS4
from machine import OWNER, difference
from readme import quick_start
from steady import Flows, own_and_others
from traffic import Load, UdpFlow, wait_until

# The first line has built the package that the control machine has.
BUILD, FOLDER, LOOK, DEPLOY, BRING, AGAIN, DOCTOR = quick_start()
VARS = "group_vars/mwan.yml"
CONF, TRACE = "/etc/mwan/mwan.conf", "/var/lib/mwan/trace-id"
CERTIFICATES = "/etc/wpa_supplicant"
GUARD = "mwan-deploy-guard"
BOTH = {("att", 4), ("att", 6), ("webpass", 4), ("webpass", 6)}
WEBPASS = {("webpass", 4), ("webpass", 6)}
RATE, LONG = 10, 3 * PLAY  # datagrams a second in each flow, for at most so many seconds
# Services, and what says that nobody has restarted or reloaded one.
SERVICES = ["mwan-health", "nftables", "systemd-networkd", "networkd-dispatcher", "wpa_supplicant-mwan", "wpa-cli-action",
            "ssh"]
TOUCHED = ["InvocationID", "StateChangeTimestampMonotonic"]
# The example's site is the lab's, but for what a card is called and known by. Verdicts, and what follows, come sooner.
OF_THE_LAB = {
    "interface: enmgmt0\n": "interface: eth0\n",
    '  mac: "02:00:5e:10:00:00"        # left out: the interface has its name already\n': "",
    "02:00:5e:10:00:03": "02:00:00:00:0a:01",
    "02:00:5e:10:00:01": "02:00:00:00:01:11",
    "02:00:5e:10:00:02": "02:00:00:00:01:02",
    "health: {}": "health: {interval: 500ms, timeout: 400ms, failure_threshold: 3, recovery_threshold: 2}",
    "mwan_sysctl: {}\n": "mwan_sysctl: {}\nmwan_deploy_wait: 15\n",
}
# The last two inside addresses change places.
SWAP = {"10.250.250.5: {": "10.250.250.0: {", "10.250.250.6: {": "10.250.250.5: {", "10.250.250.0: {": "10.250.250.6: {"}
SWAPPED = "10.250.250.5", ["104.57.226.197", "136.25.91.246"]
NO_DHCP = {"interface: enwebpass0\n": "interface: enwebpass0\n    dhcp: false\n"}
# New flows go elsewhere, and those that are there stay.
WEIGHT = {"public4: onlink\n": "public4: onlink\n      weight: 3\n"}


def replaced(text, changes):
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


class Site:
    """A router, who deploys it, and what is described at the moment."""

    def __init__(self, lab, control):
        self.lab, self.control, self.router = lab, control, lab.router
        self.text = replaced(open(f"{REPO}/conf/ansible/{VARS}", encoding="utf-8").read(), OF_THE_LAB)

    def describe(self, changes=None, text=None):
        """Writes the description, with changes to what is deployed."""
        self.control.write(f"{SITE}/{VARS}", replaced(text or self.text, changes or {}))

    def follow(self, line, check=True):
        """Runs a line of the README's, where it says."""
        return self.control.run(f"{FOLDER}\n{line}", folder=CHECKOUT, check=check)

    def deploy(self, *options, changes=None, check=True):
        """Deploys the description with these changes."""
        self.describe(changes)
        return self.follow(" ".join([DEPLOY, *options]), check=check)

    @contextlib.contextmanager
    def deploying(self, own):
        """A deploy of the description has put it in force, and lives no longer than this; `own`: what was in the kernel."""
        play = self.control.start(DEPLOY)
        try:
            wait_until(lambda: self.own() != own or play.poll() is not None, "the change is in force", PLAY)
            if play.poll() is not None:
                raise RuntimeError(play.communicate()[0])
            yield
        finally:
            play.kill()
            play.wait()
            play.stdout.close()

    def carries(self, what):
        """Until new flows go over these WANs in these families."""
        self.lab.up(what)

    def settles(self):
        """Until all is done that follows an authentication."""
        state = {"wpa-authenticated": "active", "bringup-att-vlan": "inactive"}
        wait_until(lambda: {name: self.router.unit(name)["ActiveState"] for name in state} == state, f"{state}")

    def touched(self):
        """What changes when somebody restarts or reloads a service."""
        return {name: self.router.unit(name, *TOUCHED) for name in SERVICES}

    def files(self):
        """What is on the disk to stay; mwan's own notes are no part of it."""
        return [line for line in self.lab.files() if not line.startswith("/var/lib/mwan/")]

    def etc(self):
        """/etc byte by byte, whenever it was written."""
        return self.router.run("sh", "-c", "cd /etc && find . -type f -exec sha256sum {} + | sort -k 2").out.splitlines()

    def own(self):
        return own_and_others(self.router)[0]

    def is_again(self, own):
        """Until what mwan has in the kernel is this again."""
        try:
            wait_until(lambda: self.own() == own)
        except TimeoutError:
            assert difference(own, self.own()) == [], self.router.journal()[-5000:]

    @contextlib.contextmanager
    def load(self, keep=lambda address: True):
        """Flows over public addresses that are to be kept lose nothing, and stay what they are."""
        flows = Flows(self.lab, keep)
        try:
            with Load(flows.udp, RATE, LONG) as load:
                yield flows
            assert time.monotonic() < load.limit
            assert load.lost == {} and load.moved == set()
            assert flows.echo() and flows.seen() == flows.first
        finally:
            flows.close()


@pytest.fixture(scope="module")
def fresh(share_appliance):
    """Debian 13, just installed."""
    lab = share_appliance(kind=Fresh, dot1x=True)
    control = Control(lab)
    try:
        lab.boot()
        control.wait()
        lab.router.booted()
        yield Site(lab, control)
    finally:
        control.close()


@pytest.fixture(scope="module")
def uncertified(fresh):
    """Deployed, when nobody has brought the certificates of the 802.1X port yet."""
    fresh.first = fresh.deploy()
    return fresh


@pytest.fixture(scope="module")
def site(uncertified):
    """Deployed, and all is well."""
    for name in ("ca.pem", "client.pem", "private.pem"):
        uncertified.control.write(f"{SITE}/{name}", usual()[name], 0o600)
    uncertified.follow(BRING)
    uncertified.follow(AGAIN)
    uncertified.carries(BOTH)
    uncertified.settles()
    return uncertified


# On a machine that has nothing of mwan

def test_a_check_of_a_fresh_machine_changes_nothing(fresh):
    files = fresh.files()
    fresh.describe()
    done = fresh.follow(LOOK)
    assert difference(files, fresh.files()) == []
    assert "+Address=10.250.250.1/29" in done.out


def test_a_broken_description_is_refused_before_anything_is_touched(fresh):
    files = fresh.files()
    done = fresh.deploy(changes={"10.250.250.6: {": "10.250.251.6: {"}, check=False)
    assert done.code != 0 and "10.250.251.6" in done.out
    assert difference(files, fresh.files()) == []


def test_without_certificates_the_rest_is_deployed(uncertified):
    """Ansible says how to bring them."""
    assert BRING in " ".join(uncertified.first.out.split())
    uncertified.carries(WEBPASS)
    assert not uncertified.router.path(f"{CERTIFICATES}/ca.pem").exists()


# Deployed

def test_traffic_flows(site):
    assert site.router.failed() == []
    assert site.lab.isp("att").authenticator.authorised
    assert site.control.ssh("update-routes --check && update-npt --check").out == ""
    with site.load():
        pass


def test_the_originals_commands_are_there(site):
    """For its manual recovery, word for word, and what it looks at."""
    for name in ("att", "webpass"):
        one = site.lab.wan(name)
        site.control.ssh(f"/usr/local/bin/update-npt.sh {one.interface} {one.prefix6}")
    for command in ("update-routes.sh --check", "health-check.sh --status", "mwan-trace.sh show"):
        site.control.ssh(f"/usr/local/bin/{command}")
    assert "default via 104.57.226.198" in site.control.ssh("ip route show table att").out


def test_the_doctor_finds_nothing_wrong(site):
    done = site.follow(DOCTOR)
    assert done.out == "nothing wrong, 0 to note\n"


def test_a_second_run_changes_nothing(site):
    """Not a file, not a unit, and no object of ours in the kernel. What networkd renews meanwhile is its own."""
    files, touched, trace = site.files(), site.touched(), site.router.read(TRACE)
    with site.router.monitor() as monitor:
        done = site.deploy()
        assert monitor.events(owner=OWNER) == {}, site.router.journal()[-5000:]
    assert done.recap()["changed"] == 0
    assert difference(files, site.files()) == []
    assert site.touched() == touched
    assert site.router.read(TRACE) != trace and site.router.read(TRACE).startswith("deploy-")


def test_a_changed_mapping_is_shown_and_then_deployed(site):
    """Only the daemon hears of it."""
    files, touched = site.files(), site.touched()
    inside, public = SWAPPED
    moved = [address for one in site.lab.wans for address in one.public4[-2:]]
    with site.load(keep=lambda address: address not in moved):
        shown = site.deploy("--check", "--diff", changes=SWAP)
        assert f"+{inside}" in shown.out
        assert difference(files, site.files()) == []
        done = site.deploy(changes=SWAP)
    assert done.recap()["changed"] > 0
    with UdpFlow(site.lab.opnsense, SERVERS4[0], source=inside) as flow:
        assert flow.ask().source in public
    changed = {name for name, state in site.touched().items() if state != touched[name]}
    assert changed == {"mwan-health"}
    assert site.touched()["mwan-health"]["InvocationID"] == touched["mwan-health"]["InvocationID"]
    site.text = replaced(site.text, SWAP)


def test_a_broken_change_is_refused(site):
    files, own, touched = site.files(), site.own(), site.touched()
    with site.load():
        done = site.deploy(changes={"table: 200\n": "table: 100\n"}, check=False)
    assert done.code != 0 and re.search(r"mwan.conf:\d+: .*table", done.out)
    assert difference(files, site.files()) == [] and difference(own, site.own()) == []
    assert site.touched() == touched


def test_a_change_that_kills_a_wan_is_rolled_back(site):
    etc, own = site.etc(), site.own()
    with site.load(keep=lambda address: site.lab.wan_of(address).name == "att"):
        done = site.deploy(changes=NO_DHCP, check=False)
    assert done.code != 0 and re.search(r"webpass.*ipv4", done.out, re.I)
    assert difference(etc, site.etc()) == []
    site.carries(BOTH)
    site.is_again(own)


def test_a_play_that_dies_is_undone(site):
    """Whoever deploys has gone, with the change in force: a good one, but nobody has said so."""
    etc, own, text = site.etc(), site.own(), site.router.read(CONF)
    site.describe(WEIGHT)
    with site.load():
        with site.deploying(own):
            pass
        # Its time is 180 s and the 15 s that WANs may take. It comes now, as the README says; another timer runs out below.
        assert "OnActiveUSec=3min 15s" in site.router.unit(f"{GUARD}.timer")["TimersMonotonic"]
        site.router.run("systemctl", "start", f"{GUARD}.service")
        wait_until(lambda: site.router.unit(f"{GUARD}.timer")["ActiveState"] == "inactive", "it is undone")
        assert site.router.read(CONF) == text
    site.is_again(own)
    assert difference(etc, site.etc()) == []
    assert site.router.failed() == []


def test_a_power_cut_in_the_middle_is_undone(site):
    """Whoever can't reach it any more has switched it off and on. It boots with what was before."""
    etc, own, text = site.etc(), site.own(), site.router.read(CONF)
    site.describe(WEIGHT)
    with site.deploying(own):
        site.lab.power_cut()
    site.lab.boot()
    wait_until(lambda: site.router.path("/run/mwan-deploy.lock").exists(), "the guard of the boot")
    site.router.booted()
    assert site.router.read(CONF) == text
    site.carries(BOTH)
    wait_until(lambda: difference(etc, site.etc()) == [], "the boot has no guard any more")
    site.settles()
    site.is_again(own)
    assert site.router.failed() == []


def test_a_wan_that_is_no_longer_described_goes(site):
    text = re.sub(r"  - name: webpass\n(    .*\n)+", "", site.text)
    text = re.sub(r", webpass: [\d.]+\}", "}", text)
    site.text, before = text, site.router.read(CONF)
    assert "webpass" in before
    with site.load(keep=lambda address: site.lab.wan_of(address).name == "att"):
        site.deploy()
    assert "webpass" not in site.router.read(CONF)
    names = site.router.run("ls", "/etc/systemd/network").out
    assert "webpass" not in names and "enatt0" in names
    with UdpFlow(site.lab.client, SERVERS4[0]) as flow:
        assert site.lab.wan_of(flow.ask().source).name == "att"
