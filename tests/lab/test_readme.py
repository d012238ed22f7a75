# SPDX-License-Identifier: GPL-2.0-or-later
"""Each command that README.md and CONTRIBUTING.md show is run, as it stands there."""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess

import pytest

import demo as demonstration
from lab import REPO, Lab, default_destdir
from readme import commands, lines_of, own_rules, plain, quick_start, text_of
from traffic import PATIENCE

BUILT = os.path.dirname(os.path.abspath(default_destdir()))
README, CONTRIBUTING = commands("README.md"), commands("CONTRIBUTING.md")
DEMO = ["sudo tests/demo", "sudo tests/demo --keep", "sudo tests/demo --wans 3"]
RUN = "sudo tests/run"  # runs all this, so it is not run by it
# tests/run builds the packages, tests/appliance/test_by_hand.py installs and starts them as the README says, and
# tests/appliance/test_deploy.py follows its quick start.
PACKAGE = ["sudo tests/deb", "sudo apt install ./build-deb/trixie/mwan_*.deb",
           "sudo cp /usr/share/doc/mwan/examples/plainest/*.network /etc/systemd/network"]
FIRST_START = "sudo systemctl "
RUN_SOME = ["sudo tests/run lab -k inbound", "sudo tests/run unit plan/select"]
BENCH = {"sudo tests/bench/programs": ["--small"], "sudo tests/bench/health": ["--only", "carrier"],
         "sudo tests/bench/dataplane": ["--mode", "new"]}
FAULTS = "sudo tests/faults change --kinds syscall,memory"
STAGES = [c for c in CONTRIBUTING if "tests/run " in c]
# The stage `chaos` does the same in short, and tests/disorder/test_command.py plays a file.
CHAOS = [c for c in CONTRIBUTING if "tests/chaos " in c]
# tests/run does the first itself, and writes no golden file. The last three take long; tests/run has a stage for the rest of them.
NOT_HERE = ["sudo tests/trixie /tmp/results tests/run build unit", "git diff tests/golden",
            "sudo tests/fuzz/soak 10 config report", "sudo tests/fuzz/coverage",
            "tests/model/compare build/tests/model/decide --sites 10000"]

IN_THE_ROUTER = [c for c in README if plain(c).split()[0] in ("health-check", "update-routes", "update-npt")]
BUILD = [c for c in CONTRIBUTING if plain(c).split()[0] in ("meson", "ninja", "tests/packages") or "meson" in c]


def test_every_command_of_the_readme_is_run_by_some_test():
    first_start = {command for command in README if command.startswith(FIRST_START)}
    # tests/lab/test_own_rules.py loads rules as the README says.
    assert set(README) == {*IN_THE_ROUTER, DEMO[0], DEMO[2], *PACKAGE, *first_start, RUN, *quick_start(), *lines_of(own_rules())}


def test_every_command_of_contributing_is_run_by_some_test():
    assert set(CONTRIBUTING) == {*BUILD, DEMO[1], PACKAGE[0], *BENCH, FAULTS, *STAGES, *CHAOS, *NOT_HERE} and set(RUN_SOME) <= set(STAGES)


def test_the_stages_of_contributing_are_there():
    usage = subprocess.run([f"{REPO}/tests/run", "no-such-stage"], text=True, capture_output=True, check=False).stderr
    there = set(re.findall(r"^([a-z-]+) ", usage, re.M))
    assert {command.partition("tests/run ")[2].split()[0] for command in STAGES} <= there


def test_the_readme_is_short():
    assert len(text_of("README.md").split()) <= 1000


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "lib/README.md", "conf/ansible/README.md",
                                      "conf/host/README.md", "conf/opnsense/README.md"])
def test_the_files_that_a_document_names_are_there(document):
    text = text_of(document)
    links = [os.path.join(os.path.dirname(document), link) for link in re.findall(r"\]\(([^):]+)\)", text)]
    files = re.findall(r"`((?:cmd|conf|hooks|lib|tests|units)/[\w./*-]+)`", text)
    assert [name for name in links + files if not glob.glob(f"{REPO}/{name}")] == []


def test_the_rooms_of_lib_have_the_files_that_its_readme_names():
    rooms = re.findall(r"^\| `(\w+)` \|(.*)$", text_of("lib/README.md"), re.M)
    assert {room for room, _ in rooms} == {entry.name for entry in os.scandir(f"{REPO}/lib") if entry.is_dir()}
    assert [f"{room}/{name}" for room, row in rooms for name in re.findall(r"`([\w*]+)(?:\.h)?`", row)
            if not glob.glob(f"{REPO}/lib/{room}/{name}.[ch]")] == []


@pytest.mark.parametrize("command", IN_THE_ROUTER)
def test_commands_of_the_router_do_as_the_readme_says(command):
    with Lab() as lab:
        lab.up()
        if "--status" in command:
            lab.daemon()
        lab.router.run(*plain(command).split())
        assert lab.router.run("update-routes", "--check").out == ""


def copy_of_the_checkout(target):
    for name in subprocess.check_output(["git", "-C", REPO, "ls-files"], text=True).splitlines():
        if os.path.exists(f"{REPO}/{name}"):
            os.makedirs(os.path.dirname(f"{target}/{name}"), exist_ok=True)
            shutil.copy2(f"{REPO}/{name}", f"{target}/{name}")


def source_tree(target):
    """A clean checkout, also where git is not there to ask."""
    if os.path.exists(f"{REPO}/.git") and shutil.which("git"):
        copy_of_the_checkout(target)
    else:
        shutil.copytree(REPO, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build*", ".git"))


def test_a_clean_checkout_builds_and_installs_as_contributing_says(tmp_path):
    source_tree(f"{tmp_path}/mwan")
    for command in BUILD:
        subprocess.run(plain(command).split(), cwd=f"{tmp_path}/mwan", check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": f"{tmp_path}/root"})
    for place in ("usr/local/bin/update-routes", "usr/local/bin/update-npt.sh", "etc/mwan/nftables.conf",
                  "etc/networkd-dispatcher/routable.d/50-update-routes.sh"):
        assert os.path.exists(f"{tmp_path}/root/{place}")


@pytest.mark.parametrize("command", BENCH)
def test_the_benches_measure(command):
    """In short: one round of some figures."""
    done = subprocess.run([f"{REPO}/{plain(command)}", "--rounds", "1", *BENCH[command]], text=True, capture_output=True, check=True,
                          env={**os.environ, "MWAN_BUILD": BUILT})
    assert re.search("mwan|median", done.stdout)


def test_faults_are_injected():
    """Some of them: of 20,000 calls."""
    done = subprocess.run([f"{REPO}/tests/faults", *plain(FAULTS).split()[1:], "--step", "1000"], text=True, capture_output=True, check=True,
                          env={**os.environ, "MWAN_BUILD": BUILT})
    assert re.search(r"^[1-9]\d+ faults injected, 0 failures$", done.stdout, re.M)


@pytest.mark.parametrize("command", RUN_SOME)
def test_some_tests_can_be_run_alone(command, tmp_path):
    done = subprocess.run([f"{REPO}/tests/run", *plain(command).split()[1:]], text=True, capture_output=True, check=True,
                          env={**os.environ, "MWAN_BUILD": BUILT, "MWAN_RESULTS": str(tmp_path)})
    assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.M)


@contextlib.contextmanager
def busy(count):
    """So many processes that always want a processor, until this ends."""
    spinning = [subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def demo(*args):
    """The demonstration with the build that is under test: tests/demo, but for the building."""
    return subprocess.Popen(["/usr/bin/python3", f"{REPO}/tests/lab/demo.py", *args], text=True,
                            stdout=subprocess.PIPE, env={**os.environ, "MWAN_DESTDIR": f"{BUILT}/destdir"})


@pytest.mark.parametrize("load", [0, 15])
def test_the_demonstration_shows_what_it_expects(load):
    with busy(load):
        process = demo()
        out, _ = process.communicate(timeout=5 * PATIENCE)
    lines = out.splitlines()
    assert process.returncode == 0, out
    assert "OPNsense --- mwan" in lines[1] and [line for line in lines if len(line) > demonstration.COLUMNS] == []
    rows = [line.split() for line in lines if line.startswith("  ok ")]
    shown = [row[-2:] for row in rows if re.fullmatch(r"[0-9a-f.]+[.:][0-9a-f.:]+", row[-1])]
    assert len(shown) == 12 and all(measured == expected for measured, expected in shown)
    said = re.split(r"(?<=\.)\s", out.rpartition("\n\n")[2].strip())
    assert said[0].startswith(f"All as expected: {len(rows)} of {len(rows)} rows") and len(said) == 3


def test_the_demonstration_of_a_third_wan_shows_what_it_expects():
    process = demo("--wans", "3")
    out, _ = process.communicate(timeout=5 * PATIENCE)
    assert process.returncode == 0, out
    lines = out.splitlines()
    assert [line for line in lines if len(line) > demonstration.COLUMNS] == []
    rows = [line for line in lines if line.startswith("  ok ")]
    assert len(rows) == 16 and f"All as expected: {len(rows)} of {len(rows)} rows" in out


def test_the_demonstration_says_what_is_not_as_expected(capsys):
    report = demonstration.Report()
    report.same("10.250.250.2 over att", "136.25.91.242", "104.57.226.193")
    report.same("flows that changed their WAN", "0", "0")
    assert report.end() == 1
    out = capsys.readouterr().out
    assert out.startswith("  FAIL  10.250.250.2 over att ") and "\n  ok    flows" in out
    assert "\nNot as expected: 1 of 2 rows" in out and "The first of them is: 10.250.250.2 over att.\n" in out


def test_the_demonstration_can_leave_the_lab_standing():
    process = demo("--keep")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("  isp-webpass "):
            break
    enter = next(line for line in lines if line.startswith("  the router ")).split(maxsplit=2)[2].split()
    shown = subprocess.run([*enter, "-c", "ip rule; nft list map inet mangle share4"], text=True, capture_output=True, check=True)
    assert "fwmark 0x1 lookup" in shown.stdout and "0-4999 : 0x00000001" in shown.stdout
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
