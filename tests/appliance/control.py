# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where a router is deployed from, and a Debian 13 that nothing has been deployed to yet.

    lab = Fresh()                           an Appliance whose router is such a machine, off
    control = Control(lab)                  a machine with ansible, in the management network alone
    lab.boot(); control.wait()
    done = control.run("ansible-playbook -i inventory playbooks/deploy-mwan.yml")
    control.ssh("update-routes --check")    the same as ssh by hand
    play = control.start(…); play.kill()    with all that it has started, at once
"""

import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import dot1x
from appliance import Appliance, package
from container import Container
from lab import REPO
from traffic import PATIENCE, SSH, connects, wait_until
from tree import ROOT, Tree, made, mirror

ADDRESS, OWN = "192.168.50.1", "192.168.50.10"
ROUTER = "mwan.example"  # in the example's inventory
CHECKOUT = "/root/mwan"  # on the control machine
SITE = f"{CHECKOUT}/conf/ansible"
PORT = 8000  # of the mirror
PLAY = 5 * PATIENCE  # a play does many things

# What a Debian 13 VM has that somebody has just installed, and what a mirror has for it.
BARE = ["systemd", "systemd-sysv", "dbus", "udev", "iproute2", "ifupdown", "openssh-server", "python3",
        "ca-certificates", "procps", "kmod"]
MORE = ["nftables", "networkd-dispatcher", "wpasupplicant", "conntrack", "logrotate", "python3-apt", "iputils-ping",
        "libnl-3-200", "libnl-route-3-200", "libinih1", "libjansson4", "libnftables1", "libcurl4t64", "libcares2"]
# What plays; tests/appliance/test_host.py boots it. debootstrap does not find the last one, which a virtual package asks for.
CONTROL = ["ansible-core", "openssh-client", "systemd", "systemd-sysv", "dbus", "udev", "iproute2", "procps", "python3-cffi-backend"]
# Of no use in a container, or slow there.
MASKED = ["systemd-logind", "console-getty", "systemd-firstboot", "systemd-journal-catalog-update",
          "systemd-update-done", "ldconfig", "systemd-hwdb-update", "apt-daily.timer", "apt-daily-upgrade.timer",
          "dpkg-db-backup.timer"]
VLAN = "11-enatt0.3242.netdev"
INTERFACES = f"""\
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
	address {ADDRESS}/24
iface eth0 inet6 static
	address fd00:50::1/64
"""
# What comes and goes without anybody having changed the machine.
PASSING = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/root/.ansible",
           "/var/lib/systemd/timesync", "/var/lib/systemd/random-seed"]


def trees():
    """The folders of a fresh machine, of a mirror, and of a control machine; made once, all at the same time."""
    with ThreadPoolExecutor() as pool:
        making = [pool.submit(made, "bare", *BARE), pool.submit(made, "control", *CONTROL),
                  pool.submit(mirror, "mirror", *BARE, *MORE)]
        bare, control, packages = (tree.result() for tree in making)
    return bare, packages, control


class Fresh(Appliance):
    """Debian 13 just installed, between the providers, with a management address and SSH."""

    def _make_router(self):
        router = Container([trees()[0]])
        router.write("/etc/machine-id", "6d77616e6d77616e6d77616e6d77616e\n")
        router.write("/etc/hostname", "mwan\n")
        for unit in MASKED:
            name = unit if "." in unit else f"{unit}.service"
            router.path(f"/etc/systemd/system/{name}").symlink_to("/dev/null")
        router.write("/etc/network/interfaces", INTERFACES)
        # In the lab, what is a VLAN elsewhere is a link of its own, and there before networkd.
        router.write(f"/usr/lib/systemd/network/{VLAN}.d/lab.conf", "[Match]\nVirtualization=!container\n")
        router.write("/etc/apt/sources.list", f"deb [trusted=yes] http://{OWN}:{PORT} ./\n")
        return router

    def configure(self, **config):
        """Who deploys writes mwan.conf."""

    def _begin(self):
        for isp in self.isps:
            # Nothing is renewed while a test looks whether anything changes.
            isp.lifetimes4 = {"valid-lifetime": 7200, "renew-timer": 3600, "rebind-timer": 5400}
            isp.lifetimes6 = {**isp.lifetimes4, "preferred-lifetime": 6000}
            if self.dot1x and isp.outer == dot1x.PORT:
                isp.guard()
            isp.start()

    def files(self):
        """All files that are there to stay, as lines; writing one with what it has is a difference as well."""
        pruned = [word for place in PASSING for word in ("-path", place, "-prune", "-o")]
        listed = self.router.run("find", "/", "-xdev", *pruned, "-not", "-type", "d",
                                 "-printf", "%p %y %m %U:%G %s %T@ %l\\n")
        return sorted(listed.out.splitlines())


class Play:
    """How a command on the control machine has ended: code, out (with what it has said on stderr)."""

    def __init__(self, line, code, out):
        self.line, self.code, self.out = line, code, out

    def __repr__(self):
        return f"{self.line}: exit {self.code}\n{self.out}"

    def recap(self):
        """{"ok": 12, "changed": 0, …} of the only host."""
        found = re.search(r"^\S+ +: (ok=.*)$", self.out, re.M)
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", found[1])} if found else {}


class Control:
    """A Debian 13 with ansible, the checkout and a key, whose only network is the management link."""

    def __init__(self, lab):
        _, packages, control = trees()
        self.lab, self.space = lab, lab.admin
        self.tree = Tree([control], devices=True)
        self.mirror = None
        try:
            self._equip()
            # The host's own program and files, in the control machine's network.
            self.mirror = self.space.popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "/usr/bin/python3", "-m", "http.server", "--bind", OWN,
                 "--directory", packages, str(PORT)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except BaseException:
            self.close()
            raise

    def _equip(self):
        shutil.copytree(f"{REPO}/conf", self.tree.path(f"{CHECKOUT}/conf"))
        built = self.tree.path(f"{CHECKOUT}/build-deb/trixie")
        built.mkdir(parents=True)
        shutil.copy(package(), built)
        self.tree.path("/root/.ssh").mkdir(mode=0o700, exist_ok=True)
        self.run("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519", folder="/")
        router = self.lab.router
        router.path("/root/.ssh").mkdir(mode=0o700, exist_ok=True)
        router.write("/root/.ssh/authorized_keys", self.read("/root/.ssh/id_ed25519.pub"), 0o600)
        host = router.read("/etc/ssh/ssh_host_ed25519_key.pub")
        self.write("/root/.ssh/known_hosts", "".join(f"{name} {host}" for name in (ROUTER, ADDRESS, "fd00:50::1")))
        self.write("/etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {ROUTER}\n")

    # Files

    def write(self, path, text, mode=0o644):
        self.tree.write(path, text, mode)

    def read(self, path):
        return self.tree.path(path).read_text()

    # Commands

    def start(self, line, folder=SITE):
        """
        Starts lines for a shell, which ends at the first that fails; returns the Popen. Killed, or when this process
        ends, all ends that it has started.
        """
        environment = {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                       "PYTHONUNBUFFERED": "1"}
        inside = self.tree.enter("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={ROOT}/proc",
                                 "chroot", ROOT, "sh", "-ec", f"cd {folder}\n{line}")
        return self.space.popen(["setpriv", "--pdeathsig", "KILL", "--", *inside], env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, line, folder=SITE, check=True, seconds=PLAY):
        """Runs lines in a shell; returns how it ended. With check, anything but exit 0 is an error."""
        process = self.start(line, folder)
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            raise TimeoutError(f"{line}: not within {seconds} s\n{out}") from None
        done = Play(line, process.returncode, out)
        if check and done.code != 0:
            raise RuntimeError(repr(done))
        return done

    def ssh(self, command, check=True):
        """Runs a command on the router, as an administrator does."""
        return self.run(f"ssh root@{ROUTER} {shlex.quote(command)}", check=check)

    def wait(self):
        """Until the router answers to SSH."""
        wait_until(lambda: connects(self.space, ADDRESS, SSH), "SSH")

    def close(self):
        if self.mirror:
            self.mirror.kill()
            self.mirror.wait()
            self.mirror = None
        self.tree.close()
