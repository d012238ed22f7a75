# SPDX-License-Identifier: GPL-2.0-or-later
"""A site's description: what is made of it, and what is wrong with it, in words that name the variable."""

import configparser
import re
import stat

import pytest

import look
from conftest import REPO, Description, Site, play, settings
from networkd import Networkd

LONG = [f"192.0.2.{number}" for number in range(100, 116)]  # more than a line of mwan.conf may have
KEY = "-----BEGIN PRIVATE KEY-----\nnobody is to see this\n-----END PRIVATE KEY-----"


def config(path):
    """mwan.conf as {section: {key: value}}, each value in one form."""
    parser = configparser.RawConfigParser(delimiters="=", inline_comment_prefixes=(";",), strict=True)
    parser.read(path)
    return {name: {key: " ".join(value.split()) for key, value in parser[name].items()} for name in parser.sections()}


# What is made of it: of the example, then of a changed site, of the same again, and of one with a WAN less


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example's site, written."""
    site = Site(tmp_path_factory.mktemp("example"))
    site.found["management"] += ["eth0"]  # until the next boot
    site.found["certificates"] = ["ca.pem"]
    site.vars["mwan_dot1x"]["client_cert"] = ""  # of a vault that nobody has filled in
    site.first = site.write()
    return site


def test_links_are_those_of_the_examples(example):
    """Those that come with the package, but for Monkeybrains, and for the MAC address that is AT&T's gateway's."""
    links = example.links()
    links["30-enatt0.network"].remove("MACAddress=00:11:22:33:44:55")
    examples = {path.name: settings(path) for path in (REPO / "conf/systemd-network").iterdir()}
    assert links == {name: lines for name, lines in examples.items() if "enmbrains0" not in name}


def test_mwan_conf_is_that_of_the_example(example):
    wanted, written = config(REPO / "conf/mwan.conf"), config(example.etc / "mwan/mwan.conf")
    assert written["map4"] == wanted["map4"]
    assert written["mwan"] == {"debug_logging": "yes"}
    for section in ("lan", "wan att", "wan webpass"):
        assert "interface" in written[section] and written[section].items() <= wanted[section].items()


def test_rules_and_direct_networks_are_sections_in_their_order(tmp_path):
    site = Site(tmp_path)
    site.vars["mwan_rules"] = [
        {"name": "voice", "settings": {"protocol": "udp", "dport": ["5060-5061", "10000-20000"], "wans": "att"}},
        {"name": "backup", "settings": {"destination": LONG, "wans": ["webpass", "att"], "otherwise": "unreachable"}}]
    site.vars["mwan_direct"] = [{"name": "vpn", "settings": {"interface": "wg0", "networks": ["10.89.0.0/16", "fd00:89::/48"]}}]
    site.write()
    written = config(site.etc / "mwan/mwan.conf")
    assert [name for name in written if name.startswith(("rule ", "direct "))] == ["direct vpn", "rule voice", "rule backup"]
    assert written["rule voice"] == {"protocol": "udp", "dport": "5060-5061, 10000-20000", "wans": "att"}
    assert written["rule backup"] == {"destination": ", ".join(LONG), "wans": "webpass, att", "otherwise": "unreachable"}
    assert written["direct vpn"] == {"interface": "wg0", "networks": "10.89.0.0/16, fd00:89::/48"}


def test_8021x_is_that_of_the_example(example):
    for name in ("wpa_supplicant/mwan.conf", "default/mwan"):
        assert settings(example.etc / name) == settings(REPO / "conf" / name)


def test_8021x_without_a_vlan(tmp_path):
    site = Site(tmp_path)
    att = site.wan("att")
    att["interface"] = att.pop("port")
    del att["vlan"]
    site.write()
    links = site.links()
    assert "DOT1X_INTERFACE=enatt0" in site.read("default/mwan").splitlines()
    assert {"MACAddress=00:11:22:33:44:55", "DHCP=yes", "LinkLocalAddressing=ipv6"} <= set(links["40-enatt0.network"])
    assert not {"30-enatt0.network", "11-enatt0.3242.netdev"} & set(links)


def test_loading_debians_ruleset_loads_mwans_as_well(example):
    assert example.read("nftables.conf").splitlines() == ["flush ruleset", 'include "/etc/mwan/nftables.conf"']


def test_missing_certificates_are_named_with_what_brings_them(example):
    assert "scp client.pem private.pem root@router:/etc/wpa_supplicant/" in example.first.out


@pytest.fixture(scope="module")
def site(example):
    """The site in a vault, with a third WAN, a static WAN, other settings, keys, sysctls, and a file that somebody else has written."""
    (example.folder / "password").write_text("a word\n", encoding="utf-8")
    example.foreign = example.etc / "systemd/network/70-other.network"
    example.foreign.write_text("[Match]\nName=other\n", encoding="utf-8")
    example.add_third_wan()
    example.wan("webpass").update(dhcp=False, addresses=["136.25.91.242/29"],
                                  routes=[{"to": "0.0.0.0/0", "via": "136.25.91.241"}])
    example.vars["mwan_settings"].update(
        health={"interval": "2s", "ping4": LONG, "http6": None}, mwan={"debug_logging": False})
    example.vars["mwan_sysctl"] = {"net.core.rmem_max": 1048576}
    example.vars["mwan_dot1x"].update(ca_cert="CA\r\nof two lines\r\n", client_cert="CLIENT", private_key=KEY,
                                      settings={"private_key_passwd": '"nor this word"'})
    example.second = example.write("--diff", "-vvvv")
    return example


def test_the_third_wan_is_that_of_the_examples(site):
    links = {name: lines for name, lines in site.links().items() if "enmbrains0" in name}
    assert links == {path.name: settings(path) for path in (REPO / "conf/systemd-network").glob("*enmbrains0*")}
    commented = re.search(r"^;\[wan monkeybrains\]\n(;.*\n)+", (REPO / "conf/mwan.conf").read_text(encoding="utf-8"), re.M)[0]
    (site.folder / "third.conf").write_text(re.sub(r"^;", "", commented, flags=re.M), encoding="utf-8")
    assert config(site.etc / "mwan/mwan.conf")["wan monkeybrains"] == config(site.folder / "third.conf")["wan monkeybrains"]


def test_a_static_wan_asks_nobody(site):
    lines = site.links()["40-enwebpass0.network"]
    assert {"DHCP=no", "Address=136.25.91.242/29", "Destination=0.0.0.0/0", "Gateway=136.25.91.241", "Metric=200"} <= set(lines)
    assert "[DHCPv4]" not in lines and "[DHCPv6]" not in lines


def test_values_become_what_mwan_reads(site):
    written = config(site.etc / "mwan/mwan.conf")
    assert written["health"] == {"interval": "2s", "ping4": ", ".join(LONG), "http6": ""}
    assert written["mwan"] == {"debug_logging": "no"}


def test_keys_are_roots_alone_and_never_shown(site):
    assert (site.folder / "host_vars/router.yml").read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT")
    assert site.second.changed > 0
    assert "nobody is to see this" not in site.second.out and "nor this word" not in site.second.out
    assert KEY in site.read("wpa_supplicant/private.pem")
    assert (site.etc / "wpa_supplicant/ca.pem").read_bytes() == b"CA\nof two lines\n"
    assert 'private_key_passwd="nor this word"' in site.read("wpa_supplicant/mwan.conf")
    for name in ("ca.pem", "client.pem", "private.pem", "mwan.conf"):
        assert stat.S_IMODE((site.etc / "wpa_supplicant" / name).stat().st_mode) == 0o600


def test_a_second_run_writes_nothing(site):
    times = {path: path.stat().st_mtime_ns for path in site.etc.rglob("*") if path.is_file()}
    assert site.write().changed == 0
    assert times == {path: path.stat().st_mtime_ns for path in site.etc.rglob("*") if path.is_file()}


def test_what_is_no_longer_described_goes_and_what_others_have_written_stays(site):
    before = site.links()
    assert site.foreign.name in before
    site.vars["mwan_wans"].remove(site.wan("webpass"))
    for public in site.vars["mwan_map4"].values():
        del public["webpass"]
    site.write()
    assert site.links() == {name: lines for name, lines in before.items() if "enwebpass0" not in name}


# Sites of other kinds, as networkd itself reads them


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Two cards to OPNsense, a WAN that is point-to-point, one with settings of its own, and the original's variable."""
    site = Site(tmp_path_factory.mktemp("odd"))
    del site.vars["mwan_lan"]["mac"]
    site.vars["mwan_lan"]["bridge"] = [{"interface": "enlan0"}, {"interface": "enlan1", "mac": "02:00:5e:10:00:07"}]
    site.wan("webpass").update(
        dhcp=False, routes=[{"to": "0.0.0.0/0"}, {"to": "203.0.113.0/24", "via": "192.0.2.2"}],
        networkd={"Address": [{"Address": "192.0.2.1/32", "Peer": "192.0.2.2/32"}, {"Address": "192.0.2.7/32"}],
                  "Link": {"MTUBytes": 1492}})
    site.wan("att")["networkd"] = {
        "DHCPv4": {"ClientIdentifier": "duid", "DUIDType": "link-layer", "RequestOptions": [120, 121]},
        "DHCPv6": {"UseAddress": False, "DUIDType": "vendor", "DUIDRawData": "00:00:ab:11"},
        "IPv6AcceptRA": {"DHCPv6Client": True}}
    site.vars["mwan_management"]["networkd"] = {"Network": {"DNS": ["192.0.2.53", "2001:db8::53"]}}
    del site.vars["mwan_settings"]["mwan"]
    site.vars["mwan_debug_logging"] = True
    site.vars["mwan_dot1x"]["global"] = {"openssl_ciphers": "DEFAULT@SECLEVEL=0"}
    site.write()
    return site


def test_networkd_makes_of_it_what_is_described(odd):
    with Networkd(odd.etc, ["enmgmt0", "enlan0", "enlan1", "enatt0", "enwebpass0"]) as networkd:
        def masters():
            return {networkd.link(card).get("master") for card in ("enlan0", "enlan1")}

        def routes():
            return {(route["dst"], route.get("gateway"), route.get("metric"))
                    for route in networkd.ip("-4", "route", "show", "dev", "enwebpass0")}
        networkd.wait(lambda: masters() == {"enmwanbr0"})
        networkd.wait(lambda: {("default", None, 200), ("203.0.113.0/24", "192.0.2.2", 200)} <= routes())
        assert networkd.link("enwebpass0")["mtu"] == 1492
        addresses = networkd.ip("-4", "address", "show", "dev", "enwebpass0")[0]["addr_info"]
        assert {(one["local"], one.get("address")) for one in addresses} == {("192.0.2.1", "192.0.2.2"), ("192.0.2.7", None)}
        networkd.wait(lambda: "10.250.250.1" in str(networkd.ip("-4", "address", "show", "dev", "enmwanbr0")))
    # Debian 12's networkd does not know this one.
    assert [line for line in networkd.said if "'SendRelease' in section [DHCPv6]" not in line] == []


def test_what_is_described_for_networkd_wins(odd):
    """It stands behind what a deploy writes by itself; of two values, networkd takes the second."""
    lines = odd.links()["40-enatt0.3242.network"]
    for first, second in (("ClientIdentifier=mac", "ClientIdentifier=duid"), ("DHCPv6Client=always", "DHCPv6Client=yes")):
        assert lines.index(first) < lines.index(second)
    assert lines.index("UseAddress=no") > len(lines) - lines[::-1].index("[DHCPv6]") > lines.index("[DHCPv6]") + 1
    assert lines.count("RequestOptions=120") == lines.count("RequestOptions=121") == 1


def test_networkd_says_which_key_it_does_not_know(odd, tmp_path):
    """What the two tests before rely on."""
    folder = tmp_path / "systemd/network"
    folder.mkdir(parents=True)
    (folder / "40-x.network").write_text("[Match]\nName=x\n\n[DHCPv6]\nUseAdress=no\n", encoding="utf-8")
    with Networkd(tmp_path, ["x"]) as networkd:
        networkd.wait(lambda: networkd.link("x").get("operstate") == "UP")
    assert len(networkd.said) == 1 and "UseAdress" in networkd.said[0]


def test_the_originals_variable_switches_the_debug_log_on(odd):
    assert config(odd.etc / "mwan/mwan.conf")["mwan"] == {"debug_logging": "yes"}


def test_keys_of_wpa_supplicant_outside_of_the_network(odd):
    text = odd.read("wpa_supplicant/mwan.conf")
    assert "\nopenssl_ciphers=DEFAULT@SECLEVEL=0\n" in text.partition("network={")[0]


def test_a_bridge_that_is_no_longer_described_goes(odd):
    del odd.vars["mwan_lan"]["bridge"]
    odd.vars["mwan_lan"]["mac"] = "02:00:5e:10:00:03"
    odd.write()
    assert not [name for name in odd.links() if "enlan" in name or name == "11-enmwanbr0.netdev"]


# What is wrong with it: each a host of one play


def without(key):
    return lambda site: site.wan("webpass").pop(key)


def changed(wan, **values):
    return lambda site: site.wan(wan).update(values)


BROKEN = {
    "missing required arguments: mwan_lan": lambda site: site.vars.pop("mwan_lan"),
    "missing required arguments: settings found in mwan_wans": without("settings"),
    "mwan_wans: webpass: give either interface, or port and vlan": without("interface"),
    "webpass: give either interface, or port and vlan": changed("webpass", port="enatt1", vlan=7),
    "mwan_wans.weight": changed("webpass", weight=3),
    "mwan_wans: name: more than once": changed("webpass", name="att"),
    "interface or port: more than once": changed("webpass", interface="enmgmt0"),
    "mac: more than once": changed("webpass", mac="02:00:5E:10:00:01"),
    "7200 is no MAC address": changed("webpass", mac=7200),
    "136.25.91.242 is not ADDRESS/LENGTH": changed("webpass", addresses=["136.25.91.242"]),
    "mwan_wans: a value has a line break": lambda site: site.wan("webpass")["settings"].update(mark="1\ntable = 300"),
    "begin a comment in mwan.conf": lambda site: site.vars["mwan_settings"].update(notify={"command": "logger a ; logger b"}),
    "enp129s0f0np0.3242: not the name": changed("att", port="enp129s0f0np0"),
    "att: vlan: 5000 is not": changed("att", vlan=5000),
    "identity, in quotes": lambda site: site.vars["mwan_dot1x"].update(identity=0x1122),
    "client_cert is no PEM text": lambda site: site.vars["mwan_dot1x"].update(client_cert="client.pem"),
    "dot1x: one WAN can have it": changed("webpass", dot1x=True),
    "mwan_dot1x has to have identity": lambda site: site.vars["mwan_dot1x"].pop("identity"),
    "mwan_map4: 10.250.250.3: no WAN of mwan_wans is called monkeybrains":
        lambda site: site.vars["mwan_map4"]["10.250.250.3"].update(monkeybrains="192.0.2.3"),
    "enwebpass0: networkd: {section: {key: value}}, or a list of such sections: Use Address": changed(
        "webpass", networkd={"DHCPv6": {"Use Address": False}}),
    "enwebpass0: networkd: {section: {key: value}}, or a list of such sections: 1492": changed("webpass", networkd={"Link": 1492}),
    "mwan_lan: a bridge has no card of its own": lambda site: site.vars["mwan_lan"].update(bridge=[{"interface": "enlan0"}]),
    "mwan_debug_logging: mwan_settings.mwan has debug_logging, too": lambda site: site.vars.update(mwan_debug_logging=False),
    "mwan_dot1x.global: a value has a line break":
        lambda site: site.vars["mwan_dot1x"].update({"global": {"openssl_ciphers": "a\nb=c"}}),
    "mwan_settings.balnce": lambda site: site.vars["mwan_settings"].update(balnce={}),
}
NAMES = {said: f"broken{number}" for number, said in enumerate(BROKEN)}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """{host: what has been said of it}; that of `example` is in order, and has a key."""
    sites = {"example": Description()}
    sites["example"].vars["mwan_dot1x"].update(private_key=KEY)
    for said, spoil in BROKEN.items():
        sites[NAMES[said]] = Description()
        spoil(sites[NAMES[said]])
    done = play(tmp_path_factory.mktemp("judged"), sites, "describe.yml", "--tags", "describe")
    assert "nobody is to see this" not in done.out
    return {host: " ".join(re.findall(rf"^(?:failed|fatal): \[{host}\].*$", done.out, re.M)) for host in sites}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_description_is_named(judged, said):
    """In it, nothing of the example becomes part of a site elsewhere: what is missing is missed."""
    assert said in " ".join(judged[NAMES[said]].split())


def test_the_example_is_in_order(judged):
    assert judged["example"] == ""


# What is on the router


def test_what_somebody_has_masked_is_named_with_what_unmasks_it(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "UNITS", str(tmp_path))
    look.refuse_masked()
    (tmp_path / "mwan-health.service").symlink_to("/dev/null")
    with pytest.raises(SystemExit, match="systemctl unmask mwan-health.service"):
        look.refuse_masked()


@pytest.mark.parametrize("define", ["eth7", '{ "eth7", "eth8" }', '{\n\t"eth7",\n\t"eth8",\n}'])
def test_an_edited_ruleset_is_kept_but_for_the_management_interface(tmp_path, monkeypatch, define):
    pristine = (REPO / "conf/nftables.conf").read_text(encoding="utf-8")
    edited = look.DEFINE.sub(lambda _: f"define MANAGEMENT = {define}", pristine) + "# my own\n"
    (tmp_path / "nftables.conf").write_text(edited, encoding="utf-8")
    monkeypatch.setattr(look, "BASE", str(tmp_path / "nftables.conf"))
    wanted = look.DEFINE.sub('define MANAGEMENT = { "eth0" }', pristine) + "# my own\n"
    assert look.base_ruleset(pristine, ["eth0"]) == (wanted, True)



@pytest.mark.parametrize("before, after", [
    ("auto lo\niface lo inet loopback\n\nallow-hotplug ens18\niface ens18 inet static\n\taddress 192.0.2.1/24\n"
     "iface ens18 inet6 auto\n\n# the other\nauto ens19\niface ens19 inet dhcp\n",
     "auto lo\niface lo inet loopback\n\n\n# the other\nauto ens19\niface ens19 inet dhcp\n"),
    ("auto lo ens18 ens19\n", "auto lo ens19\n"),
    ("iface ens18 inet static\n# of the office\n\taddress 192.0.2.1/24\n\n\tgateway 192.0.2.254\niface ens19 inet dhcp\n",
     "# of the office\n\niface ens19 inet dhcp\n"),
    ("iface ens18 inet manual\nsource /etc/network/interfaces.d/*\n", "source /etc/network/interfaces.d/*\n"),
    ("iface ens180 inet dhcp\n", "iface ens180 inet dhcp\n"),
])
def test_described_interfaces_are_networkds_alone(before, after):
    assert look.without(before, ["ens18"]) == after
