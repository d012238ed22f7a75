# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal, as somebody reads it who was woken up: the story of a WAN, what events mean, and which unit said it."""

import json
import re

import pytest

import wans
from traffic import wait_until


@pytest.fixture(scope="module")
def lab(share_appliance):
    """Booted, and both WANs carry both families."""
    lab = share_appliance(health=wans.QUICK)
    lab.up()
    lab.router.booted()
    return lab


def entries(lab, *matches):
    """Entries of the journal, as dictionaries."""
    said = lab.router.run("journalctl", "--boot", "--quiet", "--output=json", *matches).out
    return [json.loads(line) for line in said.splitlines()]


def happens(lab, *matches):
    """Waits for an event of att; returns its last entry."""
    return wait_until(lambda: entries(lab, "MWAN_WAN=att", *matches), " ".join(matches))[-1]


def test_the_story_of_a_night_is_told_with_durations_and_explained(lab):
    lab.cut("att")
    assert happens(lab, "MWAN_EVENT=link-lost")["PRIORITY"] == "4"
    for family in ("ipv4", "ipv6"):
        happens(lab, "MWAN_EVENT=ineligible", f"MWAN_FAMILY={family}")
    lab.mend("att")
    assert int(happens(lab, "MWAN_EVENT=link-back")["MWAN_SECONDS"]) >= 0
    for family in ("ipv4", "ipv6"):
        again = happens(lab, "MWAN_EVENT=eligible", f"MWAN_FAMILY={family}")
        assert again["SYSLOG_IDENTIFIER"] == "health-check" and int(again["MWAN_SECONDS"]) >= 0
        assert again["MWAN_TRACE_ID"].startswith("boot-")
    lab.withdraw("att")
    lost = happens(lab, "MWAN_EVENT=prefix-lost")
    assert lost["MWAN_OLD"] == lab.wan("att").prefix6
    lab.restore("att")
    lab.router.run("networkctl", "reconfigure", lab.wan("att").interface)
    back = wait_until(lambda: [one for one in entries(lab, "MWAN_WAN=att", "MWAN_EVENT=prefix-new")
                               if one["__CURSOR"] > lost["__CURSOR"]], "the prefix is back")[-1]
    assert back["MWAN_NEW"] == lab.wan("att").prefix6 and int(back["MWAN_SECONDS"]) >= 0
    story = lab.router.run("journalctl", "--boot", "--quiet", "--catalog", "MWAN_WAN=att").out
    for text in ("The link of att is lost", "has carrier again, after ", "att takes new flows in ipv6",
                 "att has lost its IPv6 prefix", "networkctl reconfigure INTERFACE"):
        assert text in story, story
    assert "MWAN_WAN" not in story, "variables have their values"


def test_each_event_that_was_logged_is_explained(lab):
    for entry in entries(lab, "_COMM=health-check"):
        if "MWAN_EVENT" in entry:
            text = lab.router.run("journalctl", "--dump-catalog", entry["MESSAGE_ID"]).out
            assert "\nDefined-By: mwan\n" in text, entry["MWAN_EVENT"]


def test_what_a_program_says_before_it_ends_is_found_by_its_unit(lab):
    """A program that has ended is nobody's unit any more when the journal looks."""
    config = lab.router.read("/etc/mwan/mwan.conf")
    lab.router.configure("nonsense\n")
    for _ in range(30):
        lab.router.run("systemctl", "start", "mwan-update-routes", check=False)
    lab.router.configure(config)
    said = entries(lab, "SYSLOG_IDENTIFIER=update-routes", "MWAN_EVENT=failed")
    found = lab.router.journal("mwan-update-routes").count("mwan.conf:1:")
    assert len(said) == 30 and found == 30, (len(said), found)


def test_a_unit_that_failed_says_why_in_its_status(lab):
    config = lab.router.read("/etc/mwan/mwan.conf")
    lab.router.configure("nonsense\n")
    lab.router.run("systemctl", "start", "mwan-update-npt", check=False)
    status = lab.router.run("systemctl", "status", "--no-pager", "mwan-update-npt", check=False).out
    lab.router.configure(config)
    lab.router.run("systemctl", "start", "mwan-update-npt")
    assert re.search(r"update-npt\[\d+\]: /etc/mwan/mwan.conf:1:", status), status
