# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad configurations and arguments: exit 2, one line that says what and where, and the kernel as it was."""

import os
import re

import pytest

from lab import REPO, Lab

GOLDEN = os.path.join(REPO, "tests", "golden", "bad-config.golden")
SITE = "/run/site.conf"


def changed(text, place, new):
    """The base with lines put in a line's place: "all", "end", or the line itself."""
    if place == "all":
        return list(new)
    if place == "end":
        return text + new
    return [line for old in text for line in (new if old == place else [old])]


def golden_cases():
    """[(name, configuration, message)] of the golden file, which says itself how it is written."""
    base, text, name, cases = [], [], "", []
    place, new = None, []
    for line in open(GOLDEN, encoding="utf-8").read().splitlines():
        sign, rest = line[:3], line[3:]
        if sign in ("@@ ", "!! ") and place is not None:
            text, place, new = changed(text, place, new), None, []
        if sign == "== ":
            name, text = rest, list(base)
        elif sign == "@@ ":
            place = rest
        elif sign == "!! ":
            cases.append((name, "\n".join(text) + "\n", rest))
        elif place is not None:
            new.append(line)
        elif name == "base":
            base.append(line)
    return cases


CASES = golden_cases()


@pytest.fixture(scope="module")
def lab():
    """One lab for all cases: none of them may change anything."""
    with Lab() as one:
        yield one.up()


def test_there_are_over_a_hundred_cases():
    assert len(CASES) > 100


@pytest.mark.parametrize("program", ["update-routes", "update-npt"])
def test_each_broken_configuration_gets_its_message_and_changes_nothing(lab, program):
    before = lab.router.snapshot()
    wrong = []
    with lab.router.monitor() as monitor:
        for name, text, message in CASES:
            lab.router.write(SITE, text)
            result = lab.router.run(program, "--config", SITE, check=False)
            wanted = "<3>" + message.replace("site.conf", SITE).replace(" peers.txt", " /run/peers.txt") + "\n"
            if (result.code, result.out, result.err) != (2, "", wanted):
                wrong.append(f"{name}: wanted {wanted}{result}")
        assert monitor.events() == {}
    assert not wrong, "\n".join(wrong)
    assert lab.router.snapshot() == before


ARGUMENTS = [
    (["update-routes", "enatt0.3242"], "enatt0.3242"),
    (["update-routes", "--no-such-option"], "--no-such-option"),
    (["update-routes", "-x"], "-x"),
    (["update-routes", "--config"], "--config"),
    (["update-routes", "--config", "/nowhere/mwan.conf"], "/nowhere/mwan.conf"),
    (["update-routes", "--config", "/etc/mwan"], "/etc/mwan"),
    (["update-routes", ""], "update-routes"),
    (["update-npt", "eth0"], "eth0"),
    (["update-npt", "nosuchif"], "nosuchif"),
    (["update-npt", "enmwanbr0"], "enmwanbr0"),
    (["update-npt", ""], '""'),
    (["update-npt", "enatt0.3242; reboot"], "enatt0.3242; reboot"),
    (["update-npt", "2600:1700:2f71:c80::/60"], "2600:1700:2f71:c80::/60"),
    (["update-npt", "enatt0.3242", ""], '""'),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c80::"], "2600:1700:2f71:c80::"),
    (["update-npt", "enatt0.3242", "104.57.226.192/29"], "104.57.226.192/29"),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/129"], "/129"),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/-1"], "/-1"),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/60x"], "/60x"),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/64"], "att: prefix 2600:1700:2f71:c80::/64 is a /64"),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c81::/60"], "att: 2600:1700:2f71:c81::/60 has bits beyond its length"),
    (["update-npt", "enatt0.3242", "fe80::/60"], "att: fe80::/60 is not"),
    (["update-npt", "enatt0.3242", "ff00::/60"], "ff00::/60"),
    (["update-npt", "enatt0.3242", "::/60"], "::/60"),
    (["update-npt", "enatt0.3242", "3d06:bad:b01::/60"], "att: 3d06:bad:b01::/60 is inside"),
    (["update-npt", "enatt0.3242", "2604:5500:c271:be00::/60"], "att: 2604:5500:c271:be00::/60 overlaps the prefix of webpass"),
    (["update-npt", "enatt0.3242", "2600:1700:2f71:c80::/60", "more"], "more"),
    (["update-npt", "--dry-run", "--what"], "--what"),
    (["update-npt", "--dry-run", "-xy"], "-x "),
    (["update-routes", "-é"], "unknown option -é "),
    (["update-npt", "enatt0.3242", "--check", "-éh"], "unknown option -éh "),
    (["update-routes", "--check=yes"], "unknown option --check=yes "),
    (["health-check", "--address"], "--address needs"),
    (["health-check", "--address", "ipv4"], "--address needs"),
    (["health-check", "--address", "ip4", "att"], "--address needs"),
    (["health-check", "--status", "att"], "one argument too many: att"),
]


@pytest.mark.parametrize("args, named", ARGUMENTS)
def test_bad_arguments_are_named_and_change_nothing(lab, args, named):
    before = lab.router.snapshot()
    result = lab.router.run(*args, check=False)
    assert result.code == 2, result
    assert result.out == ""
    assert re.fullmatch(r"<3>[^\n]*\n", result.err) and named in result.err, result
    assert lab.router.snapshot() == before


@pytest.mark.parametrize("program", ["bringup-att-vlan", "health-check", "mwan-trace", "update-npt", "update-routes", "wpa-action"])
def test_help_and_version_are_results(lab, program):
    help_text = lab.router.run(program, "--help")
    assert help_text.out.startswith(f"Usage: {program}") and help_text.err == ""
    assert lab.router.run(program, "-h").out == help_text.out
    version = lab.router.run(program, "--version")
    assert re.search(r"\d+\.\d+", version.out) and version.err == ""


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["--dry-run"]])
def test_output_that_cannot_be_written_is_a_failure(lab, args):
    lab.router.nft("flush set inet filter wan")  # so that a dry run has something to say
    try:
        result = lab.router.run("sh", "-c", 'exec "$@" >/dev/full', "sh", "update-routes", *args, check=False)
        assert result.code == 1 and "<3>" in result.err, result
    finally:
        lab.router.run("update-routes")


@pytest.mark.parametrize("program", ["update-routes", "update-npt"])
def test_without_a_base_ruleset_they_say_so_and_do_nothing(make_lab, program):
    lab = make_lab()
    lab.router.run("rm", "/etc/mwan/nftables.conf")
    lab.router.command(["nft", "flush", "ruleset"])
    before = lab.router.snapshot()
    result = lab.router.run(program, check=False)
    assert result.code == 1 and "<3>NO PROTECTION: " in result.err and "table inet filter is gone" in result.err, result
    assert lab.router.snapshot() == before


def test_a_configuration_that_cannot_be_read_is_named(lab):
    lab.router.run("rm", "-f", SITE)
    result = lab.router.run("update-routes", "--config", SITE, check=False)
    assert result.code == 2 and SITE in result.err and "No such file" in result.err
