# SPDX-License-Identifier: GPL-2.0-or-later
"""
An appliance to which programs of Debian's are added that configure networks as well.

    site = Beside(make_appliance(…))
    site.install("ufw")                     as an administrator does, while flows go on
    site.carries(), site.refuses(4)         packets from inside, in new flows
    site.reboot()                           the same disk, in the order of a boot
    site.doctor.finds("nft", "WRONG", "…")  see tests/lab/doctor.py
"""

from doctor import Doctor
from lab import SERVERS4, SERVERS6
from traffic import Load, close_all, refused, udp_flows, wait_until
from tree import mirror

# One mirror for all. The logind that polkit wants is a virtual package, which debootstrap does not find.
PACKAGES = ["ufw", "firewalld", "libpam-systemd", "docker.io", "iptables", "network-manager", "ifupdown", "dhcpcd"]
MIRROR = "/mirror"  # in the router


class Beside:
    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.doctor = Doctor(lab.router)
        self.router.write("/etc/apt/sources.list", f"deb [trusted=yes] file:{MIRROR} ./\n")
        self.boot()
        self.router.run("apt-get", "update")

    def boot(self):
        self.lab.boot(f"--bind-ro={mirror('beside', *PACKAGES)}:{MIRROR}")
        self.lab.up()
        self.router.booted()

    def reboot(self):
        """Returns when systemd has started all, whatever became of the WANs."""
        self.lab.power_cut()
        self.lab.boot(f"--bind-ro={mirror('beside', *PACKAGES)}:{MIRROR}")
        self.router.booted()

    def install(self, *packages):
        """No flow loses anything. What a package starts may take what comes later."""
        flows = udp_flows(self.lab.client, 5, SERVERS4) + udp_flows(self.lab.client, 5, SERVERS6)
        assert all(flow.answer() for flow in flows)
        with Load(flows) as load:
            self.router.run("apt-get", "install", "--yes", "--no-install-recommends", *packages,
                            env={"DEBIAN_FRONTEND": "noninteractive"})
        assert not load.lost and not load.moved
        close_all(flows)

    def refuses(self, *families):
        """Nobody inside gets out by a new flow of these families, 4 or 6."""
        return all(refused(self.lab.client, {4: SERVERS4, 6: SERVERS6}[family][0]) for family in families)

    def carries(self):
        """Both families, over both WANs."""
        self.lab.carries()

    def well(self):
        """Everything works, and nothing is to be said of it."""
        try:
            wait_until(lambda: self.doctor.complaints() == [], "all is well")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.doctor.last}") from None
        self.carries()
        assert self.doctor.code == 0
        self.router.run("update-routes", "--check")
