# SPDX-License-Identifier: GPL-2.0-or-later
"""
The units as they run: what is open to them, what they tell, and that everything works in their sandbox;
then the commands of an operator, over SSH, and each of daemon and hooks without the other.
"""

import re
import socket

import pytest

import wans
from exposure import EXPOSURE, exposure
from lab import SERVERS4, SERVERS6
from traffic import Load, answers, close_all, connects, listen, udp_flows, wait_until
from web import Web, url

ACTIVE = ["wpa_supplicant-mwan", "systemd-networkd", "nftables", "mwan-health"]
# What a container gives networkd cause to say.
OTHERS = r"enatt0\.3242 NetDev could not be found|Failed to load .*BPF"
DEBUG_LOG, BOOT_ID, TOLD = "/var/log/mwan-debug.log", "/run/mwan-trace-id", "/var/log/told"
TELL = f"""#!/bin/sh
echo "$EVENT $WAN $FAMILY $NEW" >>{TOLD}
touch /usr/bin/owned /run/owned /etc/mwan/owned
systemd-run --quiet --no-block touch "/root/told-$EVENT-$WAN-$FAMILY-$NEW"
"""
ATT, WEBPASS, NEW = "2600:1700:2f71:c80::/60", "2604:5500:c271:be00::/60", "2604:5500:aaaa:50::/60"
RECOVERY = [f"update-npt.sh enatt0.3242 {ATT}", f"update-npt.sh enwebpass0 {WEBPASS}"]
HTTP = {"http4": f"{url('/200')}, {url('/200', scheme='https')}",
        "http6": f"{url('/200', 6)}, {url('/200', 6, 'https')}", "min_targets": 4}
BOTH = {"att", "webpass"}


@pytest.fixture(scope="module")
def lab(share_appliance):
    """Booted, with all that the daemon can do in use, and leases that are renewed every few seconds."""
    lab = share_appliance(dot1x=True, mwan={"debug_logging": "yes"}, notify={"command": "/usr/local/bin/tell"},
                          health={**wans.QUICK, "interval": "500ms", "timeout": "400ms", **HTTP})
    lab.router.write("/usr/local/bin/tell", TELL, 0o755)
    for isp in lab.isps:
        isp.lifetimes6 = {"valid-lifetime": 120, "preferred-lifetime": 90, "renew-timer": 4, "rebind-timer": 60}
        isp.dhcp6.restart()
        isp.count_echo()
    with Web(lab.internet) as lab.web:
        lab.web.trust(lab.router)
        lab.up()
        lab.router.booted()
        yield lab


@pytest.fixture
def unit(lab):
    """unit("stop", NAME): as systemctl; what was stopped is started at the end."""
    stopped = []

    def systemctl(verb, name):
        stopped.append(name)
        lab.router.run("systemctl", verb, name)

    yield systemctl
    for name in stopped:
        lab.router.run("systemctl", "start", name)


def carried(lab, servers=(*SERVERS4, *SERVERS6)):
    """WANs that carry new flows of the client; "lost" among them when something does not get through."""
    flows = udp_flows(lab.client, 40, servers)
    found = set(lab.shares(answers(flows, seconds=1)))
    close_all(flows)
    return found


def carries(lab, names):
    """Until new flows of both families are carried by these WANs, and by nothing else."""
    wait_until(lambda: all(carried(lab, servers) == names for servers in (SERVERS4, SERVERS6)),
               f"new flows of both families over {names}")


def lines(lab, *command):
    return lab.router.run(*command).out.splitlines()


def table6(lab):
    return lab.router.chain("ip6", "nat", "postrouting") + lab.router.chain("ip6", "nat", "prerouting")


# After the boot

def warnings(lab):
    """What has been warned of since the boot."""
    said = lines(lab, "journalctl", "--boot", "--quiet", "--priority=warning", "--output=cat")
    return [line for line in said if not re.search(OTHERS, line)]


def test_nothing_failed_and_nothing_is_warned_of(lab):
    """What is not there yet is told of, without a warning: once, or again when it was there for a moment."""
    assert lab.router.failed() == []
    assert warnings(lab) == []
    said = lines(lab, "journalctl", "--boot", "--quiet", "--unit=mwan-health", "MWAN_EVENT=awaited", "--output=cat")
    assert said and max(map(said.count, said)) <= 2, said


@pytest.mark.parametrize("name", EXPOSURE)
def test_a_unit_is_open_to_what_it_uses_and_no_more(lab, name):
    assert exposure(lab.router, name) <= EXPOSURE[name]


def test_systemd_finds_nothing_wrong_with_the_units(lab):
    names = lines(lab, "sh", "-c", "ls -d /usr/lib/systemd/system/*mwan*.* /usr/lib/systemd/system/wpa-* "
                                   "/usr/lib/systemd/system/bringup-att-vlan.service | grep -v '\\.d$'")
    assert len(names) >= 10
    result = lab.router.run("systemd-analyze", "verify", "--man=no", *names)
    assert (result.out, result.err) == ("", "")


# In the sandbox

def test_the_daemon_probes_by_icmp_http_and_https(lab):
    """min_targets is all four of a family, so a WAN that is up has them all."""
    wait_until(lambda: all(lab.isp(name).echo() for name in BOTH), "echo requests over both WANs")
    wait_until(lambda: {lab.wan_of(client).name for _, client in lab.web.requests()} == BOTH,
               "HTTP requests over both WANs, and with their own addresses")
    wait_until(lambda: re.findall(r'"state": ?"(\w+)"', lab.router.read("/run/mwan/health.json")) == ["up"] * 4,
               "every verdict is up")


def test_a_cut_is_acted_on_told_and_logged(lab):
    lab.router.write(TOLD, "")
    lab.cut("webpass")
    carries(lab, {"att"})
    wait_until(lambda: "eligible webpass ipv4 false" in lab.router.read(TOLD).splitlines(), "[notify]")
    wait_until(lambda: lab.router.path("/root/told-eligible-webpass-ipv4-false").exists(), "a unit that the command starts")
    for closed in ("/usr/bin/owned", "/run/owned", "/etc/mwan/owned"):
        assert not lab.router.path(closed).exists(), closed
    assert "webpass: enwebpass0 has no carrier" in lab.router.read(DEBUG_LOG)
    lab.mend("webpass")
    carries(lab, BOTH)


def test_a_new_configuration_is_taken_up_by_a_reload(lab):
    text = lab.router.read("/etc/mwan/mwan.conf")
    for found in (text.replace("[wan att]", "[wan att]\ntier = 2").replace("tier               = 1", "", 1), text):
        lab.router.configure(found)
        lab.router.run("systemctl", "reload", "mwan-health")
        carries(lab, BOTH if found == text else {"webpass"})


# Traces

def test_boot_and_deploy_have_their_traces(lab):
    boot = lab.router.read(BOOT_ID).strip()
    assert boot.startswith("boot-") and boot in lab.router.journal("mwan-trace-boot")
    of_boot = lines(lab, "mwan-trace", "show")
    assert {"mwan-trace", "health-check"} <= {line.split()[1] for line in of_boot}
    deploy = lines(lab, "mwan-trace", "new", "deploy")[0]
    lab.router.run("systemctl", "reload", "nftables")
    lab.router.nft("flush chain ip6 nat postrouting")
    wait_until(lambda: "health-check" in {line.split()[1] for line in lines(lab, "mwan-trace", "show")},
               "the daemon's lines of the deploy")
    assert lab.router.read("/var/lib/mwan/trace-id").strip() == deploy
    assert lines(lab, "mwan-trace", "show", boot)[:len(of_boot)] == of_boot


# What the original tells an operator to do

def test_the_verify_services_commands_show_a_router_that_works(lab):
    assert "suppPortStatus=Authorized" in lines(lab, "wpa_cli", "status")
    assert lines(lab, "systemctl", "is-active", *ACTIVE) == ["active"] * len(ACTIVE)
    status = lab.router.run("systemctl", "status", "--no-pager", *ACTIVE).out
    assert status.count("Active: active") == len(ACTIVE)
    table = lab.router.run("health-check.sh", "--status", check=False).out
    for name in BOTH:
        assert len(re.findall(rf"^{name}\b.*\bup\b", table, re.M)) >= 1, table


def test_a_daemon_that_is_stopped_is_told_as_systemd_has_it(lab, unit):
    unit("stop", "mwan-health")
    status = lab.router.run("health-check", "--status", check=False)
    assert status.code == 1, status
    assert status.out.startswith("daemon: does not run (inactive), and this is "), status


def test_the_sanity_checks_show_routes_rules_and_translations(lab):
    for one in lab.wans:
        routes = lines(lab, "ip", "-6", "route", "show", "table", str(one.table))
        assert any(line.startswith("default via fe80::1 ") and one.interface in line for line in routes), routes
        rules = lines(lab, "ip", "-6", "rule", "show")
        assert any(f"fwmark {one.mark:#x} lookup" in line for line in rules), rules
        out = lab.router.run("nft", "-a", "list", "chain", "ip6", "nat", "postrouting").out
        back = lab.router.run("nft", "-a", "list", "chain", "ip6", "nat", "prerouting").out
        assert f'"{one.interface}"' in out and one.prefix6 in out and one.prefix6 in back and one.edge() in back


@pytest.fixture(scope="module")
def ssh(lab, tmp_path_factory):
    """ssh(command): as root, from the management network; returns what it prints."""
    key = tmp_path_factory.mktemp("ssh") / "key"
    lab.admin.command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    lab.router.path("/root/.ssh").mkdir(mode=0o700, exist_ok=True)
    lab.router.write("/root/.ssh/authorized_keys", key.with_suffix(".pub").read_text(), 0o600)
    lab.router.run("sh", "-c", "rm -f /etc/systemd/system/ssh.service && ssh-keygen -A && systemctl daemon-reload")
    lab.router.run("systemctl", "start", "ssh")
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    words = ["ssh", "-F", "none", "-i", str(key), *(word for option in options for word in ("-o", option))]
    return lambda command: lab.admin.command([*words, "root@192.168.50.1", command])


@pytest.mark.parametrize("daemon", ["stopped", "running"])
def test_the_original_manual_recovery_over_ssh(lab, ssh, unit, daemon):
    wanted = sorted(table6(lab))
    if daemon == "stopped":
        unit("stop", "mwan-health")
        unit("stop", "networkd-dispatcher")
    for chain in ("postrouting", "prerouting"):
        ssh(f"nft flush chain ip6 nat {chain}")
    if daemon == "stopped":
        assert table6(lab) == [] and not carried(lab, SERVERS6) & BOTH
    assert [ssh(command) for command in RECOVERY] == ["", ""]
    assert sorted(table6(lab)) == wanted and carried(lab) == BOTH
    assert ssh("update-npt --check; echo $?") == "0\n"


# One without the other

def converges(lab):
    """Carrier, address and delegation go and come; what can be carried is."""
    lab.cut("webpass")
    carries(lab, {"att"})
    lab.mend("webpass")
    carries(lab, BOTH)
    lab.router.run("ip", "address", "flush", "dev", "enatt0.3242", "scope", "global")
    lab.router.run("networkctl", "reconfigure", "enatt0.3242")
    carries(lab, BOTH)
    for prefix in (NEW, WEBPASS):
        lab.renumber("webpass", prefix)
        wait_until(lambda: any(prefix in line for line in table6(lab)), f"the delegation of {prefix}")
        lab.take_prefix("webpass", prefix)
        carries(lab, BOTH)


def test_the_hooks_alone_converge(lab, unit):
    unit("stop", "mwan-health")
    converges(lab)


def test_the_daemon_alone_converges(lab, unit):
    unit("stop", "networkd-dispatcher")
    lab.router.run("mv", "/etc/networkd-dispatcher", "/etc/away")
    converges(lab)
    lab.router.run("mv", "/etc/away", "/etc/networkd-dispatcher")


# Boots that are not as they should be

def test_before_it_is_configured_a_machine_is_left_as_debian_has_it(make_appliance):
    lab = make_appliance()
    lab.router.path("/etc/mwan/mwan.conf").unlink()
    lab.boot()
    assert lab.router.booted() == "running" and lab.router.failed() == []
    assert warnings(lab) == []
    assert lines(lab, "sh", "-c", "systemctl is-active mwan-health mwan-update-routes; true") == ["inactive"] * 2
    # Debian leaves nftables.service off.
    assert lab.router.ruleset() == ""
    lab.router.run("systemctl", "enable", "--now", "nftables")
    assert "table inet filter" in lab.router.ruleset() and "chain exits" not in lab.router.ruleset()
    lab.router.run("systemctl", "stop", "nftables")
    assert lab.router.ruleset() == ""


def test_a_router_whose_configuration_is_away_forwards_nothing_untranslated(appliance):
    """Somebody has moved it, and begins anew: what is in force stays, and so do the flows."""
    router = appliance.router
    text = router.read("/etc/mwan/mwan.conf")
    flows = udp_flows(appliance.client, 40, SERVERS4 + SERVERS6)
    assert all(answers(flows))
    with Load(flows) as load:
        router.path("/etc/mwan/mwan.conf").unlink()
        for _ in range(7):  # also more often than systemd allows by itself
            router.run("systemctl", "restart", "nftables")
        router.run("systemctl", "stop", "nftables")
        router.write("/etc/mwan/mwan.conf", text)
        router.run("systemctl", "start", "nftables")
    close_all(flows)
    assert not load.lost and not load.moved


def test_a_daemon_whose_file_was_broken_comes_back_when_it_is_mended(appliance):
    router = appliance.router
    text = router.read("/etc/mwan/mwan.conf")
    router.write("/etc/mwan/mwan.conf", text + "nonsense\n")
    router.kill_unit("mwan-health")
    wait_until(lambda: "nonsense" in router.journal("mwan-health", "--priority=err"), "it says what is wrong")
    router.write("/etc/mwan/mwan.conf", text)
    wait_until(lambda: router.unit("mwan-health")["ActiveState"] == "active", "it is back")


def test_a_daemon_whose_folder_is_removed_begins_anew(appliance):
    """Its sandbox keeps it from making a folder in /run: it ends, and systemd makes one for the next."""
    router = appliance.router
    router.run("rm", "-r", "/run/mwan")
    wait_until(lambda: router.path("/run/mwan/health.json").exists(), "its state is there again")
    appliance.cut("webpass")
    wait_until(lambda: carried(appliance) == {"att"}, "Webpass is left")
    for unit in ("mwan-update-routes", "mwan-update-npt"):
        router.run("systemctl", "start", unit)


def test_a_base_that_is_flushed_and_broken_stops_forwarding_until_it_is_mended(appliance):
    """In the sandbox of its unit, the daemon may write what it has to."""
    router = appliance.router
    base, keys = router.read("/etc/mwan/nftables.conf"), ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")

    def forwarding():
        return router.run("sysctl", "-n", *keys).out.split()

    router.write("/etc/mwan/nftables.conf", "nonsense\n")
    router.run("nft", "flush", "ruleset")
    wait_until(lambda: forwarding() == ["0", "0"], "forwarding is off")
    wait_until(lambda: router.unit("mwan-health", "StatusText")["StatusText"].startswith("NO PROTECTION: "), "it says so")
    assert router.run("health-check", "--status", check=False).code == 4
    assert carried(appliance) == {"lost"}
    assert router.run("systemctl", "start", "mwan-update-routes", check=False).code == 1
    router.write("/etc/mwan/nftables.conf", base)
    wait_until(lambda: forwarding() == ["1", "1"], "forwarding is on again")
    carries(appliance, BOTH)


def test_a_base_that_cannot_be_loaded_at_boot_can_be_mended(make_appliance):
    lab = make_appliance()
    base = lab.router.read("/etc/mwan/nftables.conf")
    lab.router.write("/etc/mwan/nftables.conf", base + "table inet filter {\n\tnonsense\n")
    lab.boot()
    lab.router.booted()
    assert "nftables.service" in lab.router.failed()
    assert "systemctl restart nftables" in lab.router.journal("nftables", "--priority=err")
    assert carried(lab) == {"lost"}
    with listen(lab.router, socket.AF_INET):
        assert connects(lab.admin, "192.168.50.1")
    lab.router.write("/etc/mwan/nftables.conf", base)
    lab.router.run("systemctl", "restart", "nftables")
    carries(lab, BOTH)
