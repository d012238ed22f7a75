# SPDX-License-Identifier: GPL-2.0-or-later
"""The 802.1X port: the flag is as true as what wpa_supplicant says, whatever that is, and the VLAN gets its lease."""

import json
import threading
import time

import pytest

import wans
from port import BRINGUP, FLAG, PORT, SOCKET, STOP, VLAN, Port, Supplicant
from traffic import PATIENCE


@pytest.fixture
def port(make_lab):
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")])
    one = Port(lab)
    yield one
    one.close()


# ---- the flag ----


def test_an_event_and_status_agree(port):
    result = port.act(PORT, "CONNECTED")
    assert port.flag and port.told() == [STOP]
    assert result.err == f"<5>{PORT} is authenticated\n", result
    port.supplicant.say(False)
    result = port.act(PORT, "DISCONNECTED")
    assert not port.flag and port.told() == [STOP]
    assert result.err.startswith(f"<4>{PORT} is no longer authenticated: {PORT}: nobody answers"), result


def test_nothing_is_said_or_done_when_nothing_has_changed(port):
    port.up()
    for args in ([PORT, "CONNECTED"], ["--sync", PORT], ["--sync"]):
        assert port.act(*args).err == ""
    assert port.flag and port.told() == [] and port.supplicant.taken() == []
    port.supplicant.say(False)
    port.sync()
    port.told()
    assert port.sync().err == port.act(PORT, "DISCONNECTED").err == ""
    assert not port.flag and port.told() == []


@pytest.mark.parametrize("event, authorized", [("CONNECTED", True), ("DISCONNECTED", False)])
def test_status_is_given_a_moment_to_agree_with_an_event(port, event, authorized):
    port.up()
    port.supplicant.say(not authorized)
    later = threading.Timer(0.4, port.supplicant.say, [authorized])
    later.start()
    port.act(PORT, event)
    later.join()
    assert port.flag == authorized


@pytest.mark.parametrize("event, authorized", [("CONNECTED", False), ("DISCONNECTED", True), ("AP-ENABLED", True)])
def test_an_event_is_not_believed(port, event, authorized):
    port.supplicant.say(authorized)
    port.act(PORT, event)
    assert port.flag == authorized


@pytest.mark.parametrize("answer", [b"", b"FAIL\n", b"UNKNOWN COMMAND\n", b"\x00\xff" * 2000, b"x" * 9000,
                                    b"suppPortStatus=Authorized", b"wpa_state=COMPLETED\n",
                                    b"wpa_state=X\nsuppPortStatus=Authorized!\n"])
def test_what_makes_no_sense_is_not_authenticated(port, answer):
    """Also a wpa_supplicant that hangs: within seconds."""
    port.up()
    port.supplicant.answer = answer
    began = time.monotonic()
    port.sync()
    assert not port.flag and port.told() == [STOP]
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("socket_stays", [False, True])
def test_a_wpa_supplicant_that_has_gone_is_not_authenticated(port, socket_stays):
    port.up()
    port.supplicant.close(socket_stays)
    assert "wpa_supplicant does not answer" in port.sync().err
    assert not port.flag
    port.supplicant = Supplicant(port.router)
    port.sync()
    assert port.flag


@pytest.mark.parametrize("kind", ["mkfifo", "mkdir", "touch"])
def test_what_is_no_socket_is_not_authenticated(port, kind):
    port.up()
    port.supplicant.close()
    port.router.run(kind, SOCKET)
    port.sync()
    assert not port.flag


def test_answers_come_from_wpa_supplicant_alone_and_leave_nothing_behind(port):
    before = sorted(port.router.path("/run").rglob("*"))
    port.up()
    left = set(port.router.path("/run").rglob("*")) - set(before)
    assert {path.name for path in left} == {"wpa_supplicant-mwan.authenticated", "wpa-action.lock"}


def test_the_authenticator_is_asked_before_a_sync_believes_status(port):
    """wpa_supplicant says authorized for ever, whatever has become of the authenticator."""
    port.sync()
    assert port.flag and port.supplicant.taken() == ["REAUTHENTICATE"]
    port.sync()
    assert port.supplicant.taken() == []


def test_an_authenticator_that_does_not_answer_ends_it(port):
    port.up()
    port.supplicant.answers_reauth = False
    port.carrier(False)
    port.carrier(True)
    result = port.sync()
    assert not port.flag and port.told() == [STOP]
    assert port.supplicant.taken() == ["REAUTHENTICATE", "REASSOCIATE"]
    assert "nobody answers 802.1X" in result.err, result


def test_a_lost_carrier_is_not_authenticated_and_asked_about_when_it_is_back(port):
    port.up()
    port.carrier(False)
    assert "no carrier" in port.sync().err and not port.flag
    port.carrier(True)
    port.sync()
    assert port.flag and port.supplicant.taken() == ["REAUTHENTICATE"]


def test_a_carrier_that_was_away_between_two_looks_is_asked_about(port):
    port.up()
    port.carrier(False)
    port.carrier(True)
    assert port.sync().err == "" and port.flag
    assert port.supplicant.taken() == ["REAUTHENTICATE"]
    port.sync()
    assert port.supplicant.taken() == []


def test_an_interface_that_has_gone_is_not_authenticated(port):
    port.up()
    port.router.ip(f"link del {PORT}\n")
    assert f"there is no interface {PORT}" in port.sync().err
    assert not port.flag


@pytest.mark.parametrize("pae", ["HELD", "LOGOFF", "DISCONNECTED", "CONNECTING", "AUTHENTICATING"])
def test_a_port_that_is_not_authorized_begins_anew_whatever_it_waits_for(port, pae):
    """What comes of it is waited for: wpa_cli need not tell."""
    port.supplicant.say(False, pae)
    port.act(PORT, "DISCONNECTED")
    assert port.supplicant.taken() == []
    port.sync()
    assert not port.flag and port.supplicant.taken() == ["REASSOCIATE"]
    port.supplicant.say(False, pae)
    port.supplicant.anew = (True, "AUTHENTICATED")
    port.sync()
    assert port.flag and port.supplicant.taken() == ["REASSOCIATE"]


def test_an_authentication_that_takes_its_time_is_waited_for(port):
    port.supplicant.say(False, "CONNECTING")
    port.supplicant.anew = (False, "CONNECTING")
    later = threading.Timer(2, port.supplicant.say, [True])
    later.start()
    port.sync()
    later.join()
    assert port.flag and port.supplicant.taken() == ["REASSOCIATE"]


def test_an_authentication_that_is_under_way_is_waited_for(port):
    port.supplicant.say(False, "AUTHENTICATING")
    later = threading.Timer(1, port.supplicant.say, [True])
    later.start()
    port.sync()
    later.join()
    assert port.flag and port.supplicant.taken() == ["REAUTHENTICATE"]


def verdicts(port, state, age=0):
    """health-check's report, with that verdict on AT&T's families."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))
    family = {"state": state, "eligible": True, "share": 0.5, "gateway": "104.57.226.198", "loss": 0, "rtt_ms": 1}
    wan = {"name": "att", "interface": VLAN, "mark": 1, "table": 100, "tier": 1, "weight": 1, "carrier": True}
    port.router.write("/run/mwan/health.json", json.dumps(
        {"version": 1, "time": when, "interval_ms": 5000, "wans": [{**wan, "ipv4": family, "ipv6": family}]}))


def test_a_wan_that_is_down_by_its_probes_has_the_authenticator_asked(port):
    """It may have been restarted: then nothing passes, and nobody has told wpa_supplicant."""
    port.up()
    verdicts(port, "down", age=300)
    port.sync()
    assert port.supplicant.taken() == []
    verdicts(port, "down")
    port.sync()
    assert port.flag and port.supplicant.taken() == ["REAUTHENTICATE"]
    verdicts(port, "up")
    port.sync()
    assert port.supplicant.taken() == []


def test_a_vlan_without_a_lease_has_the_authenticator_asked_and_is_brought_up(port):
    port.up()
    port.sync()
    assert port.told() == [] and port.supplicant.taken() == []
    port.lab.lose_lease("att")
    port.router.run("ip", "address", "flush", "dev", VLAN, "scope", "global")
    port.sync()
    assert port.told() == [BRINGUP] and port.supplicant.taken() == ["REAUTHENTICATE"]
    port.supplicant.say(False)
    port.sync()
    assert port.told() == [STOP]


def test_a_broken_configuration_does_not_keep_the_flag_from_the_truth(port):
    port.router.configure("[wan\n")
    assert port.act(PORT, "CONNECTED").code == 0 and port.flag
    port.supplicant.say(False)
    port.sync()
    assert not port.flag


def test_a_flag_that_leads_nowhere_or_stays_is_no_secret(port):
    flag = port.router.path(FLAG)
    port.supplicant.say(False)
    flag.symlink_to("/nowhere")
    assert port.sync().code == 0 and not flag.is_symlink()
    flag.mkdir()
    result = port.sync(check=False)
    assert result.code == 1 and FLAG in result.err, result
    flag.rmdir()


def test_a_systemctl_that_fails_does_not_keep_the_flag_from_the_truth(port):
    port.router.write("/run/bin/systemctl", "#!/bin/sh\nexit 1\n", 0o755)
    assert "systemctl stop" in port.act(PORT, "CONNECTED").err
    assert port.flag


def test_runs_at_once_agree(port):
    running = [port.router.start("wpa-action", *args) for args in [[PORT, "CONNECTED"], ["--sync"]] * 8]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 16
    assert port.flag and "".join(said).count("is authenticated") == 1 and port.told() == [STOP]


@pytest.mark.parametrize("args", [[], [PORT], ["--sync", PORT, "CONNECTED"], ["a/b", "CONNECTED"], ["--sync", "../x"],
                                  ["--sync", ""], [PORT, "CONNECTED", "more"], ["--check"]])
def test_bad_usage_changes_nothing(port, args):
    port.up()
    port.supplicant.say(False)
    result = port.act(*args, check=False)
    assert result.code == 2 and len(result.err.splitlines()) == 1, result
    assert port.flag


def test_the_port_comes_from_the_environment_and_the_defaults(port):
    assert "eth7" in port.act("--sync", "--verbose", env={"DOT1X_INTERFACE": "eth7"}).err
    port.router.write("/etc/default/mwan", "DOT1X_INTERFACE=eth8\n")
    assert "eth8" in port.act("--sync", "--verbose").err


# ---- before wpa_supplicant ----


def makes_link_local_addresses(port):
    return port.router.run("cat", f"/proc/sys/net/ipv6/conf/{PORT}/addr_gen_mode").out == "0\n"


def test_only_eapol_belongs_on_a_port_that_is_no_wan(port):
    assert makes_link_local_addresses(port)
    result = port.act("--prepare", PORT)
    assert result.err == "" and not makes_link_local_addresses(port)


def test_a_port_that_is_the_wan_keeps_its_ipv6(port):
    port.router.write("/etc/mwan/mwan.conf", port.router.read("/etc/mwan/mwan.conf").replace(VLAN, PORT))
    assert port.act("--prepare", PORT).err == "" and makes_link_local_addresses(port)


@pytest.mark.parametrize("args, code", [(["--prepare", "eth9"], 1), (["--prepare", "--sync", PORT], 2),
                                        (["--prepare", PORT, "CONNECTED"], 2),
                                        (["--prepare", "--config", "/nowhere", PORT], 2)])
def test_what_can_not_be_prepared_is_left_alone(port, args, code):
    result = port.act(*args, check=False)
    assert result.code == code and result.err and makes_link_local_addresses(port), result


# ---- bringup-att-vlan ----


def dhcp4(address="104.57.226.193"):
    return {"Family": 2, "Address": [int(byte) for byte in address.split(".")], "PrefixLength": 29,
            "ConfigSource": "DHCPv4", "ConfigState": "configured"}


def bringup(port, *args, **kwargs):
    return port.router.run("bringup-att-vlan", *args, **{"check": False, **kwargs})


@pytest.fixture
def bus(port):
    """networkd, with a VLAN that has no lease yet."""
    bus = port.lab.networkd()
    bus.describe(VLAN)
    return bus


def test_a_link_without_a_lease_is_reconfigured_and_waited_for(port, bus):
    bus.then(VLAN, Addresses=[dhcp4()])
    result = bringup(port)
    assert result.code == 0 and bus.calls() == [f"ReconfigureLink {bus.index(VLAN)}"]
    assert result.err.splitlines()[-1] == f"<5>{VLAN} has 104.57.226.193"


def test_a_lease_is_renewed_and_never_taken_away(port, bus):
    bus.describe(VLAN, Addresses=[dhcp4()])
    assert bringup(port).code == 0
    assert bus.calls() == [f"RenewLink {bus.index(VLAN)}"]


def test_a_link_with_an_ipv6_lease_only_is_left_alone(port, bus):
    bus.delegate(VLAN, "2600:1700:2f71:c80::/60")
    bus.describe(VLAN, {"Prefixes": [{"PrefixLength": 60}]}, Addresses=[
        {"Family": 10, "Address": [32, 1] + [0] * 13 + [1], "ConfigSource": "DHCPv6"}])
    assert bringup(port).code == 0
    assert bus.calls() == []


def test_the_vlan_is_waited_for(port, bus):
    for interface in ("pending", "initialized"):
        bus.describe(VLAN, AdministrativeState=interface)
        later = threading.Timer(1, bus.describe, [VLAN], {"Addresses": [dhcp4()]})
        later.start()
        assert bringup(port).code == 0
        later.join()
    port.lab.unplug("att")
    process = port.router.start("bringup-att-vlan")
    time.sleep(1)
    assert process.poll() is None
    port.lab.plug("att")
    bus.describe(VLAN, Addresses=[dhcp4()])
    assert process.wait(PATIENCE) == 0
    process.communicate()


def test_networkd_is_waited_for(port, bus):
    bus.describe(VLAN, Addresses=[dhcp4()])
    bus.stop()
    process = port.router.start("bringup-att-vlan")
    time.sleep(1)
    assert process.poll() is None
    bus.start()
    assert process.wait(PATIENCE) == 0
    process.communicate()


@pytest.mark.plain("most of a minute is waiting")
def test_what_does_not_come_is_named(port, bus):
    """Both waits at once: a lease that nobody gives, and a VLAN that nobody makes."""
    first = port.router.start("bringup-att-vlan")
    time.sleep(1)
    port.router.configure(port.router.read("/etc/mwan/mwan.conf").replace(VLAN, f"{PORT}.8"))
    second = port.router.start("bringup-att-vlan")
    try:
        said = [process.communicate(timeout=PATIENCE)[1] for process in (first, second)]
    finally:
        for process in (first, second):
            process.kill()
    assert (first.returncode, second.returncode) == (1, 1)
    assert f"{VLAN} has no address after 30 s" in said[0]
    assert f"there is no {PORT}.8: it needs a .netdev file" in said[1]


@pytest.mark.parametrize("state, says", [("unmanaged", "no .network file matches it: write one for it in"),
                                         ("failed", f"has failed to configure {VLAN}: `journalctl")])
def test_a_link_that_networkd_leaves_alone_is_named_at_once(port, bus, state, says):
    bus.describe(VLAN, AdministrativeState=state)
    result = bringup(port)
    assert result.code == 1 and says in result.err and bus.calls() == []
    assert len(result.err.splitlines()) == 1


def test_a_refusal_is_told_in_networkds_words(port, bus):
    bus.refuse()
    result = bringup(port)
    assert result.code == 1 and "told to refuse" in result.err.splitlines()[-1]


def trouble(port):
    """The one line that it says, of what keeps the port from being authorized."""
    result = bringup(port)
    assert result.code == 1 and len(result.err.splitlines()) == 1, result
    return result.err


def test_a_port_that_is_not_authorized_is_named_with_what_to_do(port, bus):
    port.supplicant.say(False, "HELD")
    port.supplicant.events = ["CTRL-EVENT-EAP-STATUS status='started' parameter=''",
                              "CTRL-EVENT-EAP-STATUS status='completion' parameter='failure'"]
    assert "the authenticator refuses us (EAP failure)" in trouble(port)
    port.router.path("/run/mwan/dot1x").unlink()
    port.supplicant.events = []
    assert "nobody answers 802.1X" in trouble(port)
    port.supplicant.close()
    assert "systemctl status wpa_supplicant-mwan" in trouble(port)
    port.carrier(False)
    assert f"{PORT} has no carrier" in trouble(port)
    port.router.ip(f"link del {PORT}\n")
    assert f"there is no interface {PORT}" in trouble(port)
    assert bus.calls() == []


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("key, name", [("ca_cert", "ca.pem"), ("client_cert", "client.pem"),
                                       ("private_key", "private.pem")])
def test_a_certificate_that_is_missing_is_named(port, key, name, running):
    port.supplicant.say(False, "HELD")
    if not running:
        port.supplicant.close()
    port.router.path(f"/etc/wpa_supplicant/{name}").unlink()
    assert f"/etc/wpa_supplicant/{name} ({key} in /etc/wpa_supplicant/mwan.conf): No such file" in trouble(port)
    port.router.write(f"/etc/wpa_supplicant/{name}", "")
    assert f"/etc/wpa_supplicant/{name} ({key} in /etc/wpa_supplicant/mwan.conf) is empty" in trouble(port)


def test_a_configuration_that_is_missing_is_named(port):
    port.supplicant.close()
    port.router.path("/etc/wpa_supplicant/mwan.conf").unlink()
    assert "/etc/wpa_supplicant/mwan.conf: No such file" in trouble(port)


def test_certificates_are_of_no_interest_while_the_port_is_authorized(port, bus):
    port.router.path("/etc/wpa_supplicant/ca.pem").unlink()
    bus.describe(VLAN, Addresses=[dhcp4()])
    assert bringup(port).code == 0


@pytest.mark.parametrize("args, says", [(["eth9"], "no WAN of /etc/mwan/mwan.conf is on eth9"),
                                        ([PORT, "more"], "one argument too many"), (["a/b"], "not the name"),
                                        (["--config", "/nowhere"], "/nowhere"), (["--check"], "unknown option")])
def test_bringup_names_bad_usage(port, args, says):
    result = bringup(port, *args)
    assert result.code == 2 and says in result.err and len(result.err.splitlines()) == 1, result
