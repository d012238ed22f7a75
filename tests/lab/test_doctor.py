# SPDX-License-Identifier: GPL-2.0-or-later
"""health-check --doctor tells what is wrong on the packet's way, and the fix that it names mends it."""

import hashlib
import json
import os
import re
import time

import pytest

import certificates
import wans
from doctor import Doctor
from port import FLAG, VLAN, Port
from traffic import UdpFlow, wait_until

TOPICS = ("kernel", "links", "802.1X", "leases", "prefixes", "gateways", "rules", "tables", "nft", "NPT", "flows")
BASE = "/etc/mwan/nftables.conf"
SYSTEMCTL = f"""#!/bin/sh
case $2 in
nftables) nft -f {BASE} ;;
esac
"""
LONG = "2001:db8:1111:2222:3333:4444:5555:666"
NETWORKCTL = '#!/bin/sh\necho "$@" >>/run/networkctl\n'


def address(text, source="DHCPv4"):
    """An address as networkd tells of it."""
    return {"Address": [int(byte) for byte in text.split(".")], "ConfigSource": source}


class Site:
    """A lab in which all is well, and what of it tests break."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.bus = lab.networkd()
        for one in lab.wans:
            self.bus.delegate(one.interface, one.prefix6)
        self.port = Port(lab)
        for name in ("ca", "client", "private"):
            self.router.path(f"/etc/wpa_supplicant/{name}.pem").chmod(0o600)
        lab.up()
        self.port.up()
        self.router.write("/run/bin/systemctl", SYSTEMCTL, 0o755)
        self.router.write("/run/bin/networkctl", NETWORKCTL, 0o755)
        self.doctor = Doctor(self.router, TOPICS)
        self.base = self.router.read(BASE)

    def finds(self, *args):
        return self.doctor.finds(*args)

    def mends(self, *args, number=0):
        """It is found, and what the fix says mends it."""
        finding = self.doctor.finds(*args)
        self.doctor.follow(finding, number)
        assert self.doctor.complaints() == []

    def describe(self, interface, **changes):
        """networkd's word on a link, with its delegation."""
        one = next(one for one in self.lab.wans if one.interface == interface)
        self.bus.delegate(interface, one.prefix6)
        path = f"/run/networkd-standin/{self.bus.index(interface)}.json"
        self.bus.raw(interface, json.dumps({**json.loads(self.router.read(path)), **changes}))

    def told(self):
        """What networkctl was told since the last time."""
        path = self.router.path("/run/networkctl")
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def flow(self, reply_to, mark, source="10.250.250.2"):
        """A flow to 1.1.1.1 in the kernel's table."""
        self.router.run("conntrack", "-I", "-p", "udp", "-t", "100", "-s", source, "-d", "1.1.1.1", "--sport", "1000",
                        "--dport", "53", "-r", "1.1.1.1", "-q", reply_to, "--reply-port-src", "53",
                        "--reply-port-dst", "1000", "-m", str(mark))


@pytest.fixture(scope="module")
def shared(share_lab):
    """The site that the tests share."""
    one = Site(share_lab([wans.att(prefix_key="auto"), wans.webpass(prefix_key="auto")], health=wans.QUICK))
    yield one
    one.port.close()


@pytest.fixture
def site(shared):
    """Each test leaves it as it found it: nothing is wrong."""
    yield shared
    assert not shared.doctor.last or shared.doctor.complaints() == []


# ---- when all is well ----


def test_all_is_well_in_one_line_a_topic(site):
    found = site.doctor.findings()
    assert [one.topic for one in found] == [topic for topic in TOPICS if topic != "kernel"]
    said = {one.topic: one.text for one in found}
    assert said["links"] == "LAN enmwanbr0 up, att enatt0.3242 up, webpass enwebpass0 up"
    assert "att 104.57.226.198" in said["gateways"]
    assert "att 2600:1700:2f71:c80::/60" in said["prefixes"]


def test_the_whole_site_has_nothing_wrong(site):
    everything = Doctor(site.router)
    assert [one for one in everything.findings() if one.kind == "WRONG"] == []
    assert everything.code == 0


def test_opnsense_that_pings_its_gateway_is_no_misplaced_flow(site):
    """The marking gives each flow from inside a WAN, also one to the router itself."""
    site.lab.opnsense.command(["ping", "-c1", "-I", "10.250.250.2", "10.250.250.1"])
    assert site.doctor.complaints() == []


# ---- what somebody sees at night ----


def test_when_all_is_well_one_line_is_enough(site):
    assert re.search("nothing wrong, [0-9]+ to note\n$", site.doctor.screen())
    assert " ok " not in site.doctor.screen()


def test_what_follows_from_a_cause_is_counted_below_it_and_shown_if_asked_for(site):
    site.flow("10.250.250.2", 0)
    site.router.nft("flush ruleset")
    screen = site.doctor.screen()
    assert screen.startswith("WRONG  the ruleset is empty"), screen
    assert re.search("^       and 1 that follows from this: flows$", screen, re.M), screen
    assert "no WAN" not in screen and "--verbose shows 1 more" in screen, screen
    assert [one.topic for one in site.finds("nft", "WRONG", "the ruleset is empty").follows] == ["flows"]
    site.router.load_base()
    site.router.update()
    site.router.run("conntrack", "-D", "-m", "0", "-s", "10.250.250.2")


def test_however_much_is_wrong_it_is_one_screen(site):
    site.router.ip("rule del pref 101\nroute del default table 100\n", 4)
    rule = f"not from {LONG}1/127 to {LONG}7/127 fwmark 0xfffffff1/0xfffffff3 iif enmwanbr0 lookup 4000000000"
    site.router.ip("".join(f"rule add pref {pref} {rule}\n" for pref in range(20, 50)), 6)
    screen = site.doctor.screen()
    assert "mend the first one first" in screen and re.search("--verbose shows [0-9]+ more", screen), screen
    assert len(site.doctor.complaints()) > 30
    site.router.ip("".join(f"rule del pref {pref}\n" for pref in range(20, 50)), 6)
    site.router.update()


# ---- what is read only ----


def files(router):
    """{path: content and time of change} of all that the doctor could write."""
    found = {}
    for top in ("/run", "/etc/mwan", "/var/lib", "/var/log"):
        for folder, _, names in os.walk(router.path(top)):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path) or "/run/etc/" in path or os.path.islink(path):
                    continue
                with open(path, "rb") as file:
                    found[path] = (hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_mtime_ns)
    return found


def break_all(site):
    """Something of each kind that the doctor knows to mend."""
    site.router.run("rm", "-r", "/run/mwan/nft", "/run/mwan/npt", FLAG, check=False)
    site.router.nft("flush chain ip6 nat postrouting; flush chain inet mangle prerouting")
    site.router.ip("rule del pref 101\nroute del default table 100\naddress del 10.250.250.1/29 dev enmwanbr0\n", 4)
    site.lab.cut("webpass")


@pytest.mark.parametrize("broken", [lambda site: None, break_all, lambda site: site.router.nft("flush ruleset"),
                                    lambda site: site.router.configure("[wan\n")],
                         ids=["well", "broken", "no-ruleset", "no-config"])
def test_nothing_is_changed(site, broken):
    config = site.router.read("/etc/mwan/mwan.conf")
    broken(site)
    time.sleep(0.05)  # what was broken has been told
    before = site.router.snapshot(), files(site.router)
    with site.router.monitor() as monitor:
        site.router.run("health-check", "--doctor", check=False)
        assert monitor.events() == {}
    assert (site.router.snapshot(), files(site.router)) == before
    site.router.configure(config)
    site.lab.mend("webpass")
    site.router.ip("address replace 10.250.250.1/29 dev enmwanbr0\n")
    site.router.load_base()
    site.router.update()
    site.port.up()


# ---- without a configuration ----


def test_a_configuration_that_is_broken_is_the_first_thing(site):
    config = site.router.read("/etc/mwan/mwan.conf")
    site.router.configure("[wan\n")
    site.router.nft("flush ruleset")
    everything = Doctor(site.router)
    found = [one for one in everything.complaints() if one.kind == "WRONG"]
    assert everything.code == 2
    assert found[0].topic == "mwan.conf" and found[0].text.startswith("/etc/mwan/mwan.conf:1: ")
    assert [one for one in found if one.topic == "nft"]
    site.router.configure(config)
    site.router.load_base()
    site.router.update()


def test_who_is_not_root_is_told_so_first(site):
    result = site.router.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "health-check",
                             "--doctor", check=False)
    first = result.out.splitlines()[:2]
    assert "not run by root" in first[0] and "sudo health-check --doctor" in first[1], result
    assert "WRONG" not in result.out and "only root can send probes" in result.out and result.code == 0


# ---- links ----


def test_a_card_that_is_not_there(site):
    site.lab.unplug("webpass")
    site.router.update()
    found = site.finds("links", "WRONG", "webpass: there is no interface enwebpass0")
    assert "lspci" in found.fix
    assert site.doctor.complaints() == [] or [one.topic for one in site.doctor.complaints()] == ["links"]
    site.lab.plug("webpass")
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


def test_a_vlan_that_is_not_there_is_told_by_its_files(site):
    site.lab.unplug("att")
    site.router.update()
    for path, text, says in (
            (None, None, "`Name=enatt0.3242`"),
            ("10-vlan.netdev", "[NetDev]\nName=enatt0.3242\nKind=vlan\n", "`VLAN=enatt0.3242` in the .network file of"),
            ("20-port.network", "[Network]\nVLAN=other.1 enatt0.3242\n", "`networkctl reload`")):
        if path:
            site.router.write(f"/run/systemd/network/{path}", text)
        assert says in site.finds("links", "WRONG", f"att: there is no {VLAN}").fix
    assert len(site.doctor.complaints()) == 1
    site.router.ip("link set enatt0 name elsewhere\n")
    assert "lspci" in site.finds("links", "WRONG", "there is no interface enatt0, and so no enatt0.3242").fix
    site.router.ip("link set elsewhere name enatt0\n")
    site.router.run("rm", "-r", "/run/systemd/network/10-vlan.netdev", "/run/systemd/network/20-port.network")
    site.lab.plug("att")
    site.bus.delegate(VLAN, site.lab.wan("att").prefix6)
    site.router.update()


def test_a_wan_that_is_switched_off_and_nothing_else_is_said_of_it(site):
    site.router.ip("link set enwebpass0 down\n")
    site.router.update()
    assert len(site.doctor.complaints()) == 1
    site.doctor.follow(site.finds("links", "WRONG", "webpass: enwebpass0 is switched off"))
    site.lab.mend("webpass")
    site.router.update()


def test_a_wan_without_carrier_and_nothing_else_is_said_of_it(site):
    site.lab.cut("webpass")
    site.lab.lose_lease("webpass")
    site.bus.describe("enwebpass0", CarrierState="no-carrier")
    site.router.update()
    found = site.finds("links", "WRONG", "webpass: enwebpass0 has no carrier")
    assert "cable" in found.fix and len(site.doctor.complaints()) == 1
    site.lab.mend("webpass")
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


def test_an_address_that_somebody_else_has(site):
    site.router.sysctls({"net/ipv6/conf/enmwanbr0/accept_dad": 1, "net/ipv6/conf/enmwanbr0/dad_transmits": 1})
    site.router.ip("address add 3d06:bad:b01:fe::2/64 dev enmwanbr0\n", 6)
    wait_until(lambda: "dadfailed" in site.router.command(["ip", "-6", "address"]), "duplicate address detection")
    site.router.sysctls({"net/ipv6/conf/enmwanbr0/accept_dad": 0})
    site.mends("links", "WRONG", "3d06:bad:b01:fe::2 on enmwanbr0 is another machine's as well")


def test_a_lan_without_its_address(site):
    site.router.ip("address del 10.250.250.1/29 dev enmwanbr0\n")
    site.doctor.follow(site.finds("links", "WRONG", "enmwanbr0 has no address of prefix4"))
    assert site.router.run("ip", "-br", "address", "show", "enmwanbr0").out.count("10.250.250.1/29") == 1
    site.mends("tables", "WRONG", "addresses and routes are not what mwan.conf asks for")


def test_opnsenses_address_on_this_machine(site):
    site.router.ip("address add 10.250.250.2/29 dev enmwanbr0\n")
    site.mends("links", "WRONG", "router4 = 10.250.250.2 is this machine's own address")


@pytest.mark.parametrize("beside", ["", "address add 10.250.250.1/29 dev enmwanbr0\n"])
def test_opnsenses_address_as_the_first_one_of_this_machine(site, beside):
    """The kernel deletes the second along with it: the LAN has an address afterwards all the same."""
    site.router.ip("address del 10.250.250.1/29 dev enmwanbr0\naddress add 10.250.250.2/29 dev enmwanbr0\n" + beside)
    site.doctor.follow(site.finds("links", "WRONG", "router4 = 10.250.250.2 is this machine's own address"))
    addresses = site.router.run("ip", "-br", "address", "show", "enmwanbr0").out
    assert "10.250.250.1/29" in addresses and "10.250.250.2/29" not in addresses
    site.router.update()
    site.router.run("conntrack", "--flush")  # pings from OPNsense's address


def test_two_cards_with_one_hardware_address(site):
    site.router.ip("link add twin type veth peer name twin2\nlink set twin address 02:00:00:00:01:02\n")
    found = site.finds("links", "note", "have one hardware address, 02:00:00:00:01:02")
    assert "enwebpass0" in found.text and "twin" in found.text and site.doctor.code == 0
    site.router.ip("link del twin\n")


# ---- 802.1X ----


def test_a_key_that_others_can_read(site):
    site.router.path("/etc/wpa_supplicant/private.pem").chmod(0o644)
    site.mends("802.1X", "WRONG", "/etc/wpa_supplicant/private.pem")


def test_a_key_that_others_can_read_is_not_why_the_port_is_refused(site):
    site.router.path("/etc/wpa_supplicant/private.pem").chmod(0o644)
    site.port.supplicant.say(False, "HELD")
    site.finds("802.1X", "WRONG", "the authenticator refuses us")
    site.port.supplicant.say(True)
    site.mends("802.1X", "WRONG", "others than root can read it")


@pytest.mark.parametrize("name, says", [("private.pem", "private.pem is not the key of"),
                                        ("client.pem", "private.pem is not the key of"),
                                        ("ca.pem", "ca.pem is no certificate")])
def test_a_certificate_that_only_the_next_authentication_will_need(site, name, says):
    """Until then, the port is authorized."""
    path = site.router.path(f"/etc/wpa_supplicant/{name}")
    before, others = path.read_text(), certificates.Authority("Other").client()
    path.write_text({"client.pem": others[0], "private.pem": others[1]}.get(name, "nonsense\n"))
    site.finds("802.1X", "WRONG", says)
    path.write_text(before)


def test_a_certificate_that_is_a_pipe_is_not_waited_for(site):
    """Nobody writes into it."""
    path = site.router.path("/etc/wpa_supplicant/client.pem")
    before = path.read_text()
    path.unlink()
    os.mkfifo(path, 0o600)
    site.finds("802.1X", "WRONG", "/etc/wpa_supplicant/client.pem (client_cert in")
    site.router.run("health-check", "--status", "--metrics", check=False)
    path.unlink()
    path.write_text(before)
    path.chmod(0o600)


def test_a_certificate_that_is_not_there(site):
    site.port.supplicant.say(False, "HELD")
    site.router.path("/etc/wpa_supplicant/ca.pem").rename(site.router.path("/etc/wpa_supplicant/away.pem"))
    found = site.finds("802.1X", "WRONG", "/etc/wpa_supplicant/ca.pem (ca_cert in")
    assert "scp" in found.fix
    site.router.path("/etc/wpa_supplicant/away.pem").rename(site.router.path("/etc/wpa_supplicant/ca.pem"))
    site.port.supplicant.say(True)


@pytest.mark.parametrize("pae, says, fix", [("HELD", "the authenticator refuses us, or does not answer", "ask the ISP"),
                                            ("CONNECTING", "nobody answers 802.1X", "check-host"),
                                            ("LOGOFF", "wpa_supplicant does not try", "wpa_cli reassociate")])
def test_a_port_that_is_not_authorized_and_nothing_else_is_said_of_its_wan(site, pae, says, fix):
    site.port.supplicant.say(False, pae)
    site.router.path(FLAG).unlink()
    site.lab.lose_lease("att")
    site.bus.describe(VLAN)
    site.router.update()
    found = site.finds("802.1X", "WRONG", says)
    assert fix in found.fix and len(site.doctor.complaints()) == 1
    site.port.supplicant.say(True)
    site.port.act("enatt0", "CONNECTED")
    site.lab.mend("att")
    site.bus.delegate(VLAN, site.lab.wan("att").prefix6)
    site.router.update()


def test_a_vlan_without_802_1x_needs_none(site):
    config = site.router.path("/etc/wpa_supplicant/mwan.conf")
    config.rename(config.with_suffix(".away"))
    site.port.supplicant.close()
    assert site.doctor.complaints() == []
    site.port.supplicant = type(site.port.supplicant)(site.router)
    config.with_suffix(".away").rename(config)


def test_a_wpa_supplicant_that_was_never_configured(site):
    """Without it, the VLAN gets no lease."""
    config = site.router.path("/etc/wpa_supplicant/mwan.conf")
    config.rename(config.with_suffix(".away"))
    site.port.supplicant.close()
    site.router.path(FLAG).unlink()
    site.lab.lose_lease("att")
    site.bus.describe(VLAN)
    site.router.update()
    site.finds("802.1X", "WRONG", "/etc/wpa_supplicant/mwan.conf: No such file")
    assert len(site.doctor.complaints()) == 1
    site.port.supplicant = type(site.port.supplicant)(site.router)
    config.with_suffix(".away").rename(config)
    site.port.act("enatt0", "CONNECTED")
    site.lab.mend("att")
    site.bus.delegate(VLAN, site.lab.wan("att").prefix6)
    site.router.update()


def test_a_wpa_supplicant_that_does_not_answer(site):
    site.port.supplicant.close()
    found = site.finds("802.1X", "WRONG", "wpa_supplicant does not answer")
    assert "systemctl status wpa_supplicant-mwan" in found.fix
    assert len(site.doctor.last) == 1  # whether the flag is true can't be known
    site.port.supplicant = type(site.port.supplicant)(site.router)


def test_a_flag_that_is_missing(site):
    site.router.path(FLAG).unlink()
    site.mends("802.1X", "WRONG", f"{FLAG} is not there, though enatt0 is authorized")


def test_a_flag_that_lies(site):
    site.port.supplicant.say(False, "HELD")
    found = site.finds("802.1X", "WRONG", f"{FLAG} is there, though enatt0 is not authorized")
    site.port.supplicant.anew = (True, "AUTHENTICATED")
    site.doctor.follow(found)
    site.port.supplicant.anew = (False, "HELD")


# ---- leases, prefixes, gateways ----


def test_a_networkd_that_is_not_there(site):
    """Its prefixes are in use, and nobody tells when they end."""
    lost = "systemd-networkd can't be asked over the system bus"
    site.bus.stop()
    assert site.finds("leases", "WRONG", lost).commands() == ["systemctl restart systemd-networkd"]
    site.bus.stop_bus()
    assert site.finds("leases", "WRONG", lost).commands() == ["systemctl start dbus", "systemctl restart systemd-networkd"]
    site.bus.start_bus()
    site.bus.start()


def test_a_networkd_that_has_never_run(site):
    state = site.router.path("/run/systemd/netif/state")
    state.unlink()
    site.bus.stop()
    found = site.finds("leases", "note", "systemd-networkd says nothing of 2 WANs")
    assert found.commands()[:2] == ["systemctl status systemd-networkd", "systemctl status dbus"]
    site.bus.start()
    state.touch()


def test_a_wan_that_networkd_has_given_up(site):
    site.describe("enwebpass0", AdministrativeState="failed")
    found = site.finds("leases", "WRONG", "webpass: systemd-networkd has failed to configure enwebpass0")
    assert found.commands()[1] == "networkctl reconfigure enwebpass0"
    site.describe("enwebpass0")


def test_a_wan_that_networkd_leaves_alone(site):
    """It has all that it needs from somebody else, or nothing at all."""
    site.describe("enwebpass0", AdministrativeState="unmanaged")
    site.finds("leases", "note", "webpass: systemd-networkd leaves enwebpass0 alone, and somebody else has configured it")
    assert site.doctor.code == 0
    site.router.ip("address flush dev enwebpass0 scope global\n", 4)
    site.finds("leases", "WRONG", "webpass: systemd-networkd leaves enwebpass0 alone")
    site.describe("enwebpass0")
    site.lab.mend("webpass")
    site.router.update()


def test_a_networkd_that_does_not_answer_is_not_waited_for_link_by_link(site):
    began = time.monotonic()
    site.doctor.findings()
    usual = time.monotonic() - began
    with site.bus.silent():
        began = time.monotonic()
        site.finds("leases", "WRONG", "systemd-networkd can't be asked over the system bus")
        assert time.monotonic() - began < 12 + 5 * usual


def test_a_lease_whose_address_was_taken_away(site):
    site.describe("enwebpass0", DHCPv4Client={"Lease": {}})
    site.doctor.follow(site.finds("leases", "WRONG", "webpass: somebody has taken the leased address away"))
    assert site.told() == ["reconfigure enwebpass0"]
    site.describe("enwebpass0", DHCPv4Client={"Lease": {}}, Addresses=[address("136.25.91.242")])
    assert site.doctor.complaints() == []
    site.describe("enwebpass0")


@pytest.mark.parametrize("name, says, command", [("webpass", "lspci", "reconfigure enwebpass0"),
                                                 ("att", "tcpdump", None)])
def test_a_wan_without_a_lease(site, name, says, command):
    one = site.lab.wan(name)
    site.router.ip(f"address flush dev {one.interface} scope global\n", 4)
    site.router.update()
    found = site.finds("leases", "WRONG", f"{name}: no address on {one.interface}")
    assert says in found.fix and len(site.doctor.complaints()) == 1
    site.doctor.follow(found)
    assert site.told() == ([command] if command else [])
    site.lab.mend(name)
    site.router.update()


def test_an_isp_that_delegates_nothing(site):
    site.bus.describe("enwebpass0", {"Lease": {}, "Prefixes": []})
    site.router.update()
    found = site.finds("prefixes", "WRONG", "webpass: no delegated prefix")
    assert found.commands()[0] == "networkctl reconfigure enwebpass0"
    assert len(site.doctor.complaints()) == 1
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


def test_a_delegation_that_is_too_small(site):
    site.bus.delegate("enwebpass0", "2604:5500:c271:be00::/64")
    site.router.run("update-npt", check=False)
    found = site.finds("prefixes", "WRONG", "is a /64, too small for lan.prefix6, a /60")
    assert "`PrefixDelegationHint=::/60`" in found.fix and len(site.doctor.complaints()) == 1
    assert found.fix.startswith("set `prefix6 = 3d06:bad:b01::/64` in [lan]")
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


def test_another_delegation_that_nobody_has_acted_on(site):
    """As when an event was missed: all that follows from the prefix is not as it should be."""
    site.lab.give_prefix("webpass", "2001:db8:77:70::/60")
    site.bus.delegate("enwebpass0", "2001:db8:77:70::/60")
    for topic in ("rules", "tables"):
        assert "update-npt" in site.finds(topic, "WRONG", "not what mwan.conf asks for").commands()
    site.mends("NPT", "WRONG", "NPT rules in table ip6 nat")
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


def test_a_prefix_that_is_kept_from_before(site):
    site.bus.describe("enwebpass0", {"Prefixes": []})
    site.doctor.follow(site.finds("prefixes", "note", "is in use from before, and networkd has no lease of it"))
    assert site.told() == ["reconfigure enwebpass0"]
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)


def test_a_prefix_that_is_about_to_end(site):
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6, valid=40)
    site.router.update()
    site.doctor.follow(site.finds("prefixes", "note", "webpass: 2604:5500:c271:be00::/60 ends in "))
    assert site.told() == ["renew enwebpass0"]
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


@pytest.mark.parametrize("family, says", [(4, "no IPv4 gateway"), (6, "no IPv6 gateway")])
def test_a_wan_without_a_gateway(site, family, says):
    site.router.ip("route del default dev enwebpass0 metric 101\n", family)
    site.router.update()
    found = site.finds("gateways", "WRONG", f"webpass: {says}")
    assert "enwebpass0" in found.commands()[0] and len(site.doctor.complaints()) == 1
    site.lab.mend("webpass")
    site.router.update()


@pytest.fixture
def configured(site):
    """configured(key=value): that in [wan webpass], until the test has ended."""
    config = site.router.read("/etc/mwan/mwan.conf")

    def configure(**keys):
        site.lab.wan("webpass").keys = keys
        site.lab.configure()
        site.router.update()

    yield configure
    site.lab.wan("webpass").keys = {}
    site.router.configure(config)
    site.bus.delegate("enwebpass0", site.lab.wan("webpass").prefix6)
    site.router.update()


def test_a_gateway_that_is_no_machines_address(site, configured):
    configured(gateway4="136.25.91.247")
    found = site.finds("gateways", "WRONG", "webpass: gateway4 = 136.25.91.247 in mwan.conf is no other machine's")
    assert "correct it" in found.fix and len(site.doctor.complaints()) == 1


def test_a_wan_that_masquerades_for_want_of_a_prefix(site, configured):
    configured(nat6_fallback="masquerade")
    assert site.doctor.complaints() == []
    site.bus.describe("enwebpass0", {"Lease": {}, "Prefixes": []})
    site.router.update()
    site.finds("prefixes", "note", "webpass: degraded: NAT66, no delegated prefix")
    assert len(site.doctor.complaints()) == 1 and site.doctor.code == 0


# ---- rules and tables ----


@pytest.mark.parametrize("family", [4, 6])
def test_a_rule_that_is_missing(site, family):
    site.router.ip("rule del pref 102\n", family)
    site.mends("rules", "WRONG", "rule add pref 102 fwmark 2 lookup 200 proto 77`")


@pytest.mark.parametrize("family, rule", [(4, "pref 50 lookup 555"), (4, "pref 60 from 10.250.250.0/30 lookup 555"),
                                          (6, "pref 50 iif enmwanbr0 lookup 555"),
                                          (4, "pref 99 fwmark 0x1/0xf lookup 555"),
                                          (4, "pref 50 from 10.250.250.2 blackhole"),
                                          (6, f"pref 50 not from {LONG}1/127 to {LONG}7/127 fwmark 0xfffffff1/0xfffffff3 "
                                              "iif enmwanbr0 lookup 4000000000")])
def test_a_rule_of_somebody_elses_that_steers_flows(site, family, rule):
    site.router.ip(f"rule add {rule}\n", family)
    site.mends("rules", "WRONG", "stands ahead of mwan's, and takes packets away from their WAN")


def test_rules_of_somebody_elses_that_cost(site):
    site.router.ip("rule add pref 50 from 192.168.50.0/24 lookup 555\nrule add pref 51 oif eth0 lookup 555\n", 4)
    found = site.finds("rules", "note", "2 policy rules that are not mwan's ahead of its rules cost each packet")
    assert "`pref 50 from 192.168.50.0/24 lookup 555`" in found.text
    site.router.ip("rule del pref 50\nrule del pref 51\n", 4)


def test_a_rule_of_somebody_elses_behind_is_none_of_our_business(site):
    site.router.ip("rule add pref 2000 from 10.250.250.0/29 lookup 555\n", 4)
    assert site.doctor.complaints() == []
    site.router.ip("rule del pref 2000\n", 4)


@pytest.mark.parametrize("family", [4, 6])
def test_a_route_that_is_missing(site, family):
    site.router.ip("route del default dev enatt0.3242 table 100\n", family)
    site.mends("tables", "WRONG", "default via")


def test_an_address_that_is_missing(site):
    site.router.ip("address del 136.25.91.244/32 dev enwebpass0\n", 4)
    site.mends("tables", "WRONG", "ip address add 136.25.91.244/32")


def test_the_internal_prefix_on_the_link_by_an_address(site):
    site.router.ip("address add 3d06:bad:b01::1/60 dev enmwanbr0\n", 6)
    site.mends("tables", "WRONG", "the internal prefix is on-link on enmwanbr0 (3d06:bad:b01::/60 in table 254)")
    site.router.ip("address del 3d06:bad:b01::1/64 dev enmwanbr0\n", 6)  # the address itself is kept


@pytest.mark.parametrize("route", ["3d06:bad:b01::/60 dev enmwanbr0 table 100 proto static metric 5",
                                   "3d06:bad:b01::/60 dev enmwanbr0 table main proto static metric 7",
                                   "3d06:bad::/32 dev enmwanbr0 table main proto static metric 7"])
def test_the_internal_prefix_on_the_link_by_a_route(site, route):
    site.router.ip(f"route add {route}\n", 6)
    site.mends("tables", "WRONG", "the internal prefix is on-link on enmwanbr0")


@pytest.mark.parametrize("family, route, kind", [
    (4, "default via 136.25.91.241 dev enwebpass0 table 100 metric 50", "WRONG"),
    (6, "default via fe80::1 dev enwebpass0 table 100 metric 500", "WRONG"),
    (4, "blackhole 203.0.113.0/24 table 100", "WRONG"),
    (6, "unreachable 2001:db8:99::/48 table 100 metric 1", "WRONG"),
    (4, "203.0.113.0/24 via 10.250.250.2 dev enmwanbr0 table 100 proto static", "note"),
    (4, "default via 104.57.226.198 dev enatt0.3242 table 100 proto dhcp metric 50", "note")])
def test_a_route_of_somebody_elses_in_a_wans_table(site, family, route, kind):
    site.router.ip(f"route add {route}\n", family)
    site.mends("tables", kind, "a route of somebody else's stands in the table of att")


@pytest.mark.parametrize("route, kind", [("via 136.25.91.241 dev enwebpass0", "WRONG"),
                                         ("via 192.168.50.10 dev eth0", "note")])
def test_a_default_ahead_of_the_one_for_the_routers_own_traffic(site, route, kind):
    site.router.ip(f"route add default {route}\n", 4)
    site.mends("tables", kind, "a default route ahead of mwan's")


# ---- nftables ----


def test_an_empty_ruleset_is_told_from_an_empty_table(site):
    site.router.nft("flush ruleset")
    site.mends("nft", "WRONG", "the ruleset is empty")
    site.router.nft("flush chain ip6 nat prerouting; flush chain ip6 nat postrouting")
    assert [one.topic for one in site.doctor.complaints()] == ["NPT"]
    site.mends("NPT", "WRONG", "its chains are empty, for update-npt has not run")


def test_a_base_that_is_not_loaded_beside_tables_of_others(site):
    site.router.nft("flush ruleset; add table inet other")
    site.mends("nft", "WRONG", "mwan's base ruleset is not loaded")
    site.router.nft("delete table inet other")


def test_a_filter_that_is_another_versions(site):
    site.router.nft("delete table inet filter; add table inet filter; "
                    "add chain inet filter forward { type filter hook forward priority 0; policy drop; }")
    site.mends("nft", "WRONG", "is not this version's base ruleset")


def test_a_base_that_cannot_be_loaded_is_told_by_its_line_before_it_matters(site):
    lines = site.base.splitlines()
    number = next(i for i, line in enumerate(lines) if "iifname \"lo\" accept" in line)
    lines[number] = "\t\tiifname \"lo\" acept"
    site.router.write(BASE, "\n".join(lines) + "\n")
    found = site.finds("nft", "WRONG", f"{BASE}:{number + 1}:")
    assert "the next reload or boot will fail" in found.text
    site.router.nft("flush ruleset")
    found = site.finds("nft", "WRONG", f"{BASE}:{number + 1}:")
    assert "the ruleset is empty" in found.text and "mend that line" in found.fix
    site.router.write(BASE, site.base)
    site.doctor.follow(found)


@pytest.mark.parametrize("rule", ['iif "nothere0" accept', "counter jump nowhere"])
def test_a_base_that_names_what_is_not_there(site, rule):
    site.router.write(BASE, site.base.replace("iifname \"lo\" accept", rule))
    site.finds("nft", "WRONG", f"the next reload or boot will fail: nftables: {BASE}:")
    site.router.write(BASE, site.base)


def test_kept_rules_that_cannot_be_loaded(site):
    kept = site.router.read("/run/mwan/nft/mangle.nft")
    site.router.write("/run/mwan/nft/mangle.nft", "add rule inet nowhere nothing\n")
    site.mends("nft", "WRONG", "/run/mwan/nft/mangle.nft")
    assert site.router.read("/run/mwan/nft/mangle.nft") == kept
    site.router.write("/run/mwan/nft/mangle.nft", "add rule inet nowhere nothing\n")
    site.router.nft("flush ruleset")
    site.doctor.follow(site.finds("nft", "WRONG", "the ruleset is empty"))
    site.doctor.follow(site.finds("nft", "WRONG", "the ruleset is empty"))
    site.router.update()


def test_a_base_in_force_that_is_not_the_file(site):
    site.router.write(BASE, site.base.replace("iifname \"lo\" accept", "iifname \"lo\" accept\n\t\ttcp dport 22 accept"))
    site.mends("nft", "WRONG", "chain input of table inet filter is not the one of")
    site.router.write(BASE, site.base)
    site.router.load_base()
    site.router.nft("insert rule inet filter forward accept")
    site.mends("nft", "WRONG", "chain forward of table inet filter is not the one of")


def test_a_chain_that_somebody_has_added_to_the_base(site):
    site.router.nft("add chain inet filter more { type filter hook forward priority -5; policy drop; }")
    site.mends("nft", "WRONG", "chain more of table inet filter is not the one of")


def test_a_base_that_would_lock_its_operator_out_is_told_before_it_is_to_be_loaded(site):
    site.router.write(BASE, re.sub("define MANAGEMENT = .*", 'define MANAGEMENT = "nothere0"', site.base))
    site.router.nft("flush ruleset")
    said = [one.text for one in site.doctor.complaints() if one.topic == "nft"]
    assert "no management interface" in said[0] and "the ruleset is empty" in said[1], said
    site.router.write(BASE, site.base)
    site.router.load_base()
    site.router.update()


@pytest.mark.parametrize("address, refused", [("10.250.250.1", True), ("2001:db8::9", False), ("nonsense", False)])
def test_who_is_logged_in_where_ssh_is_refused(site, address, refused):
    says = site.router.run("env", f"SSH_CONNECTION=192.0.2.1 5000 {address} 22", "health-check", "--doctor", "--verbose").out
    assert ("you are logged in by enmwanbr0, which `define MANAGEMENT`" in says) == refused, says
    assert ("you are logged in" in says) == refused


def test_who_is_logged_in_where_ssh_is_accepted(site):
    site.router.ip("address add 192.0.2.7/24 dev eth0\n")
    says = site.router.run("env", "SSH_CONNECTION=192.0.2.1 5000 192.0.2.7 22", "health-check", "--doctor", "--verbose").out
    assert "you are logged in" not in says
    site.router.ip("address del 192.0.2.7/24 dev eth0\n")


def test_an_empty_ruleset_is_the_only_thing_that_is_wrong(site):
    everything = Doctor(site.router)
    site.router.nft("flush ruleset")
    assert [one.topic for one in everything.complaints() if one.kind == "WRONG"] == ["nft"]
    site.router.load_base()
    site.router.update()


@pytest.mark.parametrize("define", ['define MANAGEMENT = { "nothere0", "nor1" }', 'define MANAGEMENT = "nothere0"',
                                    'define MANAGEMENT = {\n\t"nothere*",\n}'])
def test_a_management_interface_that_is_not_there(site, define):
    site.router.write(BASE, re.sub("define MANAGEMENT = .*", define, site.base))
    site.router.load_base()
    found = site.finds("nft", "WRONG", "no management interface")
    assert "nothere" in found.text
    site.router.write(BASE, site.base)
    site.doctor.follow(found, found.commands().index("systemctl reload nftables"))


@pytest.mark.parametrize("name", ["filter", "mangle", "nat", "nat6"])
def test_kept_rules_that_are_missing(site, name):
    site.router.path(f"/run/mwan/nft/{name}.nft").unlink()
    site.mends("nft", "WRONG", f"/run/mwan/nft/{name}.nft is missing")


@pytest.mark.parametrize("damage", [
    "flush chain inet mangle prerouting", "flush map ip nat outbound", "flush set inet filter wan",
    "insert rule inet mangle prerouting ip saddr 10.250.250.3 meta mark set 1"])
def test_runtime_rules_that_are_not_as_wanted(site, damage):
    site.router.nft(damage)
    site.mends("nft", "WRONG", "rules in nftables are not what mwan.conf asks for")


@pytest.mark.parametrize("damage", ["insert rule ip6 nat postrouting masquerade", "flush chain ip6 nat prerouting"])
def test_npt_rules_that_are_not_as_wanted(site, damage):
    site.router.nft(damage)
    site.mends("NPT", "WRONG", "NPT rules in table ip6 nat are not what mwan.conf asks for")


@pytest.mark.parametrize("kind, says, chain, rule", [
    ("WRONG", "sets marks", "type filter hook prerouting priority -140", "ip saddr 10.250.250.3 meta mark set 1"),
    ("WRONG", "sets marks", "type filter hook prerouting priority -140",
     "ip saddr 10.250.250.3 ct mark set 1"),
    ("WRONG", "drops what is forwarded (`type filter hook forward", "type filter hook forward priority 0; policy drop",
     "accept"),
    ("WRONG", "drops what is forwarded (`counter drop", "type filter hook forward priority 0", "counter drop"),
    ("note", "drops some", "type filter hook forward priority 0", "tcp dport 25 drop"),
    ("WRONG", "translates addresses before", "type nat hook postrouting priority 90", "masquerade"),
    ("WRONG", "translates addresses before", "type nat hook postrouting priority 90",
     "ip saddr 10.250.250.0/24 masquerade"),
    ("note", "translates addresses besides", "type nat hook postrouting priority 90", "ip saddr 172.17.0.0/16 masquerade"),
    ("note", "translates addresses besides", "type nat hook prerouting priority -90", "tcp dport 8 dnat to 172.17.0.2")])
def test_a_table_of_somebody_elses(site, kind, says, chain, rule):
    site.router.nft(f"add table ip other; add chain ip other c {{ {chain}; }}; add rule ip other c {rule}")
    site.mends("nft", kind, f"table ip other {says}")


def test_a_table_of_somebody_elses_that_does_no_harm(site):
    site.router.nft("add table inet other; add chain inet other c { type filter hook input priority 5; }; "
                    "add rule inet other c tcp dport 22 drop; add chain inet other d; "
                    "add rule inet other d meta mark set 1; delete chain inet other d")
    assert site.doctor.complaints() == []
    site.router.nft("delete table inet other")


# ---- flows ----


@pytest.mark.parametrize("source", ["10.250.250.2", "10.250.250.4"])
def test_flows_from_inside_without_a_wan(site, source):
    site.flow(source, 0, source=source)
    site.mends("flows", "WRONG", f"flows from inside have no WAN, or one that lost their address: 1, the first of {source}")


def test_flows_with_the_address_of_another_wan(site):
    site.flow("136.25.91.242", 1)
    site.mends("flows", "WRONG", "1, the first of mark 1 to 136.25.91.242")


def test_flows_that_stay_on_a_wan_that_is_down(site):
    site.router.health(att4="down")
    site.router.update()
    site.flow("104.57.226.193", 1)
    found = site.finds("flows", "note", "att still has IPv4 flows (1)")
    assert "down_flows = flush in [wan att]" in found.fix
    site.doctor.follow(found)
    assert site.doctor.complaints() == []
    site.router.path("/run/mwan/health.json").unlink()
    site.router.update()


def test_a_flow_of_a_client_is_as_it_should_be(site):
    with UdpFlow(site.lab.client, "1.1.1.1") as flow, UdpFlow(site.lab.client, "2606:4700:4700::1111") as flow6:
        assert flow.ask() and flow6.ask()
        assert site.doctor.complaints() == []
