# SPDX-License-Identifier: GPL-2.0-or-later
"""
health-check --doctor on the machine itself: probes, neighbours, OPNsense, sysctls, networkd's settings, hooks and
files. Each thing is broken, found with its fix, and mended.
"""

import json
import os
import signal

import pytest

import faults
import topology
import wans
from doctor import Doctor, edits
from lab import OPNSENSE_LL, SERVERS4
from traffic import wait_until

TOPICS = ("files", "managers", "probes", "neighbours", "OPNsense", "sysctls", "networkd", "hooks", "units")
# A lab has neither systemd nor, in most tests, the daemon.
AS_EVER = ("the daemon does not run", "systemd does not run here")
CONF, BASE, STATE = "/etc/mwan/mwan.conf", "/etc/mwan/nftables.conf", "/var/lib/mwan"
SYSCTL_D, NETWORKD_D = "/etc/sysctl.d", "/etc/systemd/networkd.conf.d"
NETWORK = "/etc/systemd/network/40-{}.network"
HOOKS = "/etc/networkd-dispatcher"
WAN_SETTINGS = """\
[Link]
RequiredForOnline=no
[Network]
DHCP=yes
IPv6AcceptRA=yes
KeepConfiguration=static
[DHCPv4]
ClientIdentifier=mac
[DHCPv6]
PrefixDelegationHint=::/60
"""
LAN_SETTINGS = "[Network]\nAddress=10.250.250.1/29\nIPv6AcceptRA=no\n"
NOT_AWAITED = "[Link]\nRequiredForOnline=no\n"
# What mwan's own file does at boot, by the link that makes a router of the machine.
OURS = "net.ipv4.ip_forward = 1\nnet.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n"


class Host:
    """A lab and its doctor, who says only what is not as ever in a lab."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.doctor = Doctor(lab.router, TOPICS)

    def complaints(self):
        return [one for one in self.doctor.complaints() if not one.text.startswith(AS_EVER)]

    def finds(self, topic, kind, says):
        """That, and nothing else."""
        found = self.complaints()
        assert [(one.topic, one.kind) for one in found] == [(topic, kind)] and says in found[0].text, found
        assert found[0].fix and self.doctor.code >= (kind == "WRONG"), (self.doctor.code, found)
        return found[0]

    def mends(self, topic, kind, says):
        """That, and its fix is run; the fixture sees to it that it is gone."""
        self.doctor.follow(self.finds(topic, kind, says))

    def well(self):
        assert self.complaints() == []

    def forget_neighbours(self):
        self.router.command(["ip", "-4", "neigh", "flush", "all"])
        self.router.command(["ip", "-6", "neigh", "flush", "all"])


@pytest.fixture(scope="module")
def shared(share_lab):
    """All is well; networkd knows the links, and they have their settings."""
    host = Host(share_lab(health={"timeout": "200ms"}))
    for folder in (SYSCTL_D, "/etc/network", "/etc/systemd/network"):  # links to the test machine's own
        host.router.path(folder).unlink(missing_ok=True)
        host.router.path(folder).mkdir()
    bus = host.lab.networkd()
    for one in host.lab.wans:
        host.router.write(NETWORK.format(one.interface), WAN_SETTINGS)
        bus.delegate(one.interface, one.prefix6)
        answer = bus.router.path(f"/run/networkd-standin/{bus.index(one.interface)}.json")
        answer.write_text(answer.read_text().replace("{", f'{{"NetworkFile": "{NETWORK.format(one.interface)}", ', 1))
    host.router.write(NETWORK.format(wans.LAN), LAN_SETTINGS)
    bus.describe(wans.LAN, NetworkFile=NETWORK.format(wans.LAN))
    host.lab.up()
    host.well()
    return host


@pytest.fixture
def host(shared):
    yield shared
    shared.well()


@pytest.fixture
def edit(host):
    """edit(FILE, TEXT or None): another text, or no file, until the test is over."""
    with edits(host.router) as edit:
        yield edit
    if CONF in edit.before:
        host.router.update()


def test_looking_changes_nothing(host):
    before = host.router.snapshot()
    with host.router.monitor() as monitor:
        host.well()
        assert not monitor.events()
    assert host.router.snapshot() == before
    found = host.doctor.findings()
    assert {one.topic for one in found} == set(TOPICS)
    assert [one.topic for one in found if one.kind == "ok"] == [topic for topic in TOPICS if topic not in ("files", "units")]


# sysctls

@pytest.mark.parametrize("key, value, kind", [
    ("net/ipv4/ip_forward", 0, "WRONG"),
    ("net/ipv4/conf/enatt0.3242/forwarding", 0, "WRONG"),
    ("net/ipv4/conf/enwebpass0/rp_filter", 1, "WRONG"),
    ("net/ipv4/conf/enmwanbr0/rp_filter", 1, "WRONG"),
    ("net/ipv4/conf/enatt0.3242/arp_ignore", 0, "WRONG"),
    ("net/ipv4/conf/enmwanbr0/arp_ignore", 2, "WRONG"),
    ("net/ipv4/conf/enwebpass0/arp_announce", 0, "note"),
    ("net/ipv4/conf/all/src_valid_mark", 1, "note"),
    ("net/ipv4/fwmark_reflect", 0, "WRONG"),
    ("net/ipv6/fwmark_reflect", 0, "WRONG"),
    ("net/ipv6/conf/enwebpass0/forwarding", 0, "WRONG"),
    ("net/ipv6/conf/enmwanbr0/accept_ra", 2, "WRONG"),
])
def test_a_sysctl_that_is_not_a_routers(host, key, value, kind):
    host.router.sysctls({key: value})
    if key == "net/ipv4/ip_forward":  # it is every interface's as well
        finding = host.complaints()[0]
        assert (finding.topic, key in finding.text) == ("sysctls", True)
        host.doctor.follow(finding)
    else:
        host.mends("sysctls", kind, key)


def test_a_check_of_sources_that_keeps_a_rule_out(host):
    host.router.sysctls({"net/ipv4/conf/enwebpass0/src_valid_mark": 0})
    host.router.update()
    host.doctor.follow(host.finds("sysctls", "WRONG", "net/ipv4/conf/enwebpass0/src_valid_mark is 0"))
    host.router.update()
    host.well()


def test_ipv6_that_is_switched_off(host):
    host.router.sysctls({"net/ipv6/conf/enwebpass0/disable_ipv6": 1})
    host.doctor.follow(host.finds("sysctls", "WRONG", "net/ipv6/conf/enwebpass0/disable_ipv6 is 1"))
    host.router.ip(topology.router_wan(host.lab.wan("webpass"), replace=True))
    host.router.update()


def test_an_rp_filter_of_all_that_is_stricter_than_the_interfaces(host):
    host.router.sysctls({"net/ipv4/conf/all/rp_filter": 1, "net/ipv4/conf/enatt0.3242/rp_filter": 0})
    host.mends("sysctls", "WRONG", "net/ipv4/conf/enatt0.3242/rp_filter is 1")
    host.router.sysctls({"net/ipv4/conf/all/rp_filter": 0})


@pytest.mark.parametrize("name, text, says", [
    ("70-site.conf", "net.ipv4.ip_forward=0\n", "net/ipv4/ip_forward is 1, and /etc/sysctl.d/70-site.conf"),
    ("70-site.conf", "# net.ipv4.ip_forward=0\n", None),
    ("50-site.conf", "net.ipv4.ip_forward=0\n", None),  # ours comes later
    # A key counts more than a pattern, wherever it stands; a dot in a name is a slash.
    ("50-site.conf", "net.ipv4.conf.enatt0/3242.rp_filter = 1\n", "net/ipv4/conf/enatt0.3242/rp_filter is 2"),
    ("50-site.conf", "net.ipv4.conf.*.rp_filter = 1\n", None),
])
def test_a_file_that_makes_it_wrong_at_the_next_boot(host, edit, name, text, says):
    edit("/run/sysctl.d/60-mwan.conf", OURS)
    edit(f"{SYSCTL_D}/{name}", text)
    if says:
        assert host.finds("sysctls", "WRONG", says).fix.startswith(f"take it out of {SYSCTL_D}/{name}")
    else:
        host.well()
    edit("/run/sysctl.d/70-site.conf", "net.ipv4.fwmark_reflect = 0\n")
    edit(f"{SYSCTL_D}/70-site.conf", "")  # hides it
    edit(f"{SYSCTL_D}/50-site.conf", None)
    host.well()


# probes

def test_ipv6_that_is_silent_on_one_wan(host):
    host.lab.isp("webpass").fault(faults.NO_IPV6)
    found = host.finds("probes", "WRONG", "while IPv4 answers over the same line")
    assert "gateway fe80::1 answers, nothing behind it does" in found.text and "the ISP's fault" in found.fix, found
    host.lab.isp("webpass").fault()


def test_ipv4_that_is_silent_on_one_wan(host):
    host.lab.isp("att").fault("ip daddr 0.0.0.0/0 drop")
    host.finds("probes", "WRONG", "att: IPv4, while others answer over other WANs: gateway 104.57.226.198 "
               "answers, nothing behind it does: no answer from 1.1.1.1, 8.8.8.8")
    host.lab.isp("att").fault()


def test_silence_over_all_wans_is_one_finding(host):
    for isp in host.lab.isps:
        isp.fault("ip daddr 0.0.0.0/0 drop")
    assert "ping4" in host.finds("probes", "WRONG", "IPv4: no target answers over any of the WANs").fix
    for isp in host.lab.isps:
        isp.fault()


def test_a_target_that_is_nobodys(host, edit):
    edit(CONF, host.router.read(CONF).replace("[health]", f"[health]\nping4 = {SERVERS4[0]}, 198.51.100.1"))
    found = host.complaints()
    assert any((one.topic, one.kind) == ("probes", "note") and one.text.startswith("198.51.100.1 answers over no WAN")
               for one in found), found


@pytest.mark.parametrize("url, says", [
    (f"http://{SERVERS4[0]}:82/", "Connection refused"),
    (f"http://{SERVERS4[0]}:82/, http://{SERVERS4[0]}:83/", "Connection refused"),
])
def test_a_target_that_refuses_is_no_fault_of_this_machine(host, edit, url, says):
    edit(CONF, host.router.read(CONF).replace("[wan att]", f"[wan att]\nping4 =\nhttp4 = {url}"))
    found = [one for one in host.complaints() if (one.topic, one.kind) == ("probes", "WRONG")]
    assert len(found) == 1 and "att: IPv4, while others answer over other WANs: " in found[0].text and says in found[0].text, found
    assert "address show" not in found[0].fix and "http4" in found[0].fix, found


def test_probes_that_have_nothing_to_leave_from(host):
    att = host.lab.wan("att")
    for address in (att.edge(), att.address6):
        host.router.ip(f"addr del {address}/128 dev {att.interface}\n", 6)
    finding, = (one for root in Doctor(host.router).complaints() for one in root.follows if one.topic == "probes")
    assert "att: IPv6, " in finding.text and "cannot bind" in finding.text and finding.commands() == [f"ip -6 address show dev {att.interface}"], finding
    host.router.ip(topology.router_wan(att, replace=True))
    host.lab.up()


# neighbours

def test_a_gateway_that_nobody_answers_for(host):
    isp = host.lab.isp("att")
    for address, family in (("104.57.226.198/32", 4), ("fe80::1/64", 6)):
        isp.ip(f"addr del {address} dev mwan\n", family)
        host.forget_neighbours()
        found = host.finds("neighbours", "WRONG", f"the gateway {address.split('/')[0]} on enatt0.3242")
        assert "restart that device, then report it to the ISP" in found.fix and found.commands() == [], found
        assert [one.topic for one in found.follows] == ["probes"] and "does not answer" in found.follows[0].text, found
        isp.ip(topology.isp_addresses(isp.wan))


def test_opnsense_without_its_addresses(host):
    opnsense = host.lab.opnsense
    opnsense.ip("addr del 10.250.250.4/29 dev wan0\n")
    host.forget_neighbours()
    assert "Virtual IPs" in host.finds("neighbours", "note", "nobody answers for 10.250.250.4 on enmwanbr0").fix
    opnsense.ip("addr del 10.250.250.2/29 dev wan0\n")
    host.forget_neighbours()
    assert "10.250.250.2/29" in host.finds("neighbours", "WRONG", "nobody answers for router4").fix
    opnsense.ip(topology.opnsense_wan())


# OPNsense

def test_router6_that_nobody_answers_for(host):
    host.lab.opnsense.ip(f"addr del {wans.ROUTER6}/64 dev wan0\n", 6)
    host.forget_neighbours()
    assert f"{wans.ROUTER6}/64" in host.finds("OPNsense", "WRONG", "the edge addresses lead nowhere").fix
    host.lab.opnsense.ip(topology.opnsense_wan())


def test_router6_answers_where_the_router_has_no_address_inside_but_its_linklocal(host):
    host.router.ip(f"addr del 3d06:bad:b01:fe::1/64 dev {wans.LAN}\n")
    host.forget_neighbours()
    host.well()
    host.router.ip(f"addr add 3d06:bad:b01:fe::1/64 dev {wans.LAN} nodad\n")


@pytest.mark.parametrize("address, says", [("fe80::dead", "nobody answers for router6_linklocal, fe80::dead"),
                                           ("fe80::99", "fe80::99 on enmwanbr0 is another machine's")])
def test_a_linklocal_that_is_not_opnsenses(host, edit, address, says):
    host.router.command(["ip", "neigh", "replace", "fe80::99", "lladdr", "02:00:00:00:00:99", "dev", wans.LAN])
    edit(CONF, host.router.read(CONF).replace("= auto", f"= {address}", 1))
    assert f"router6_linklocal  = {address}" in host.router.read(CONF)
    found = [one for one in host.complaints() if one.topic == "OPNsense"]
    assert len(found) == 1 and says in found[0].text and OPNSENSE_LL in found[0].text, found
    assert "router6_linklocal = auto" in found[0].fix
    host.router.command(["ip", "neigh", "del", "fe80::99", "dev", wans.LAN])


# networkd

@pytest.mark.parametrize("old, new, kind, says", [
    ("KeepConfiguration=static", "", "WRONG", "KeepConfiguration is not set"),
    ("KeepConfiguration=static", "KeepConfiguration=yes", "WRONG", "outlives its lease"),
    ("IPv6AcceptRA=yes", "", "WRONG", "IPv6AcceptRA is not set"),
    ("IPv6AcceptRA=yes", "IPv6AcceptRA=no", "WRONG", "IPv6AcceptRA is no"),
    ("IPv6AcceptRA=yes", "IPv6AcceptRA=no\n[Network]\n IPv6AcceptRA = true # not so\nIPv6AcceptRA=1", None, ""),
    ("RequiredForOnline=no", "", "note", "RequiredForOnline is not set"),
    ("RequiredForOnline=no", "RequiredForOnline=routable", "note", "RequiredForOnline is routable"),
    ("ClientIdentifier=mac", "", "note", "ClientIdentifier is not set"),
    ("PrefixDelegationHint=::/60", "PrefixDelegationHint=::/64", None, ""),  # the WAN's is fixed
])
def test_a_setting_of_a_wans_network_file(host, edit, old, new, kind, says):
    path = NETWORK.format("enwebpass0")
    edit(path, WAN_SETTINGS.replace(old, new))
    if kind:
        fix = host.finds("networkd", kind, f"enwebpass0: {says}" if "is " in says else says).fix
        assert old in fix and path in fix, fix
    else:
        host.well()


def test_a_lan_that_others_configure(host, edit):
    edit(NETWORK.format(wans.LAN), LAN_SETTINGS + "DHCP=ipv4\n")
    host.finds("networkd", "WRONG", "DHCP is ipv4")
    edit(NETWORK.format(wans.LAN), LAN_SETTINGS + "IPv6AcceptRA=yes\n")
    host.finds("networkd", "WRONG", "IPv6AcceptRA is yes")


def test_a_boot_that_would_wait_for_nothing_but_the_time(host, edit):
    """Where no link is required, systemd-networkd-wait-online fails after 2 minutes."""
    management = NETWORK.format(wans.MANAGEMENT)
    edit(management, NOT_AWAITED)
    host.lab.networkd().describe(wans.MANAGEMENT, NetworkFile=management)
    host.well()
    edit(NETWORK.format(wans.LAN), LAN_SETTINGS + NOT_AWAITED)
    found = host.finds("networkd", "note", "eth0: RequiredForOnline is no")
    assert "RequiredForOnline=no-carrier:routable" in found.fix and management in found.fix
    edit(management, None)


def test_networkd_that_removes_what_is_ours(host, edit):
    ours = host.router.read(f"{NETWORKD_D}/10-mwan.conf")
    edit(f"{NETWORKD_D}/20-site.conf", "[Network]\nManageForeignRoutes=yes\n")
    assert f"{NETWORKD_D}/20-site.conf" in host.finds("networkd", "WRONG", "ManageForeignRoutes").fix
    edit(f"{NETWORKD_D}/20-site.conf", "[DHCPv4]\nManageForeignRoutes=yes\n")
    host.well()
    edit(f"{NETWORKD_D}/10-mwan.conf", None)
    host.finds("networkd", "WRONG", "ManageForeignRoutingPolicyRules, ManageForeignRoutes, ManageForeignNextHops")
    edit("/run/systemd/networkd.conf.d/10-mwan.conf", ours)
    host.well()
    edit(f"{NETWORKD_D}/10-mwan.conf", "")  # hides it
    host.finds("networkd", "WRONG", "ManageForeignNextHops")


def test_ifupdown_beside_networkd(host, edit):
    edit("/etc/network/interfaces.d/wan", "iface lo inet loopback\n\nauto enwebpass0\niface enwebpass0 inet dhcp\n")
    host.finds("managers", "WRONG", "ifupdown configures enwebpass0")


def test_ifupdown_that_gives_no_address(host, edit):
    """It only sets the link up; and what an editor leaves behind is no file of its own."""
    edit("/etc/network/interfaces", "auto enwebpass0\niface enwebpass0 inet manual\niface enwebpass0 inet6 manual\n")
    edit("/etc/network/interfaces.d/.wan.swp", "iface enwebpass0 inet dhcp\n")
    host.well()


def test_ifupdown_where_networkd_does_not_run(host, edit):
    """Nobody misses networkd, and the fix is ifupdown's."""
    edit("/etc/network/interfaces", "".join(f"auto {one.interface}\niface {one.interface} inet dhcp\n"
                                            for one in host.lab.wans))
    bus, leases = host.lab.networkd(), Doctor(host.router, ("leases",))
    bus.stop()
    assert leases.complaints() == []
    host.router.ip("address flush dev enwebpass0 scope global\n", 4)
    found = leases.finds("leases", "WRONG", "webpass: no address on enwebpass0")
    assert found.commands()[0] == "ifup --force enwebpass0"
    host.lab.mend("webpass")
    host.router.update()
    bus.start()


def test_a_network_manager_that_hangs_is_not_waited_for(host):
    host.router.write("/run/bin/nmcli", "#!/bin/sh\nsleep 1000\n", 0o755)
    host.well()
    host.router.path("/run/bin/nmcli").unlink()


def test_ifupdown_instead_of_networkd(host, edit):
    """A link that networkd leaves alone has one master only."""
    bus = host.lab.networkd()
    answer = f"/run/networkd-standin/{bus.index('enwebpass0')}.json"
    before = host.router.read(answer)
    edit("/etc/network/interfaces", "auto enwebpass0\niface enwebpass0 inet static\n")
    edit(answer, json.dumps({**json.loads(before), "AdministrativeState": "unmanaged"}))
    host.well()



# hooks

@pytest.mark.parametrize("path, change", [
    ("routable.d/50-update-routes.sh", lambda path: path.chmod(0o777)),
    ("routable.d/55-update-npt.sh", lambda path: path.chmod(0o644)),
    ("configured.d", lambda path: path.chmod(0o775)),
    ("no-carrier.d", lambda path: os.chown(path, 1000, 0)),
])
def test_a_hook_that_is_skipped(host, path, change):
    change(host.router.path(f"{HOOKS}/{path}"))
    host.mends("hooks", "WRONG", f"{HOOKS}/{path} is ")


def test_a_hook_that_is_not_there(host):
    link = host.router.path(f"{HOOKS}/configured.d/55-update-npt.sh")
    target = os.readlink(link)
    link.unlink()
    host.finds("hooks", "WRONG", f"{HOOKS}/configured.d/55-update-npt.sh: No such file")
    link.symlink_to(target)


# files

@pytest.mark.parametrize("path, change, says", [
    (CONF, lambda path: path.chmod(0o666), "others can change"),
    (CONF, lambda path: (os.chown(path, 1000, 1000), path.chmod(0o600)), "the services can't read it"),
    (BASE, lambda path: os.chown(path, 1000, 1000), "others can change"),
    (STATE, lambda path: os.chown(path, 1000, 1000), "verdicts don't survive"),
    ("/run/mwan", lambda path: path.chmod(0o777), "no run can be made"),
])
def test_a_file_or_folder_that_is_not_roots(host, path, change, says):
    place = host.router.path(path)
    change(place)
    finding = host.finds("files", "WRONG", f"{path} is ")
    assert says in finding.text
    host.doctor.follow(finding)


def test_a_base_ruleset_that_is_not_there(host):
    place = host.router.path(BASE)
    place.rename(place.with_suffix(".away"))
    host.finds("files", "WRONG", f"{BASE}: No such file")
    place.with_suffix(".away").rename(place)


def test_a_disk_that_is_full(host):
    host.router.run("mount", "-t", "tmpfs", "-o", "size=4k,mode=0755", "tmpfs", STATE)
    host.router.run("sh", "-c", f"head -c 8192 /dev/zero >{STATE}/junk || true")
    host.finds("files", "WRONG", f"{STATE} is full")
    host.router.run("mount", "-o", "remount,ro", STATE)
    host.finds("files", "WRONG", f"{STATE} is read-only")
    host.router.run("umount", STATE)


def test_an_edited_configuration(host, edit):
    edit(CONF, host.router.read(CONF) + "# nothing\n")
    host.mends("files", "note", f"{CONF} has been edited")
    edit(CONF, host.router.read(CONF).replace("table = 200", "table = 201", 1).replace("= 200\n", "= 201\n", 1))
    host.mends("files", "WRONG", f"{CONF} has been edited")
    edit(CONF, host.router.read(CONF).replace("= 201\n", "= 200\n", 1))
    host.lab.up()


@pytest.mark.parametrize("command, mode, says", [
    ("/usr/local/bin/none", None, "No such file"),
    ("/root/tell", 0o755, "the service does not see that folder"),
    ("/var/log/tell", 0o644, "the service can't run it"),
])
def test_a_command_that_cannot_be_run(host, edit, command, mode, says):
    edit(CONF, host.router.read(CONF).replace("[notify]", f"[notify]\ncommand = {command}"))
    host.router.run("update-routes")
    if mode and not command.startswith("/root"):
        host.router.write(command, "#!/bin/sh\n", mode)
        host.mends("files", "WRONG", says)
    else:
        host.finds("files", "WRONG", says)
    edit(CONF, host.router.read(CONF).replace(f"command = {command}", ""))
    host.router.run("update-routes")


# The daemon

def test_what_the_daemon_thinks(watch):
    lab, daemon = watch(health={"recovery_threshold": 100})
    host = Host(lab)
    host.well()
    lab.isp("webpass").fault(faults.NO_IPV6)
    daemon.wait_state("webpass", "ipv6", "down")
    host.finds("probes", "WRONG", "while IPv4 answers over the same line: ")
    lab.isp("webpass").fault()
    wait_until(lambda: "answers again" in daemon.family("webpass", "ipv6")["trouble"], "it answers")
    host.finds("probes", "note", "webpass: IPv6 answers now, and the daemon has it as down")
    daemon.signal(signal.SIGSTOP)
    wait_until(lambda: any("it hangs" in one.text for one in host.complaints()), "a daemon that hangs is seen")
    assert "systemctl restart mwan-health" in next(one.fix for one in host.complaints() if one.topic == "files")


def test_a_folder_without_a_limit_is_not_full(host):
    host.router.run("mount", "-t", "tmpfs", "-o", "size=0,mode=755", "none", STATE)
    try:
        host.well()
    finally:
        host.router.run("umount", STATE)


def test_a_kernel_without_ipv6(host):
    hide = "mount -t tmpfs none /proc/sys/net/ipv6 && exec health-check --doctor --verbose"
    result = host.router.run("unshare", "--mount", "sh", "-ec", hide, check=False)
    assert "this kernel has no IPv6, and mwan.conf has lan.prefix6" in result.out and "ipv6.disable=1" in result.out
    assert result.code == 1
