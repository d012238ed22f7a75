# SPDX-License-Identifier: GPL-2.0-or-later
"""
802.1X on AT&T's port, with a real authenticator that lets nothing through before: whatever happens to it, the flag
is as true as the port, and the VLAN has its lease again, without a hand. Webpass carries on meanwhile.
"""

import time

import pytest

import wans as wan
from appliance import Appliance
from certificates import Authority, usual, usual_authority
from doctor import Doctor
from lab import SERVERS4, SERVERS6
from traffic import answers, close_all, udp_flows, wait_until
from tree import made

FLAG, ADDRESS = "/run/wpa_supplicant-mwan.authenticated", "104.57.226.193"
CERTIFICATES = "/etc/wpa_supplicant"
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
    return f" {ADDRESS}/" in lab.router.run("ip", "-4", "address", "show", "dev", lab.isp("att").wan.interface, check=False).out


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


def converges(lab):
    """Waits until the port is open, and everything that follows from it; returns how long the flag took."""
    began = time.monotonic()
    try:
        wait_until(lambda: all(state(lab)[:2]), "the port and the flag")
        flag = time.monotonic() - began
        wait_until(lambda: leased(lab), "the lease")
        wait_until(lambda: carriers(lab, SERVERS4) == carriers(lab, SERVERS6) == CARRIED, "traffic over both")
    except TimeoutError as error:
        raise TimeoutError(f"{error}: {state(lab)}\n{lab.router.journal()[-20000:]}") from None
    return flag


def nothing_has_failed(lab):
    wait_until(lambda: lab.router.unit("bringup-att-vlan")["ActiveState"] != "activating", "bringup-att-vlan")
    # A run whose port is taken away has failed, until the next authentication.
    wait_until(lambda: lab.router.failed() == [], "nothing has failed")
    assert "start-limit" not in lab.router.journal() and "repeated too quickly" not in lab.router.journal()


def closed(lab):
    """Nothing of AT&T's is there, and the appliance knows."""
    wait_until(lambda: carriers(lab, SERVERS4) == {"webpass"}, "Webpass carries")
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
    wait_until(lambda: off.router.journal("wpa_supplicant-mwan").count(failure) > 1, "EAP failures")
    closed(off)
    result = off.router.run("bringup-att-vlan", check=False)
    assert result.code == 1 and "the authenticator refuses us (EAP failure)" in result.err, result
    authenticator(off).welcome = True
    authenticator(off).restart()
    converges(off)
    nothing_has_failed(off)


def test_a_port_that_loses_its_carrier(on):
    """A switch forgets who was on a port that has lost its carrier."""
    on.cut("att")
    authenticator(on).stop()
    wait_until(lambda: not flagged(on), "the flag goes")
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
        wait_until(lambda: not flagged(on), "the flag goes")
        on.router.run("wpa_cli", "-i", "enatt0", "reconnect")
        wait_until(lambda: flagged(on), "the flag is back")
        wait_until(lambda: on.router.unit("wpa-authenticated")["ActiveState"] == "active", "it is followed")
    on.router.run("systemctl", "start", "wpa-action-sync.timer")
    converges(on)
    nothing_has_failed(on)
    assert followed(on) >= before + 20



# Why it is not authenticated

def place(lab, **texts):
    """Other certificates or keys in the router: ca=…, client=…, private=…"""
    for name, text in texts.items():
        lab.router.write(f"{CERTIFICATES}/{name}.pem", text, 0o600)


def place_client(lab, **changes):
    client, private = usual_authority().client(**changes)
    place(lab, client=client, private=private)


def refuse(lab):
    authenticator(lab).welcome = False


CAUSES = {
    "client.pem has expired on": lambda lab: place_client(lab, begins=-90, days=-2),
    "and the clock says": lambda lab: place_client(lab, begins=3),
    "private.pem is not the key of": lambda lab: place(lab, private=usual_authority().client()[1]),
    "client.pem is no certificate": lambda lab: place(lab, client=usual()["private.pem"]),
    "ca.pem has not signed the authenticator's certificate": lambda lab: place(lab, ca=Authority("Other").ca),
    "the authenticator refuses us (EAP failure)": refuse,
    "nobody answers 802.1X (EAPOL)": None,
}


def said_by_status(lab):
    return " ".join(lab.router.run("health-check", "--status", check=False).out.split())


@pytest.fixture
def mended(on):
    """What is broken of it is whole again after the test."""
    yield on
    place(on, **{name: usual()[f"{name}.pem"] for name in ("ca", "client", "private")})
    authenticator(on).welcome = True
    authenticator(on).restart()
    on.router.run("systemctl", "restart", "wpa_supplicant-mwan")
    converges(on)


@pytest.mark.parametrize("says", CAUSES)
def test_the_cause_is_named_by_every_command(mended, says):
    """At once by bringup-att-vlan, and then by all that look at what came of it."""
    lab = mended
    begin = len(lab.router.journal())
    authenticator(lab).stop()
    if CAUSES[says]:
        CAUSES[says](lab)
        authenticator(lab).start()
    lab.router.run("systemctl", "restart", "wpa_supplicant-mwan")
    wait_until(lambda: lab.router.run("wpa_cli", "status", check=False).code == 0, "wpa_supplicant listens")
    result = lab.router.run("bringup-att-vlan", check=False)
    assert result.code == 1 and says in result.err, result
    found = [one for one in Doctor(lab.router).complaints() if one.topic == "802.1X" and says in one.text]
    assert len(found) == 1 and found[0].kind == "WRONG" and found[0].fix, found
    wait_until(lambda: says in said_by_status(lab), f"--status: {says}")
    wait_until(lambda: f"authenticated: {'' if '.pem' in says else 'enatt0: '}" in lab.router.journal()[begin:]
               and says in lab.router.journal()[begin:], f"journal: {says}")


def metrics(lab):
    return lab.router.run("health-check", "--status", "--metrics", check=False).out


def test_an_end_that_is_near_is_seen_before(mended):
    """The session goes on; the doctor has a note, and the metrics the time."""
    place_client(mended, days=12)
    found = [one for one in Doctor(mended.router).complaints() if one.topic == "802.1X"]
    assert [one.kind for one in found] == ["note"] and "client.pem expires in 12 days" in found[0].text, found
    line = [line for line in metrics(mended).splitlines() if line.startswith("mwan_dot1x_certificate_end") and "client" in line]
    assert len(line) == 1 and abs(float(line[0].split()[-1]) - time.time() - 12 * 86400) < 3600, line


# SHA-1

# Debian 12's program, with its own libraries.
BOOKWORM = """\
[Service]
ExecStart=
ExecStart=/bookworm/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path /bookworm/usr/lib/x86_64-linux-gnu \\
	/bookworm/usr/sbin/wpa_supplicant -D wired -i enatt0 -c /etc/wpa_supplicant/mwan.conf
"""
WEAK_TOO = "openssl_ciphers=DEFAULT@SECLEVEL=0\n"


@pytest.mark.parametrize("debian", [12, 13])
def test_a_client_certificate_with_sha1(make_appliance, debian):
    """Debian 12's wpa_supplicant needs another security level in the whole file; a network's own comes too late."""
    lab = hurried(make_appliance)
    place_client(lab, digest="sha1")
    authenticator(lab).settings = WEAK_TOO
    authenticator(lab).restart()
    if debian == 13:
        lab.boot()
    else:
        lab.router.write("/etc/systemd/system/wpa_supplicant-mwan.service.d/bookworm.conf", BOOKWORM)
        lab.router.path("/bookworm").mkdir()
        lab.boot(f"--bind-ro={made('supplicant', 'wpasupplicant', suite='bookworm')}:/bookworm")
        says = "client.pem is signed with SHA1, which is too weak for OpenSSL"
        wait_until(lambda: says in said_by_status(lab), f"--status: {says}")
        assert says in lab.router.run("bringup-att-vlan", check=False).err
        config = lab.router.read(f"{CERTIFICATES}/mwan.conf")
        lab.router.write(f"{CERTIFICATES}/mwan.conf", WEAK_TOO + config, 0o600)
        lab.router.run("systemctl", "restart", "wpa_supplicant-mwan")
    converges(lab)


# Without a VLAN: the WAN's interface is the port.

class OnThePort(Appliance):
    """The site that conf/systemd-network/30-enatt0.network describes for this."""

    @staticmethod
    def network_files():
        files = Appliance.network_files()
        del files["30-enatt0.network"]
        text = files.pop("40-enatt0.3242.network")
        return {**files, "40-enatt0.network": text.replace("Name=enatt0.3242\n", "Name=enatt0\n")}


def on_the_port():
    """The original's WANs, AT&T without its VLAN."""
    return [wan.att(prefix_key="auto", interface="enatt0"), wan.webpass(prefix_key="auto")]


def makes_link_local_addresses(lab):
    path = "/proc/sys/net/ipv6/conf/enatt0/addr_gen_mode"
    return lab.router.run("cat", path).out.strip() == "0"


def test_a_wan_that_is_the_port_itself(make_appliance, report):
    """With the timer that is shipped: a late authenticator, one that has forgotten the port, and wpa_supplicant again."""
    lab = make_appliance(on_the_port(), kind=OnThePort, dot1x=True, **SOON)
    authenticator(lab).stop()
    lab.boot()
    wait_until(lambda: carriers(lab, SERVERS4) == {"webpass"}, "Webpass carries")
    authenticator(lab).start()
    report(f"802.1X without a VLAN, authenticator late at boot: authenticated {converges(lab):.1f} s after it came")
    assert lab.router.run("bringup-att-vlan").err.splitlines()[-1].startswith("<5>enatt0 has ")
    authenticator(lab).restart()
    report(f"802.1X without a VLAN, authenticator restarted: authenticated {converges(lab):.1f} s later")
    lab.router.run("systemctl", "restart", "wpa_supplicant-mwan")
    converges(lab)
    assert makes_link_local_addresses(lab)
    found = [one for one in Doctor(lab.router).findings() if one.topic == "802.1X"]
    assert [one.kind for one in found] == ["ok"] and found[0].text.startswith("enatt0 is authorized"), found
    nothing_has_failed(lab)
