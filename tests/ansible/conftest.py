# SPDX-License-Identifier: GPL-2.0-or-later
"""
What becomes of a site's description, without a router: in an /etc of its own. A play takes its seconds, so that tests
share them. As root, with mwan built:

    sudo MWAN_DESTDIR=… /usr/bin/python3 -m pytest tests/ansible -p no:cacheprovider
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
ANSIBLE = REPO / "conf/ansible"
DESTDIR = Path(os.environ.get("MWAN_DESTDIR") or REPO / "build/destdir")

sys.dont_write_bytecode = True
sys.path.insert(0, str(ANSIBLE / "roles/mwan/files"))


class Done:
    """How a play has ended: code, out."""

    def __init__(self, code, out):
        self.code, self.out = code, out
        self.changed = sum(map(int, re.findall(r"changed=(\d+)", out)))

    def __repr__(self):
        return f"exit {self.code}\n{self.out}"


class Description:
    """The example's, to be changed by a test."""

    def __init__(self):
        self.vars = yaml.safe_load((ANSIBLE / "group_vars/mwan.yml").read_text(encoding="utf-8"))

    def add_third_wan(self):
        """The one that the example has as a comment."""
        text = (ANSIBLE / "group_vars/mwan.yml").read_text(encoding="utf-8")
        lines = re.search(r"^  # - name: monkeybrains\n(  # +.*\n)+", text, re.M)[0]
        self.vars["mwan_wans"] += yaml.safe_load(re.sub(r"^  # ", "", lines, flags=re.M))

    def wan(self, name):
        return next(wan for wan in self.vars["mwan_wans"] if wan["name"] == name)


def play(folder, sites, playbook, *options, inside=""):
    """
    Runs a playbook of the tests' for {host: description}, elsewhere than the example's, where there is no network.
    Descriptions are in a vault where there is a file `password`.
    """
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "LC_ALL": "C.UTF-8",
                   "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "ANSIBLE_NOCOLOR": "1"}
    if (folder / "password").exists():
        environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(folder / "password")
    (folder / "host_vars").mkdir(exist_ok=True)
    (folder / "inventory").write_text("\n".join(["[mwan]", *sites, ""]), encoding="utf-8")
    for host, site in sites.items():
        path = folder / f"host_vars/{host}.yml"
        path.write_text(yaml.safe_dump(site.vars), encoding="utf-8")
        if "ANSIBLE_VAULT_PASSWORD_FILE" in environment:
            subprocess.run(["ansible-vault", "encrypt", path], env=environment, check=True, capture_output=True)
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", inside + 'exec "$@"', "sh", "ansible-playbook",
         "-i", folder / "inventory", REPO / "tests/ansible" / playbook, *options],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        check=False)
    return Done(done.returncode, done.stdout)


class Site(Description):
    """A description, and what is written of it."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.etc, self.work = folder, folder / "etc", folder / "work"
        subprocess.run(["cp", "-a", "/etc", self.etc], check=True)
        for name in ("mwan", "wpa_supplicant", "systemd/network", "sysctl.d"):
            shutil.rmtree(self.etc / name, ignore_errors=True)
            (self.etc / name).mkdir(parents=True)
        (self.etc / "nftables.conf").write_text("flush ruleset\n", encoding="utf-8")
        # As look.py leaves it, with this build in the package's place.
        (self.work / "root/usr/bin").mkdir(parents=True)
        shutil.copy(DESTDIR / "usr/local/bin/update-routes", self.work / "root/usr/bin")
        shutil.copy(ANSIBLE / "roles/mwan/files/look.py", self.work)
        self.found = {"installed": True, "install": [], "renamed": {}, "interfaces": {}, "certificates": [],
                      "management": [self.vars["mwan_management"]["interface"]], "base_edited": False,
                      "base": (REPO / "conf/nftables.conf").read_text(encoding="utf-8")}

    def write(self, *options):
        given = {"mwan_work": {"path": str(self.work)}, "mwan_found": self.found}
        done = play(self.folder, {"router": self}, "write.yml", "-e", json.dumps(given), *options,
                    inside=f"mount --bind {self.etc} /etc && ")
        if done.code != 0:
            raise RuntimeError(repr(done))
        return done

    def read(self, name):
        return (self.etc / name).read_text(encoding="utf-8")

    def links(self):
        """{file: its lines without comments}"""
        return {path.name: settings(path) for path in (self.etc / "systemd/network").iterdir()}


def settings(path):
    """What is set in a file, without comments and empty lines."""
    lines = [re.sub(r"\s+[;#].*", "", line).rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and line[0] not in "#;"]


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("tests/ansible: run as root: it makes mount namespaces", returncode=1)
    if not (DESTDIR / "usr/local/bin/update-routes").exists():
        pytest.exit(f"tests/ansible: no update-routes in {DESTDIR}: build mwan, or set MWAN_DESTDIR", returncode=1)
