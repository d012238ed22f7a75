"""
health-check --doctor on the appliance: nothing is wrong after a boot; then what systemd, networkd and 802.1X can have
wrong is broken, found with its fix, and mended by the commands that the fix names.
"""

import pytest

import dot1x
from doctor import Doctor
from traffic import wait_until

FLAG, CERTIFICATES = "/run/wpa_supplicant-mwan.authenticated", "/etc/wpa_supplicant"
UNITS, SHIPPED = "/etc/systemd/system", "/usr/lib/systemd/system"
NETWORK, NETWORKD = "/etc/systemd/network", "/etc/systemd/networkd.conf.d"
SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
LIMIT = 30  # seconds for everything to be right again


class Host:
    """A booted appliance, and its doctor."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.doctor = Doctor(lab.router)

    def systemctl(self, *args):
        self.router.run("systemctl", *args)

    def finds(self, topic, kind, says):
        """Waits for it: some things take their time to go wrong."""
        wait_until(lambda: self.saying(topic, kind, says), LIMIT, f"{topic}: {says}")
        return self.doctor.finds(topic, kind, says)

    def saying(self, topic, kind, says):
        return [one for one in self.doctor.complaints() if (one.topic, one.kind) == (topic, kind) and says in one.text]

    def mends(self, topic, kind, says, number=0):
        """It is found, and gone when a command of its fix has been run."""
        self.doctor.follow(self.finds(topic, kind, says), number)
        wait_until(lambda: not self.saying(topic, kind, says), LIMIT, f"{topic}: {says} is mended")

    def well(self):
        try:
            wait_until(lambda: self.doctor.complaints() == [], LIMIT, "all is well")
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
    """edit(FILE, TEXT or None): another text, or no file, until the test is over; then systemd reads its files again."""
    before = {}

    def write(path, text):
        place = host.router.path(path)
        before.setdefault(path, place.read_text() if place.exists() else None)
        if text is None:
            place.unlink()
        else:
            host.router.write(path, text)

    yield write
    for path, text in before.items():
        if text is None:
            host.router.path(path).unlink(missing_ok=True)
        else:
            host.router.write(path, text)
    host.systemctl("daemon-reload")
    host.systemctl("restart", "systemd-networkd")


def test_nothing_is_wrong_after_a_boot(shared):
    found = shared.doctor.findings()
    assert [one for one in found if one.kind != "ok"] == [] and shared.doctor.code == 0
    assert {"802.1X", "leases", "probes", "neighbours", "OPNsense", "sysctls", "networkd", "hooks", "files",
            "units"} <= {one.topic for one in found}


# Units

@pytest.mark.parametrize("unit, kind", [
    ("mwan-health.service", "WRONG"), ("systemd-networkd.service", "WRONG"), ("wpa-authenticated.path", "WRONG"),
    ("wpa-action-sync.timer", "WRONG"), ("wpa-cli-action.service", "note"), ("networkd-dispatcher.service", "note"),
    ("mwan-trace-boot.service", "note")])
def test_a_unit_that_is_stopped(host, unit, kind):
    also = ["systemd-networkd.socket"] if unit.startswith("systemd-networkd") else []
    host.systemctl("stop", unit, *also)
    host.mends("units", kind, f"{unit} is inactive")
    if also:
        host.systemctl("start", *also)


@pytest.mark.parametrize("unit, kind", [("mwan-health.service", "WRONG"), ("mwan-update-npt.service", "note")])
def test_a_unit_that_is_not_started_at_boot(host, unit, kind):
    host.systemctl("disable", unit)
    host.mends("units", kind, f"{unit} is not started at boot (disabled)")


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
    host.mends("units", "note", "mwan-update-routes.service is another on disk")
    for _ in range(3):
        host.router.run("systemctl", "start", "mwan-update-routes", check=False)
    host.mends("units", "WRONG", "mwan-update-routes.service has failed (start-limit-hit)")


def test_a_ruleset_that_is_not_ours_to_load(host, edit):
    drop_in = f"{SHIPPED}/nftables.service.d/mwan.conf"
    text = host.router.read(drop_in)
    edit(drop_in, None)
    host.systemctl("daemon-reload")
    host.finds("units", "WRONG", "nftables.service runs /usr/sbin/nft, not mwan's load-ruleset")
    host.router.write(drop_in, text)
    host.mends("units", "WRONG", "nftables.service runs /usr/sbin/nft")


@pytest.mark.parametrize("unit", ["ufw.service", "NetworkManager.service", "wpa_supplicant@enatt0.service"])
def test_a_unit_that_is_in_the_way(host, edit, unit):
    edit(f"{UNITS}/{unit}", SLEEP)
    host.systemctl("daemon-reload")
    host.systemctl("start", unit)
    host.mends("units", "WRONG", f"{unit} is active")


# 802.1X

def test_a_certificate_that_is_away(host):
    host.router.path(f"{CERTIFICATES}/client.pem").unlink()
    host.systemctl("restart", "wpa_supplicant-mwan")
    finding = host.finds("802.1X", "WRONG", f"{CERTIFICATES}/client.pem (client_cert in")
    host.router.write(f"{CERTIFICATES}/client.pem", dot1x.certificates()["client.pem"], 0o600)
    host.doctor.follow(finding, -1)


def test_a_port_that_is_refused(host):
    authenticator = host.lab.isp("att").authenticator
    authenticator.welcome = False
    authenticator.restart()
    host.systemctl("restart", "wpa_supplicant-mwan")
    host.finds("802.1X", "WRONG", "refused the certificate")
    authenticator.welcome = True
    authenticator.restart()
    host.systemctl("restart", "wpa_supplicant-mwan")


def test_a_flag_that_is_not_true(host):
    host.systemctl("stop", "wpa-action-sync.timer")
    host.router.path(FLAG).unlink()
    host.mends("802.1X", "WRONG", f"{FLAG} is not there")
    host.mends("units", "WRONG", "wpa-action-sync.timer is inactive")


# networkd

def test_a_network_file_that_lacks_what_it_needs(host, edit):
    path = f"{NETWORK}/40-enwebpass0.network"
    text = host.router.read(path)
    edit(path, text.replace("KeepConfiguration=static", "").replace("IPv6AcceptRA=yes", ""))
    assert path in host.finds("networkd", "WRONG", "enwebpass0: KeepConfiguration is not set").fix
    assert path in host.finds("networkd", "WRONG", "enwebpass0: IPv6AcceptRA is not set").fix
    edit(path, text.replace("::/60", "::/64"))
    host.finds("networkd", "WRONG", "enwebpass0: PrefixDelegationHint is ::/64")
    edit(path, text)
    host.mends("networkd", "note", f"{path} is newer than what networkd goes by")
    edit(f"{path}.d/test.conf", "[Network]\nKeepConfiguration=yes\n")
    host.systemctl("restart", "systemd-networkd")
    host.finds("networkd", "WRONG", "enwebpass0: KeepConfiguration is yes")


def test_networkd_that_removes_what_is_ours(host, edit):
    path = f"{NETWORKD}/10-mwan.conf"
    text = host.router.read(path)
    edit(path, None)
    assert host.finds("networkd", "WRONG", "ManageForeignRoutes").commands() == ["systemctl restart systemd-networkd"]
    edit(path, text)
    host.mends("networkd", "note", f"{path} is newer than what networkd goes by")


# The rest

def test_sysctls_that_are_not_in_force(host):
    host.router.path("/run/sysctl.d/60-mwan.conf").unlink()
    host.router.run("sysctl", "-w", "net.ipv4.ip_forward=0", "net.ipv4.conf.enwebpass0.rp_filter=1")
    host.mends("sysctls", "WRONG", "mwan's settings are not in force")


def test_an_rp_filter_that_is_strict(host):
    host.router.run("sysctl", "-w", "net.ipv4.conf.enwebpass0.rp_filter=1")
    host.mends("sysctls", "WRONG", "net/ipv4/conf/enwebpass0/rp_filter is 1")


def test_a_file_that_makes_it_strict_at_the_next_boot(host):
    host.router.write("/etc/sysctl.d/99-site.conf", "net.ipv4.conf.*.rp_filter = 1\n")
    finding = host.finds("sysctls", "WRONG", "enwebpass0/rp_filter is 2, and /etc/sysctl.d/99-site.conf")
    assert finding.fix.startswith("take it out of /etc/sysctl.d/99-site.conf")
    host.router.path("/etc/sysctl.d/99-site.conf").unlink()


def test_ipv6_that_is_switched_off(host):
    host.router.run("sysctl", "-w", "net.ipv6.conf.enwebpass0.disable_ipv6=1")
    host.mends("sysctls", "WRONG", "net/ipv6/conf/enwebpass0/disable_ipv6 is 1")
    host.router.run("networkctl", "reconfigure", "enwebpass0")


def test_a_hook_that_is_skipped(host):
    path = "/etc/networkd-dispatcher/routable.d/50-update-routes.sh"
    host.router.path(path).chmod(0o777)
    host.mends("hooks", "WRONG", f"{path} is ")


def test_an_edited_configuration(host):
    path = "/etc/mwan/mwan.conf"
    host.router.configure(host.router.read(path) + "# nothing\n")
    host.mends("files", "note", f"{path} has been edited")


def test_in_the_end_nothing_is_wrong(host):
    host.well()
