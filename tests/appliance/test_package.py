# SPDX-License-Identifier: GPL-2.0-or-later
"""The package on a machine that has nothing of mwan: installed, upgraded, removed, purged, installed again."""

import glob
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import wans as wan
from appliance import Appliance, layers, package
from arrivals import Arrivals
from container import Container
from exposure import EXPOSURE, exposure
from lab import REPO, SERVERS4, SERVERS6
from machine import difference
from readme import install, plain
from traffic import Load, UdpFlow, close_all, udp_flows, wait_until
from tree import output

BUILT = "/root/mwan/build-deb/trixie"  # where tests/deb leaves the package, on the machine that it is for
# What other packages and the installation as such may leave.
OTHERS = ("/var/lib/dpkg/", "/var/lib/apt/", "/var/lib/systemd/", "/var/cache/", "/var/log/", "/root/", "/tmp/",
          "/etc/systemd/network/")
FLOWS = 10  # of a family


def by_hand():
    """The README's lines that install the package, and those that start it."""
    package, _, start, _ = install()
    return [[plain(line) for line in block] for block in (package, start)]


def debian(release):
    """The tree of the appliance before mwan's package comes, or its like of another release."""
    tree = layers()["router"][-1]
    if release == "trixie":
        return tree
    packages = Path(tree, ".packages").read_text().replace("libcurl4t64", "libcurl4").split()[1:]
    packages = ["libc-ares2" if name == "libcares2" else name for name in packages]
    return output(f"{REPO}/tests/tree", f"appliance-{release}", release, *packages)[0]


class Bare(Appliance):
    """Debian as it comes, between the providers; describe() makes it the site's router."""

    def __init__(self, release):
        self.release = release
        # Debian 12's networkd tells nobody which prefixes were delegated to it.
        super().__init__(wan.original() if release == "bookworm" else None)

    def _make_router(self):
        router = Container([debian(self.release)])
        router.write("/etc/machine-id", "6d77616e6d77616e6d77616e6d77616e\n")
        for unit in ("wpa_supplicant", "ssh", "systemd-logind", "inadyn", "radvd", "wide-dhcpv6-server"):
            router.path(f"/etc/systemd/system/{unit}.service").symlink_to("/dev/null")
        # There is nowhere to get more from.
        router.write("/etc/apt/apt.conf.d/offline", 'APT::Install-Recommends "false";\n')
        found = glob.glob(f"{os.path.dirname(os.path.dirname(package()))}/{self.release}/mwan_*.deb")
        if not found:
            raise FileNotFoundError(f"no package for {self.release}: run tests/deb")
        router.path(BUILT).mkdir(parents=True)
        shutil.copy(found[0], router.path(BUILT))
        return router

    def configure(self, **config):
        self.text = wan.config(self.wans, **config)

    def describe(self):
        """What the README asks for before the first start, from the examples."""
        self.router.run("sh", "-c", "cp /usr/share/doc/mwan/examples/systemd-network/*.network /etc/systemd/network")
        self.router.write("/etc/mwan/mwan.conf", self.text)

    def install(self):
        """As the README says."""
        install = next(line for line in by_hand()[0] if line.startswith("apt "))
        self.router.run("sh", "-c", f"cd {os.path.dirname(os.path.dirname(BUILT))} && {install}")

    def first_start(self):
        """As the README says."""
        for line in by_hand()[1]:
            self.router.run(*line.split())

    def state(self):
        """What of the system others could notice, as lines."""
        of_a_router = r"net\.ipv[46]\..*(forward|mark|rp_filter|arp_ignore|arp_announce|accept_ra )|net\.netfilter\.nf_conntrack_(max|buckets)"
        sysctls = [line for line in self.router.run("sysctl", "--all", check=False).out.splitlines()
                   if re.match(of_a_router, line)]
        assert sysctls
        return [*self.router.snapshot(), *sysctls]

    def boot_as_any_other_machine(self):
        self.power_cut()
        self.boot()
        self.router.booted()
        assert not self.router.ruleset() and not self.router.own_rules(4)
        assert self.sysctls("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding") == ["0", "0"]

    def sysctls(self, *names):
        return self.router.run("sysctl", "-n", *names).out.split()

    def files(self):
        return set(self.router.run("find", "/", "-xdev").out.splitlines())

    def active(self, *units):
        return [self.router.unit(unit)["ActiveState"] for unit in units]


@pytest.fixture(params=["bookworm", "trixie"])
def bare(request):
    lab = Bare(request.param)
    try:
        lab.boot()
        lab.router.booted()
        lab.router.run("systemctl", "enable", "systemd-networkd")  # whoever configures links by it
        yield lab
        assert not lab.leaks()
    finally:
        lab.close()


def flows_on_both_wans(lab):
    flows = udp_flows(lab.client, FLOWS, SERVERS4) + udp_flows(lab.client, FLOWS, SERVERS6)
    seen = [flow.answer() for flow in flows]
    assert {lab.wan_of(answer.source).name for answer in seen} == {"att", "webpass"}
    return flows


def test_from_the_first_installation_to_the_purge(bare):
    router = bare.router
    router.run("nft", "add", "table", "inet", "theirs")
    files, state, failed = bare.files(), bare.state(), router.failed()

    # Before the site is described, nothing changes, and nothing runs: not when it is installed, and not at boot.
    bare.install()
    assert not difference(state, bare.state())
    bare.boot_as_any_other_machine()
    assert bare.active("mwan-health", "nftables", "wpa_supplicant-mwan", "wpa-cli-action") == ["inactive"] * 4
    assert router.failed() == failed
    installed = router.run("dpkg", "-L", "mwan").out.splitlines()
    for unit in [path for path in installed if "/systemd/system/" in path and router.path(path).is_file()]:
        if "[Install]" in router.read(unit) and "@." not in unit:  # of names, the site enables its own
            assert router.run("systemctl", "is-enabled", os.path.basename(unit)).out == "enabled\n"
    # Debian 12's systemd sees them as Debian 13's does.
    assert {name: found for name, most in EXPOSURE.items() if (found := exposure(router, name)) > most} == {}
    # nftables.service is as Debian has it.
    router.run("nft", "add", "table", "inet", "theirs")
    router.run("systemctl", "enable", "--now", "nftables")
    assert "table inet theirs" not in router.ruleset() and "chain input" in router.ruleset()
    router.run("systemctl", "disable", "--now", "nftables")
    assert not router.ruleset()

    bare.describe()
    bare.first_start()
    with Arrivals(bare) as arrivals:
        arrivals.wait()
    assert bare.active("mwan-health", "nftables") == ["active"] * 2
    assert "permissions" not in router.journal("networkd-dispatcher")
    assert bare.sysctls("net.ipv6.conf.all.forwarding", "net.ipv4.conf.enwebpass0.rp_filter") == ["1", "2"]

    # Removed: what is in the kernel stays there, and so do the flows. DHCPv6's addresses are the last to come.
    wait_until(lambda: all(one.address6 in router.ruleset() for one in bare.wans), "all addresses are known")
    flows = flows_on_both_wans(bare)
    with Load(flows) as load:
        ruleset = router.ruleset()
        router.run("apt-get", "remove", "--yes", "mwan")
        assert router.ruleset() == ruleset
        assert bare.active("mwan-health", "wpa-authenticated.path") == ["inactive"] * 2
        assert "mwan" not in router.run("systemctl", "cat", "nftables").out
        router.run("networkctl", "reconfigure", "enwebpass0")
    assert not load.lost and not load.moved
    close_all(flows)

    # Nor does its nftables.service, at a shutdown or for somebody's own ruleset, leave it forwarding without one.
    router.run("systemctl", "stop", "nftables")
    assert router.ruleset() == ruleset
    router.run("systemctl", "start", "nftables")
    assert bare.sysctls("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding") == ["0", "0"]

    for folder in ("/etc/mwan/ddns", "/var/cache/private/mwan-ddns/home4"):
        router.run("mkdir", "-p", folder)
        router.write(f"{folder}/home4.conf", "")
    router.run("apt-get", "purge", "--yes", "mwan")
    assert sorted(path for path in bare.files() - files if not path.startswith(OTHERS)) == []
    assert not [path for path in router.run("find", "/var", "/run", "/etc", "-xdev", "-name", "*mwan*").out.splitlines()
                if path not in files and not path.startswith("/etc/systemd/network/")]

    bare.boot_as_any_other_machine()
    bare.install()
    assert bare.active("mwan-health") == ["inactive"]
    bare.describe()
    bare.first_start()
    with Arrivals(bare) as arrivals:
        arrivals.wait()


def newer(lab, number, change=None):
    """The package with a higher version, after change(its folder); returns its place in the router."""
    folder = lab.router.path("/root") / f"newer{number}"
    subprocess.run(["dpkg-deb", "-R", package(), folder], check=True)
    control = folder / "DEBIAN" / "control"
    control.write_text(re.sub(r"^(Version: .*)$", rf"\1.{number}", control.read_text(), flags=re.M))
    if change:
        change(folder)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", folder, f"{folder}.deb"],
                   check=True, capture_output=True)
    return f"/root/newer{number}.deb"


KEPT = ("wpa_supplicant-mwan", "wpa-cli-action", "systemd-networkd", "networkd-dispatcher")
RUNNING = ("nftables", "mwan-health", "wpa-authenticated.path", "wpa-action-sync.timer", *KEPT)
SUPPLICANT = """\
ctrl_interface=/run/wpa_supplicant
ap_scan=0
network={
	key_mgmt=IEEE8021X
	eap=MD5
	identity="nobody"
	password="nothing"
}
"""


def test_upgrades_under_traffic(make_appliance):
    lab = make_appliance()
    lab.router.write("/etc/wpa_supplicant/mwan.conf", SUPPLICANT, 0o600)
    lab.up()
    router, base = lab.router, "/etc/mwan/nftables.conf"

    def all_active():
        return all(router.unit(unit)["ActiveState"] == "active" for unit in RUNNING)

    # wpa-cli-action begins anew when it was too early for wpa_supplicant.
    wait_until(all_active, "all are active")
    edited = router.read(base).replace("define MANAGEMENT", "# This site's.\ndefine MANAGEMENT")
    router.write(base, edited)
    router.write("/etc/default/mwan", "# As ever.\nDOT1X_INTERFACE=enatt0\n")
    router.run("nft", "add", "chain", "inet", "filter", "witness")
    pids = [router.main_pid(unit) for unit in KEPT]
    daemon = router.main_pid("mwan-health")
    text = router.read("/etc/mwan/mwan.conf")

    def upgrade(file, *options):
        flows = flows_on_both_wans(lab)
        with Load(flows) as load:
            router.run("apt-get", "install", "--yes", *options, file)
        assert not load.lost and not load.moved
        close_all(flows)
        wait_until(all_active, "all are active")
        assert not router.failed()
        assert [router.main_pid(unit) for unit in KEPT] == pids and router.main_pid("mwan-health") != daemon
        assert router.read("/etc/mwan/mwan.conf") == text and "As ever." in router.read("/etc/default/mwan")
        router.run("update-routes", "--check")
        router.run("update-npt", "--check")

    # A base ruleset that is as it was is not loaded again.
    upgrade(newer(lab, 1))
    assert router.read(base) == edited and "chain witness" in router.ruleset()

    # Another one is, with the runtime rules.
    def other_base(folder):
        file = folder / base[1:]
        file.write_text(file.read_text().replace("chain guard {", "chain other {\n\t}\n\n\tchain guard {", 1))
    upgrade(newer(lab, 2, other_base), "-o", "Dpkg::Options::=--force-confnew")
    assert "chain other" in router.ruleset() and "chain witness" not in router.ruleset()
    with UdpFlow(lab.client, SERVERS4[0]) as flow:
        assert flow.ask()
