# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages and the completion, as installed: they render, they are true, and their examples run."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import wans
from lab import REPO, default_destdir
from port import PORT, VLAN, Port

SHARE = f"{default_destdir()}/usr/local/share"
PAGES = sorted(Path(f"{SHARE}/man").glob("man*/*"))
COMMANDS = sorted(os.listdir(f"{default_destdir()}/usr/local/bin"))
PROGRAMS = [name for name in COMMANDS if not name.endswith(".sh")]
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES", "SEE ALSO"]
HEAD, TEXT = " " * 7, " " * 11  # how man indents a paragraph, and what is below it


def man(*args, width=None, **kwargs):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **({"MANWIDTH": str(width)} if width else {})}
    return subprocess.run(["man", "--warnings=w", *args], env=environment, text=True, capture_output=True, check=True, **kwargs)


def page(name):
    """{section: lines} of a page, with hardly anything wrapped."""
    sections = {}
    for line in man("-M", f"{SHARE}/man", name, width=4000).stdout.splitlines()[1:-1]:
        if re.match("[A-Z]|\\[", line):
            sections[line] = []
        elif sections:
            list(sections.values())[-1].append(line)
    return sections


def entries(lines):
    """{head: text} of the entries of a section, or of several."""
    found = {}
    for line in lines:
        if line.startswith(TEXT) and found:
            found[list(found)[-1]] += line.strip() + "\n"
        elif line.startswith(HEAD):
            found[line.strip()] = ""
    return found


def examples(name):
    """The examples of a page, as they stand in a terminal."""
    text = "".join(f"{line}\n" for line in page(name)["EXAMPLES"])
    blocks = re.split(rf"^{HEAD}\S.*\n", text, flags=re.M)
    return [re.sub(f"^{TEXT}", "", block, flags=re.M).strip("\n") + "\n" for block in blocks if block.strip()]


def options(name):
    """What --help lists."""
    text = subprocess.check_output([f"{default_destdir()}/usr/local/bin/{name}", "--help"], text=True)
    return re.findall(r"^  (--[a-z-]+)", text, re.M)


# Rendering

def test_there_is_a_page_for_every_command_and_for_file_and_whole():
    assert {p.name for p in PAGES} == {*(f"{name}.8" for name in COMMANDS), "mwan.conf.5", "mwan.7"}
    for name in COMMANDS:
        assert f"{name.removesuffix('.sh')} - " in " ".join(page(name)["NAME"])


@pytest.mark.parametrize("width", [None, 80, 60])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_renders_without_a_warning(path, width):
    done = man("-l", str(path), width=width)
    assert done.stderr == "" and len(done.stdout.splitlines()) > 20
    # Diagrams and commands are not wrapped: they have to fit.
    assert width == 60 or [line for line in done.stdout.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_apropos_finds_a_page_and_it_refers_to_pages_that_are_there(path):
    subprocess.run(["lexgrog", path], check=True, capture_output=True)
    ours = {p.name for p in PAGES}
    for name, section in re.findall(r"([a-z][\w.-]*)\((\d)\)", man("-l", str(path), width=4000).stdout):
        assert f"{name}.{section}" in ours or name not in {p.stem for p in PAGES}


# Programs

@pytest.mark.parametrize("name", PROGRAMS)
def test_options_and_exit_statuses_are_those_of_the_program(name):
    sections = page(name)
    assert [title for title in sections if title in SECTIONS] == SECTIONS
    documented = entries(sections["OPTIONS"])
    assert sorted(re.match(r"--[\w-]+", head)[0] for head in documented) == sorted(options(name))
    assert all(documented.values())
    wanted = ["0", "1", "2"] + ["3"] * ("--check" in options(name)) + ["4"] * ("--status" in options(name))
    assert list(entries(sections["EXIT STATUS"])) == wanted


def test_metrics_are_those_that_are_printed():
    text = Path(f"{REPO}/tests/golden/status/metrics.txt").read_text()
    # That of certificates is printed where there are some, which tests/appliance/test_dot1x.py sees.
    own = re.findall(r"\bmwan_dot1x_\w+", Path(f"{REPO}/lib/status/metrics.c").read_text())
    documented = re.findall(r"\bmwan_\w+", "\n".join(entries(page("health-check")["METRICS"])))
    assert sorted(documented) == sorted({*own, *re.findall(r"^# TYPE (\S+)", text, re.M)})


def test_members_of_the_json_object_are_told():
    def names(value):
        if isinstance(value, dict):
            return set(value).union(*map(names, value.values()))
        return set().union(*map(names, value)) if isinstance(value, list) else set()
    printed = names(json.loads(Path(f"{REPO}/tests/golden/status/health-json.txt").read_text()))
    assert printed - set(re.findall(r"\w+", "\n".join(page("health-check")["JSON"]))) == set()


def test_the_doctors_checks_are_told_in_their_order():
    checks = re.findall(r'^\t\{ "([^"]+)", (?:true|false), doctor_', Path(f"{REPO}/lib/doctor/doctor.c").read_text(), re.M)
    assert checks and ", ".join(checks) in "\n".join(page("health-check")["THE DOCTOR"])


# mwan.conf

def keys():
    """Each row of the tables of keys: section, key, default (None: required), and the rest of it as text."""
    for path in sorted(Path(f"{REPO}/lib/config").glob("*.c")):
        for section, rows in re.findall(r"struct key (\w+)_keys\[\] = \{\n(.*?)^\};", path.read_text(), re.M | re.S):
            found = re.findall(r'^\t\{ "(\w+)", \w+, (?:0|\w+\([^()]*\)),\s*(NULL|"[^"]*"),(.*?) \},\n', rows, re.M | re.S)
            assert len(found) == rows.count("\t{ ")
            for name, default, rest in found:
                yield section, name, None if default == "NULL" else default.strip('"'), rest


KEYS = list(keys())
EACH_KEY = pytest.mark.parametrize("section, key, default, rest", KEYS, ids=lambda value: value if value and value.isidentifier() else "")


def names(section):
    return [name for where, name, *_ in KEYS if where == section]


def ranges(rest):
    return re.findall(r"\d+\w* to \d+\w*", rest)


def words(rest):
    found = re.search(r"WORDS\((.*)\)", rest, re.S)
    return re.findall(r'"([^"]+)"', found[1]) if found else []


# Sections with a name, and that of the example. Where no site needs one, its lines are comments.
NAMED = {"wan": "att", "rule": "voice", "direct": "vpn"}


def key_entries(section):
    """{key: text} of a section of mwan.conf(5)."""
    found = entries(page("mwan.conf")[f"[{section} NAME]" if section in NAMED else f"[{section}]"])
    return {head.split(" = ")[0]: f"{head}\n{text}" for head, text in found.items() if " = " in head}


def example_keys(section):
    """[(key, value, comment)] of a section of the example, also of one that is commented out."""
    text = Path(f"{SHARE}/doc/mwan/examples/mwan.conf").read_text()
    label = f"{section} {NAMED[section]}" if section in NAMED else section
    body = re.search(rf"^;?\[{label}\](.*?)(?:^;?\[|\Z)", text, re.M | re.S)[1].replace("\n;", "\n")
    return [(key, value.strip(), comment) for key, value, comment in re.findall(r"^(\w+) *=([^;\n]*)(.*)", body, re.M)]


@pytest.mark.parametrize("section", dict.fromkeys(section for section, *_ in KEYS))
def test_manual_and_example_have_every_key_once_and_no_other(section):
    assert list(key_entries(section)) == names(section)
    assert [key for key, *_ in example_keys(section)] == names(section)


@EACH_KEY
def test_the_manual_has_a_keys_default_range_and_words(section, key, default, rest):
    text = key_entries(section)[key]
    told = re.search(r"\bDefault: (.*)\.$", text, re.M)
    if default is None:
        assert not told and "Required." in text
    else:
        assert told and told[1] == (default or "none") and "Required" not in text
    expected = ranges(rest) + words(rest)
    if lengths := re.search(r"(\d+), (\d+), \.family", rest):
        expected.append(f"/{lengths[1]} to /{lengths[2]}")
    assert [part for part in expected if part not in text] == []


@EACH_KEY
def test_the_example_has_a_keys_default_range_and_words(section, key, default, rest):
    value, comment = next(found[1:] for found in example_keys(section) if found[0] == key)
    # The site of the example has an address or a name where there is no default.
    assert value == default or (default is None or section in ("lan", "rule") and default == "") and value
    assert set(ranges(comment)) <= set(ranges(rest))
    assert [word for word in words(rest) if not re.search(rf"\b{word}\b", value + comment)] == []


def milliseconds(text):
    return int(text.rstrip("msh")) * {"ms": 1, "s": 1000, "m": 60000, "h": 3600000}.get(re.sub(r"\d+", "", text), 1)


@EACH_KEY
def test_a_message_has_the_range_that_is_accepted(section, key, default, rest):
    if accepted := re.search(r'", (\d+), (\d+)$', rest):
        assert [milliseconds(text) for text in ranges(rest)[0].split(" to ")] == [int(accepted[1]), int(accepted[2])]


def test_examples_of_mwan_conf_are_accepted(bare):
    """The first one is a whole site, and each of the others is added to it."""
    whole, *more = examples("mwan.conf")
    assert len(more) >= 3
    for text in ("", *more):
        bare.router.write("/run/example.conf", whole + text)
        result = bare.router.run("update-routes", "--check", "--config", "/run/example.conf", check=False)
        assert result.code == 3 and "update-routes" not in result.err, result


# Examples

@pytest.fixture
def site(make_lab):
    """All is up: WANs and daemon, the 802.1X port and the lease behind it, and a log of what was done."""
    lab = make_lab(health=wans.QUICK, mwan={"debug_logging": "yes"})
    lab.networkd().describe(VLAN, Addresses=[{"Family": 2, "Address": [104, 57, 226, 193], "PrefixLength": 29,
                                              "ConfigSource": "DHCPv4", "ConfigState": "configured"}])
    port = Port(lab)
    lab.router.run("mwan-trace", "new", "boot")
    lab.up()
    lab.daemon().wait_states()
    port.act(PORT, "CONNECTED")
    yield lab
    port.close()


@pytest.mark.parametrize("name", [*PROGRAMS, "mwan"])
def test_examples_run(site, name):
    """As they stand in the terminal: quotes and dashes that man has changed would not."""
    found = examples(name)
    assert found
    for text in found:
        site.router.run("sh", "-ec", text)


# Completion

COMPLETE = """
. /usr/share/bash-completion/bash_completion
# As bash does it: the completion is loaded when it is first needed.
_comp_load "$1" 2>/dev/null || _completion_loader "$1"
function=$(complete -p "$1" | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(lab, line):
    """What TAB offers behind a line."""
    words = re.findall(r"[=:]+|[^\s=:]+", line) + [""] * (line[-1] in " =")
    result = lab.router.run("bash", "--norc", "-c", COMPLETE, "bash", *words, env={"XDG_DATA_DIRS": SHARE, "HOME": "/run"})
    assert result.err == "", result
    return result.out.split()


@pytest.fixture(scope="module")
def shell(share_lab):
    """A site to complete in, with some traces."""
    lab = share_lab()
    lab.router.write("/run/other.conf", "[lan]\ninterface = enlan0\n[wan   other] ; a comment\nmark=1\ninterface=enother0;\n")
    lab.router.write("/run/mwan-trace-id", "deploy-c\n")
    lab.router.write("/var/log/mwan-debug.log", '{"time":"t","traceId":"deploy-a","event":"e"}\n' * 2)
    lab.router.write("/var/log/mwan-debug.log.1", '{"time":"t","traceId":"boot-b","event":"e"}\n')
    return lab


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_completes_the_options_that_it_has(shell, name):
    assert complete(shell, f"{name} --") == options(name)
    assert complete(shell, f"{name} --ver") == ["--verbose", "--version"]


@pytest.mark.parametrize("line, offers", [
    ("update-npt ", ["enatt0.3242", "enwebpass0"]),
    ("update-npt.sh --check enw", ["enwebpass0"]),
    ("update-npt --config /run/other.conf ", ["enother0"]),
    ("update-npt --config=/run/other.conf --check ", ["enother0"]),
    ("update-npt --config /run/missing.conf ", []),
    ("update-npt enatt0.3242 ", []),
    ("update-routes ", []),
    ("update-routes --explain 10.250.250.", [*wans.INSIDE4]),
    ("update-routes --explain 3", [wans.ROUTER6]),
    ("update-routes --explain 10.250.250.2 ", []),
    ("update-routes --explain 10.250.250.2 1.1.1.1 u", ["udp", "udplite"]),
    ("update-routes --config /etc/mwan/mw", ["/etc/mwan/mwan.conf"]),
    ("update-routes --config=/etc/mwan/mw", ["/etc/mwan/mwan.conf"]),
    ("update-routes --check --config /etc/mwan/", ["/etc/mwan/mwan.conf", "/etc/mwan/nftables.conf", "/etc/mwan/nftables.d"]),
    ("mwan-trace ", ["new", "show"]),
    ("mwan-trace new ", ["boot", "deploy"]),
    ("mwan-trace --verbose new d", ["deploy"]),
    ("mwan-trace show ", ["boot-b", "deploy-a", "deploy-c"]),
    ("mwan-trace.sh show de", ["deploy-a", "deploy-c"]),
    ("mwan-trace new deploy ", []),
    ("wpa-action enatt0.3242 ", ["CONNECTED", "DISCONNECTED"]),
    ("wpa-action enweb", ["enwebpass0"]),
    ("wpa-action --sync enweb", ["enwebpass0"]),
    ("wpa-action --sync enatt0.3242 ", []),
    ("bringup-att-vlan enweb", ["enwebpass0"]),
    ("health-check --st", ["--status"]),
    ("health-check ", []),
    ("health-check --address ", ["ipv4", "ipv6"]),
    ("health-check --address ipv4 w", ["webpass"]),
    ("health-check --address ipv6 att ", ["att", "webpass"]),
    ("health-check --drain ", ["att", "webpass"]),
    ("health-check --drain=", ["att", "webpass"]),
    ("health-check --drain=we", ["webpass"]),
    ("health-check --undrain we", ["webpass"]),
    ("health-check --config /run/other.conf --drain ", ["other"]),
    ("health-check --drain att --for ", []),
    ("health-check --drain att ", []),
])
def test_values_are_those_of_the_site(shell, line, offers):
    assert sorted(complete(shell, line)) == offers


def test_nothing_that_stands_in_a_file_is_run(bare):
    bare.router.write("/etc/mwan/mwan.conf", "[wan a]\ninterface = $(touch${IFS}/run/owned)\n")
    bare.router.write("/run/mwan-trace-id", "`touch /run/owned`\n")
    complete(bare, "update-npt ")
    complete(bare, "mwan-trace show ")
    assert not bare.router.path("/run/owned").exists()
