# SPDX-License-Identifier: GPL-2.0-or-later
"""
health-check --doctor on the appliance: nothing is wrong after a boot; then what systemd, networkd and 802.1X can have
wrong is broken, found with its fix, and mended by the commands that the fix names.
"""

import pytest

from certificates import usual
from doctor import Doctor, edits
from traffic import wait_until

FLAG, CERTIFICATES = "/run/wpa_supplicant-mwan.authenticated", "/etc/wpa_supplicant"
UNITS, SHIPPED = "/etc/systemd/system", "/usr/lib/systemd/system"
NETWORK, NETWORKD = "/etc/systemd/network", "/etc/systemd/networkd.conf.d"
SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


class Host:
    """A booted appliance, and its doctor."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.doctor = Doctor(lab.router)

    def systemctl(self, *args):
        self.router.run("systemctl", *args)

    def finds(self, topic, kind, says):
        """The one finding of that topic that says so. It is waited for: some things take their time to go wrong."""
        found = wait_until(lambda: self.saying(topic, kind, says), f"{topic}: {says}")
        assert len(found) == 1 and found[0].fix and (kind != "WRONG" or self.doctor.code == 1), found
        return found[0]

    def saying(self, topic, kind, says):
        return [one for one in self.doctor.complaints() if (one.topic, one.kind) == (topic, kind) and says in one.text]

    def mends(self, topic, kind, says):
        """It is found, and its fix is run; the fixture sees to it that it is gone."""
        self.doctor.follow(self.finds(topic, kind, says))

    def well(self):
        try:
            wait_until(lambda: self.doctor.complaints() == [], "all is well")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.doctor.complaints()}") from None
        assert self.doctor.code == 0


@pytest.fixture(scope="module")
def shared(share_appliance):
    lab = share_appliance(dot1x=True)
    lab.up()
    lab.router.booted()
    return Host(lab)


@pytest.fixture
def host(shared):
    yield shared
    shared.well()


@pytest.fixture
def edit(host):
    """edit(FILE, TEXT or None): another text, or no file, until the test is over."""
    with edits(host.router) as edit:
        yield edit
    host.systemctl("daemon-reload")
    if any(path.startswith((NETWORK, NETWORKD)) for path in edit.before):
        host.systemctl("restart", "systemd-networkd")


def test_nothing_is_wrong_after_a_boot(shared):
    found = shared.doctor.findings()
    assert [one for one in found if one.kind != "ok"] == [] and shared.doctor.code == 0
    assert {"802.1X", "leases", "probes", "neighbours", "OPNsense", "sysctls", "networkd", "hooks", "files",
            "units"} <= {one.topic for one in found}


# Units

def test_units_that_are_stopped(host):
    units = {"mwan-health.service": "WRONG", "wpa-authenticated.path": "WRONG", "wpa-action-sync.timer": "WRONG",
             "wpa-cli-action.service": "note", "networkd-dispatcher.service": "note", "mwan-trace-boot.service": "note"}
    host.systemctl("stop", *units)
    found = [one for one in host.doctor.complaints() if one.topic == "units"]
    assert {one.text.split()[0]: one.kind for one in found} == units, found
    assert all(" is inactive: " in one.text for one in found), found
    for one in found:
        host.doctor.follow(one)


def test_networkd_that_is_stopped(host):
    host.systemctl("stop", "systemd-networkd.socket", "systemd-networkd.service")
    host.mends("units", "WRONG", "systemd-networkd.service is inactive")


def test_units_that_are_not_started_at_boot(host):
    host.systemctl("disable", "mwan-health.service", "mwan-update-npt.service")
    host.mends("units", "WRONG", "mwan-health.service is not started at boot (disabled)")
    host.mends("units", "note", "mwan-update-npt.service is not started at boot (disabled)")


def test_a_unit_that_is_masked(host):
    host.systemctl("mask", "--now", "wpa-action-sync.timer")
    host.mends("units", "WRONG", "wpa-action-sync.timer is masked")


def test_a_unit_that_has_failed(host, edit):
    drop_in = f"{UNITS}/mwan-update-routes.service.d/test.conf"
    edit(drop_in, "[Service]\nExecStartPre=/bin/false\n")
    host.systemctl("daemon-reload")
    host.router.run("systemctl", "start", "mwan-update-routes", check=False)
    host.finds("units", "WRONG", "mwan-update-routes.service has failed (exit-code)")
    edit(drop_in, "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=1\n")
    host.mends("units", "note", "mwan-update-routes.service has changed since systemd last read it")
    for _ in range(3):
        host.router.run("systemctl", "start", "mwan-update-routes", check=False)
    host.mends("units", "WRONG", "mwan-update-routes.service has failed (start-limit-hit)")


def test_a_boot_that_waited_in_vain(host, edit):
    unit = "systemd-networkd-wait-online.service"
    edit(f"{UNITS}/{unit}.d/test.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    host.systemctl("daemon-reload")
    host.router.run("systemctl", "restart", unit, check=False)
    host.finds("units", "note", f"{unit} has failed")
    edit(f"{UNITS}/{unit}.d/test.conf", None)
    host.systemctl("daemon-reload")
    host.mends("units", "note", f"{unit} has failed")


def test_a_ruleset_that_is_not_ours_to_load(host, edit):
    drop_in = f"{SHIPPED}/nftables.service.d/mwan.conf"
    text = host.router.read(drop_in)
    edit(drop_in, None)
    host.systemctl("daemon-reload")
    host.finds("units", "WRONG", "nftables.service runs /usr/sbin/nft, not mwan's load-ruleset")
    host.router.write(drop_in, text)
    host.mends("units", "WRONG", "nftables.service runs /usr/sbin/nft")


def test_units_that_are_in_the_way(host, edit):
    units = ["connman.service", "netfilter-persistent.service", "wpa_supplicant@enatt0.service"]
    for unit in units:
        edit(f"{UNITS}/{unit}", SLEEP)
    host.systemctl("daemon-reload")
    host.systemctl("start", *units)
    found = [one for one in host.doctor.complaints() if one.topic == "units"]
    assert sorted((one.text.split()[0], one.kind) for one in found) == [(unit, "WRONG") for unit in units], found
    # Its links may be the ones by which somebody is logged in.
    assert all("management" in one.fix for one in found if one.text.startswith("connman"))
    for one in found:
        host.doctor.follow(one)


# 802.1X

def test_a_certificate_that_is_away(host):
    host.router.path(f"{CERTIFICATES}/client.pem").unlink()
    host.systemctl("restart", "wpa_supplicant-mwan")
    finding = host.finds("802.1X", "WRONG", f"{CERTIFICATES}/client.pem (client_cert in")
    host.router.write(f"{CERTIFICATES}/client.pem", usual()["client.pem"], 0o600)
    host.doctor.follow(finding, -1)


@pytest.fixture
def welcome(host):
    """welcome(False): the authenticator refuses whoever asks, until the test is over."""
    authenticator = host.lab.isp("att").authenticator

    def welcome(wanted):
        authenticator.welcome = wanted
        authenticator.restart()
        host.router.run("wpa_cli", "-i", "enatt0", "reassociate")

    yield welcome
    welcome(True)


def test_a_port_that_is_refused(host, welcome):
    welcome(False)
    host.finds("802.1X", "WRONG", "the authenticator refuses us")


def test_a_flag_that_is_not_true(host):
    host.systemctl("stop", "wpa-action-sync.timer")
    host.router.path(FLAG).unlink()
    host.mends("802.1X", "WRONG", f"{FLAG} is not there")
    host.mends("units", "WRONG", "wpa-action-sync.timer is inactive")


# networkd

def test_networkds_files(host, edit):
    path = f"{NETWORK}/40-enwebpass0.network"
    text = host.router.read(path)
    edit(path, text.replace("KeepConfiguration=static", "").replace("IPv6AcceptRA=yes", ""))
    assert path in host.finds("networkd", "WRONG", "enwebpass0: KeepConfiguration is not set").fix
    assert path in host.finds("networkd", "WRONG", "enwebpass0: IPv6AcceptRA is not set").fix
    edit(path, text.replace("::/60", "::/64"))
    host.finds("networkd", "WRONG", "enwebpass0: PrefixDelegationHint is ::/64")
    edit(path, text.replace("DHCPv6Client=always", ""))
    host.finds("networkd", "note", "enwebpass0: DHCPv6Client is not set")
    edit(path, text)
    host.mends("networkd", "note", f"{path} has changed since networkd last read it")
    edit(f"{path}.d/test.conf", "[Network]\nKeepConfiguration=yes\n")
    host.systemctl("restart", "systemd-networkd")
    host.finds("networkd", "WRONG", "enwebpass0: KeepConfiguration is yes")
    path = f"{NETWORKD}/10-mwan.conf"
    text = host.router.read(path)
    edit(path, None)
    assert host.finds("networkd", "WRONG", "ManageForeignRoutes").commands() == ["systemctl restart systemd-networkd"]
    edit(path, text)
    host.mends("networkd", "note", f"{path} has changed since networkd last read it")


# The rest

def test_sysctls_that_are_not_in_force(host):
    host.router.path("/run/sysctl.d/60-mwan.conf").unlink()
    host.router.run("sysctl", "-w", "net.ipv4.ip_forward=0", "net.ipv4.conf.enwebpass0.rp_filter=1")
    host.mends("sysctls", "WRONG", "mwan's settings are not in force")


def test_an_rp_filter_that_is_strict(host):
    host.router.write("/etc/sysctl.d/99-site.conf", "net.ipv4.conf.*.rp_filter = 1\n")
    finding = host.finds("sysctls", "WRONG", "enwebpass0/rp_filter is 2, and /etc/sysctl.d/99-site.conf")
    host.systemctl("restart", "systemd-sysctl")
    for interface in ("enatt0.3242", "enmwanbr0"):
        host.mends("sysctls", "WRONG", f"net/ipv4/conf/{interface}/rp_filter is 1")
    assert finding.fix.startswith("take it out of /etc/sysctl.d/99-site.conf")
    host.router.path("/etc/sysctl.d/99-site.conf").unlink()
    host.mends("sysctls", "WRONG", "net/ipv4/conf/enwebpass0/rp_filter is 1")


def test_a_hook_that_is_skipped(host):
    path = "/etc/networkd-dispatcher/routable.d/50-update-routes.sh"
    host.router.path(path).chmod(0o777)
    host.mends("hooks", "WRONG", f"{path} is ")


def test_an_edited_configuration(host):
    path = "/etc/mwan/mwan.conf"
    host.router.configure(host.router.read(path) + "# nothing\n")
    host.mends("files", "note", f"{path} has been edited")
