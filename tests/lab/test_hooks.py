# SPDX-License-Identifier: GPL-2.0-or-later
"""networkd-dispatcher's hooks: files it accepts, that do their work and nothing else."""

import stat

import pytest

import wans
from lab import SERVERS4, SERVERS6
from traffic import answers, close_all, udp_flows

ROOT = "/etc/networkd-dispatcher"
ROUTES, NPT = "50-update-routes.sh", "55-update-npt.sh"
STATES = {"routable.d": {ROUTES, NPT}, "configured.d": {NPT}, "no-carrier.d": {ROUTES}, "degraded.d": {ROUTES},
          "off.d": {ROUTES}}
HOSTILE = ["; touch /run/owned", "$(touch /run/owned)", "`touch /run/owned`", "--config=/run/evil.conf", "-h",
           "enatt0.3242 2001:db8::/60", "a\ntouch /run/owned", "../../run/owned", "'\"", "*", " ", "x" * 5000]


def dispatch(lab, state, interface, **changes):
    """Runs a state's hooks as networkd-dispatcher does: no arguments, all in the environment, one after another."""
    environment = {"IFACE": interface, "STATE": state, "OperationalState": state, "AdministrativeState": "configured",
                   "ADDR": "", "ESSID": "", "json": "{}", **changes}
    environment = {key: value for key, value in environment.items() if value is not None}
    results = []
    for hook in sorted(lab.router.path(f"{ROOT}/{state}.d").iterdir()):
        results.append(lab.router.run(f"{ROOT}/{state}.d/{hook.name}", env=environment, check=False))
    return results


@pytest.mark.parametrize("folder", STATES)
def test_the_dispatcher_accepts_folders_and_hooks(bare, folder):
    """It skips whatever is not root's and exactly 0755."""
    path = bare.router.path(f"{ROOT}/{folder}")
    found = {hook.name for hook in path.iterdir()}
    assert found >= STATES[folder]
    for one in [path, *path.iterdir()]:
        status = one.stat()  # follows links, as the dispatcher does
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755), one


def test_a_link_that_becomes_routable_gets_everything(bare):
    results = dispatch(bare, "routable", "enatt0.3242")
    assert [result.code for result in results] == [0, 0], results
    flows = udp_flows(bare.client, 60, SERVERS4 + SERVERS6)
    assert set(bare.shares(answers(flows))) == {"att", "webpass"}
    close_all(flows)


def test_a_link_without_carrier_loses_its_new_flows(lab):
    lab.cut("att")
    assert all(result.code == 0 for result in dispatch(lab, "no-carrier", "enatt0.3242"))
    flows = udp_flows(lab.client, 60, SERVERS4 + SERVERS6)
    assert lab.shares(answers(flows)) == {"webpass": 60}
    close_all(flows)


def test_a_delegation_that_arrives_later_is_told_by_configured(make_lab):
    lab = make_lab([wans.att(prefix_key="auto"), wans.webpass()])
    bus = lab.networkd()
    bus.describe("enatt0.3242")
    bus.describe("enwebpass0")
    dispatch(lab, "routable", "enatt0.3242")
    bus.delegate("enatt0.3242", "2600:1700:2f71:c80::/60")
    dispatch(lab, "configured", "enatt0.3242")
    flows = udp_flows(lab.client, 60, SERVERS6)
    assert set(lab.shares(answers(flows))) == {"att", "webpass"}
    close_all(flows)


@pytest.mark.parametrize("interface", HOSTILE)
def test_nothing_in_the_environment_is_evaluated(lab, interface):
    before = lab.router.snapshot()
    for state in ("routable", "no-carrier"):
        for result in dispatch(lab, state, interface):
            assert result.code == 0, result
    assert not lab.router.path("/run/owned").exists()
    assert lab.router.snapshot() == before


@pytest.mark.parametrize("interface", ["", None])
def test_without_an_interface_a_hook_does_nothing(bare, interface):
    before = bare.router.snapshot()
    assert [result.code for result in dispatch(bare, "routable", interface)] == [0, 0]
    assert bare.router.snapshot() == before


def test_a_machine_that_is_not_configured_yet_is_left_in_peace(bare):
    bare.router.run("rm", "/etc/mwan/mwan.conf")
    results = dispatch(bare, "routable", "enatt0.3242")
    assert [(result.code, result.err) for result in results] == [(0, ""), (0, "")]


def test_a_broken_configuration_is_in_the_journal(bare):
    bare.router.configure("nonsense\n")
    for result in dispatch(bare, "routable", "enatt0.3242"):
        assert result.code == 2 and "/etc/mwan/mwan.conf:1:" in result.err
