"""
802.1X on AT&T's port, with a real authenticator that lets nothing through before: whatever happens to it, the flag
is as true as the port, and the VLAN has its lease again, without a hand. Webpass carries on meanwhile.
"""

import time

import pytest

from lab import SERVERS4, SERVERS6
from traffic import answers, close_all, udp_flows, wait_until

FLAG, VLAN, ADDRESS = "/run/wpa_supplicant-mwan.authenticated", "enatt0.3242", "104.57.226.193"
CERTIFICATES = "/etc/wpa_supplicant"
LIMIT = 60  # seconds for everything to be right again
CARRIED = {"att", "webpass"}
# Where waiting proves nothing. The units are as shipped, but for a timer that is quicker in most tests.
SOON = {"health": {"interval": "1s", "timeout": "500ms", "failure_threshold": 2, "recovery_threshold": 2}}
HURRY = "[Timer]\nOnActiveSec=\nOnActiveSec=1s\nOnUnitInactiveSec=2s\n"


def hurried(make):
    lab = make(dot1x=True, **SOON)
    lab.router.write("/etc/systemd/system/wpa-action-sync.timer.d/soon.conf", HURRY)
    return lab


@pytest.fixture
def off(make_appliance):
    """An appliance with an authenticator, whose timer is quick; not booted."""
    return hurried(make_appliance)


@pytest.fixture(scope="module")
def booted(share_appliance):
    return hurried(share_appliance).boot()


@pytest.fixture
def on(booted):
    """The same, booted, which tests share: all is well, and was so before."""
    converges(booted)
    return booted


def authenticator(lab):
    return lab.isp("att").authenticator


def flagged(lab):
    return lab.router.path(FLAG).exists()


def leased(lab):
    return f" {ADDRESS}/" in lab.router.run("ip", "-4", "address", "show", "dev", VLAN, check=False).out


def carriers(lab, servers):
    """Which WANs new flows are answered over now."""
    flows = udp_flows(lab.client, 24, servers)
    try:
        return set(lab.shares(answers(flows, seconds=0.5))) - {"lost"}
    finally:
        close_all(flows)


def state(lab):
    """(port, flag, lease, …): all true when all is well."""
    return (authenticator(lab).authorised, flagged(lab), leased(lab))


def converges(lab, seconds=LIMIT):
    """Waits until the port is open, and everything that follows from it; returns how long the flag took."""
    began = time.monotonic()
    try:
        wait_until(lambda: all(state(lab)[:2]), seconds, "the port and the flag")
        flag = time.monotonic() - began
        wait_until(lambda: leased(lab), seconds - flag, "the lease")
        wait_until(lambda: carriers(lab, SERVERS4) == carriers(lab, SERVERS6) == CARRIED, seconds, "traffic over both")
    except TimeoutError as error:
        raise TimeoutError(f"{error}: {state(lab)}\n{lab.router.journal()[-20000:]}") from None
    return flag


def nothing_has_failed(lab):
    wait_until(lambda: lab.router.unit("bringup-att-vlan")["ActiveState"] != "activating", 60, "bringup-att-vlan")
    # A run whose port is taken away has failed, until the next authentication.
    wait_until(lambda: lab.router.failed() == [], 60, "nothing has failed")
    assert "start-limit" not in lab.router.journal() and "repeated too quickly" not in lab.router.journal()


def closed(lab):
    """Nothing of AT&T's is there, and the appliance knows."""
    wait_until(lambda: carriers(lab, SERVERS4) == {"webpass"}, 30, "Webpass carries")
    assert state(lab) == (False, False, False)


def test_an_authenticator_that_is_late_at_boot_and_then_restarts(make_appliance, report):
    """
    With the timer that is shipped. AT&T answers nobody before; Webpass carries everything. Restarted,
    the authenticator has forgotten the port, and tells nobody.
    """
    lab = make_appliance(dot1x=True, **SOON)
    authenticator(lab).stop()
    lab.boot()
    time.sleep(max(0, lab.router.begin + 6 - time.monotonic()))
    closed(lab)
    authenticator(lab).start()
    report(f"802.1X, authenticator 6 s late at boot: authenticated {converges(lab):.1f} s after it came")
    authenticator(lab).restart()
    report(f"802.1X, authenticator restarted: authenticated {converges(lab):.1f} s later")
    nothing_has_failed(lab)


def test_a_refusal_and_then_success(off):
    authenticator(off).welcome = False
    authenticator(off).restart()
    off.boot()
    failure = "CTRL-EVENT-EAP-FAILURE"
    wait_until(lambda: off.router.journal("wpa_supplicant-mwan").count(failure) > 1, 30, "EAP failures")
    closed(off)
    result = off.router.run("bringup-att-vlan", check=False)
    assert result.code == 1 and "refused the certificate" in result.err, result
    authenticator(off).welcome = True
    authenticator(off).restart()
    converges(off)
    nothing_has_failed(off)


def test_a_port_that_loses_its_carrier(on):
    """A switch forgets who was on a port that has lost its carrier."""
    on.cut("att")
    authenticator(on).stop()
    wait_until(lambda: not flagged(on), LIMIT, "the flag goes")
    on.mend("att")
    authenticator(on).start()
    converges(on)
    nothing_has_failed(on)


def test_a_carrier_that_is_away_for_a_moment(on):
    on.cut("att")
    authenticator(on).restart()
    on.mend("att")
    converges(on)
    nothing_has_failed(on)


def test_wpa_cli_and_wpa_supplicant_restart(on):
    """wpa_cli tells nothing of what was before it."""
    for unit in ("wpa-cli-action", "wpa_supplicant-mwan"):
        on.router.run("systemctl", "restart", unit)
        converges(on)
        on.router.kill_unit(unit)
        converges(on)
    on.router.path(FLAG).unlink(missing_ok=True)
    converges(on)
    nothing_has_failed(on)


def test_a_supplicant_that_is_stopped_leaves_no_flag(on):
    on.router.run("systemctl", "stop", "wpa_supplicant-mwan")
    assert not flagged(on)
    on.router.run("systemctl", "start", "wpa_supplicant-mwan", "wpa-cli-action")
    converges(on)


def test_an_address_that_somebody_takes_away_is_brought_back(on):
    """networkd has its lease, and nothing to do before it ends; IPv6 goes on."""
    on.router.run("ip", "-4", "addr", "flush", "dev", "enatt0.3242", "scope", "global")
    on.router.run("bringup-att-vlan")
    assert "DHCPv4" in on.router.run("networkctl", "status", "--no-pager", "enatt0.3242").out
    converges(on)


def test_certificates_are_missing_and_then_there(off):
    texts = {name: off.router.read(f"{CERTIFICATES}/{name}") for name in ("ca.pem", "client.pem", "private.pem")}
    for name in texts:
        off.router.path(f"{CERTIFICATES}/{name}").unlink()
    off.boot()
    closed(off)
    result = off.router.run("bringup-att-vlan", check=False)
    assert result.code == 1 and f"{CERTIFICATES}/ca.pem (ca_cert in {CERTIFICATES}/mwan.conf)" in result.err, result
    for name, text in texts.items():
        off.router.write(f"{CERTIFICATES}/{name}", text, 0o600)
    converges(off)
    nothing_has_failed(off)


def followed(lab):
    """How often the VLAN was seen to after an authentication."""
    return lab.router.journal("wpa-authenticated").count("Finished wpa-authenticated.service")


def test_a_port_that_flaps(on):
    """20 times, within a minute where the machine is not busy, with nothing failed or given up. Events do it alone."""
    on.router.run("systemctl", "stop", "wpa-action-sync.timer", "wpa-action-sync.service")
    before = followed(on)
    for _ in range(20):
        on.router.run("wpa_cli", "-i", "enatt0", "disconnect")
        wait_until(lambda: not flagged(on), 10, "the flag goes")
        on.router.run("wpa_cli", "-i", "enatt0", "reconnect")
        wait_until(lambda: flagged(on), 10, "the flag is back")
        wait_until(lambda: on.router.unit("wpa-authenticated")["ActiveState"] == "active", 10, "it is followed")
    on.router.run("systemctl", "start", "wpa-action-sync.timer")
    converges(on)
    nothing_has_failed(on)
    assert followed(on) >= before + 20

