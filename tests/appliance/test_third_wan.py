# SPDX-License-Identifier: GPL-2.0-or-later
"""
Monkeybrains as it is: DHCP, an address by SLAAC, and no prefix until the provider delegates one. It carries when both
others are lost, and names in the DNS follow.
"""

import json

import pytest

import wans
from appliance import original
from dyndns import PASSWORD, USER, DynDns
from lab import CLIENT6, SERVERS4, SERVERS6, SPREAD4
from traffic import answers, close_all, udp_flows, wait_until

HEALTH = {"interval": "1s", "timeout": "500ms", "failure_threshold": 20, "recovery_threshold": 2}
UPDATE, SERVER = "update.example.com", f"{SPREAD4}70"
EXAMPLES, HOME, OWN = "/usr/share/doc/mwan/examples/ddns", "home.example.com", "monkeybrains.example.com"


@pytest.fixture
def site(make_appliance):
    """All three, booted, with a server that names are published at."""
    third = wans.monkeybrains(address6="2607:f598:b000:a:0:ff:fe00:103", slaac=True)
    lab = make_appliance([*original(), third], health=HEALTH)
    lab.names.records[UPDATE] = [SERVER]
    lab.ddns = DynDns(lab.internet, SERVER)
    try:
        lab.up({(name, family) for name in ("att", "webpass") for family in (4, 6)})
        yield lab
    finally:
        lab.ddns.close()


def family(lab, name, which):
    found = json.loads(lab.router.read("/run/mwan/health.json"))
    return next(one[which] for one in found["wans"] if one["name"] == name)


def sources(lab, count=20):
    """{source} of new flows in both families, as the internet sees them."""
    flows = udp_flows(lab.client, count, SERVERS4 + SERVERS6)
    seen = answers(flows, seconds=1)
    close_all(flows)
    return {one and one.source for one in seen}


def published(lab):
    """{(name, family): address}"""
    return {key: address for key, (address, _) in lab.ddns.records.items()}


def publish(lab):
    """As mwan(7) says, with the examples; their server has no certificate here."""
    for name in ("home4", "home6", "monkeybrains"):
        text = lab.router.read(f"{EXAMPLES}/{name}.conf").replace("USER", USER).replace("PASSWORD", PASSWORD)
        lab.router.write(f"/etc/mwan/ddns/{name}.conf", text.replace("\tddns-server", "\tssl = false\n\tddns-server"), 0o600)
        lab.router.run("systemctl", "enable", "--now", f"mwan-ddns@{name}.timer")


def test_monkeybrains_carries_when_both_others_are_lost_and_names_follow(site):
    lab, third, att = site, site.wan("monkeybrains"), site.wan("att")
    lease = third.address4.split("/")[0]
    wait_until(lambda: family(lab, "monkeybrains", "ipv6").get("degraded"), "NAT66 is ready")
    wait_until(lambda: family(lab, "monkeybrains", "ipv4")["eligible"], "it has a lease")
    publish(lab)
    wait_until(lambda: published(lab) == {(HOME, 4): att.public4[0], (HOME, 6): att.edge(),
                                          (OWN, 4): lease}, "names are published")

    for name in ("att", "webpass"):
        lab.cut(name)
    wait_until(lambda: sources(lab) == {lease, third.address6}, "it carries, masqueraded in both families")
    wait_until(lambda: published(lab)[HOME, 4] == lease and published(lab)[HOME, 6] == third.address6,
               "names have moved")
    assert lab.ddns.records[HOME, 4][1] == lease, "the server was told over a WAN that works"

    lab.restore("monkeybrains")
    assert "`networkctl reconfigure enmbrains0`" in lab.router.run("env", "COLUMNS=1000", "health-check", "--status",
                                                                   check=False).out
    lab.router.run("networkctl", "reconfigure", "enmbrains0")
    wait_until(lambda: sources(lab) == {lease, third.host(CLIENT6)}, "NPT with its prefix")
    wait_until(lambda: published(lab)[HOME, 6] == third.edge(), "the name follows the prefix")

    lab.mend("att")
    wait_until(lambda: all(source and att.owns(source) for source in sources(lab)), "att carries again")
    wait_until(lambda: published(lab) == {(HOME, 4): att.public4[0], (HOME, 6): att.edge(),
                                          (OWN, 4): lease}, "names are back")
    wait_until(lambda: lab.router.failed() == [], "nothing has failed")

    lab.ddns.refuses = True
    lab.cut("att")
    wait_until(lambda: "mwan-ddns@home4.service" in lab.router.failed(), "what the server refuses is seen")
    assert f"the server does not have {lease}" in lab.router.journal("mwan-ddns@home4")
    assert published(lab)[HOME, 4] == att.public4[0]
