"""Each command that the README shows is run, as it stands there."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from lab import REPO, Lab, default_destdir
from readme import commands, plain, quick_start

BUILT = os.path.dirname(os.path.abspath(default_destdir()))
DEMO = ["sudo tests/demo", "sudo tests/demo --keep"]
RUN = "sudo tests/run"  # runs all this, so it is not run by it
# tests/run builds the packages, tests/appliance/test_package.py installs and starts them as the README says, and
# tests/appliance/test_deploy.py follows its quick start.
PACKAGE = ["sudo tests/deb", "sudo apt install ./build-deb/trixie/mwan_*.deb"]
FIRST_START = "sudo systemctl "
RUN_SOME = "sudo tests/run lab -k inbound"
BENCH = {"sudo tests/bench/programs": ["--small"], "sudo tests/bench/health": ["--only", "carrier"],
         "sudo tests/bench/dataplane": ["--mode", "new"]}

IN_THE_ROUTER = [c for c in commands() if plain(c).split()[0] in ("health-check", "update-routes", "update-npt", "update-npt.sh", "ip", "nft")]
BUILD = [c for c in commands() if plain(c).split()[0] in ("meson", "ninja", "tests/packages") or "meson" in c]


def test_every_command_of_the_readme_is_run_by_some_test():
    first_start = {command for command in commands() if command.startswith(FIRST_START)}
    assert set(commands()) == {*IN_THE_ROUTER, *BUILD, *BENCH, *DEMO, *PACKAGE, *first_start, RUN, RUN_SOME, *quick_start()}


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


def test_a_clean_checkout_builds_and_installs_as_the_readme_says(tmp_path):
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


def test_some_tests_can_be_run_alone(tmp_path):
    done = subprocess.run([f"{REPO}/tests/run", *plain(RUN_SOME).split()[1:]], text=True, capture_output=True, check=True,
                          env={**os.environ, "MWAN_BUILD": BUILT, "MWAN_RESULTS": str(tmp_path)})
    assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.M)


def demo(*args):
    """The demonstration with the build that is under test: tests/demo, but for the building."""
    return subprocess.Popen(["/usr/bin/python3", f"{REPO}/tests/lab/demo.py", *args], text=True,
                            stdout=subprocess.PIPE, env={**os.environ, "MWAN_DESTDIR": f"{BUILT}/destdir"})


def test_the_demonstration_shows_what_it_expects():
    process = demo()
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "All as expected" in out, out


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
    process.communicate(timeout=30)
    assert process.returncode == 0
