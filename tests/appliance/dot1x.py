# SPDX-License-Identifier: GPL-2.0-or-later
"""
AT&T's authenticator: hostapd on the port, with EAP-TLS against certificates of
this run's own. What is behind the port is reached while it is authorised.

    lab = make_appliance(dot1x=True)        the container has mwan.conf and certificates for wpa_supplicant
    isp = lab.isp("att")
    isp.authenticator.stop(), .start(), .restart()
    isp.authenticator.welcome = False; .restart()       EAP failure for whoever asks
    isp.authenticator.forget()              as at a re-authentication that fails: the port is closed
    isp.authenticator.authorised            what the authenticator thinks
"""

import subprocess
import threading

from certificates import IDENTITY, usual
from traffic import wait_until

PORT = "enatt0"
SUPPLICANT = f"""\
ctrl_interface=/run/wpa_supplicant
eapol_version=2
ap_scan=0
fast_reauth=1

network={{
	key_mgmt=IEEE8021X
	eap=TLS
	eapol_flags=0
	identity="{IDENTITY}"
	ca_cert="/etc/wpa_supplicant/ca.pem"
	client_cert="/etc/wpa_supplicant/client.pem"
	private_key="/etc/wpa_supplicant/private.pem"
}}
"""


def equip(router):
    """Gives a container what its wpa_supplicant needs."""
    router.write("/etc/wpa_supplicant/mwan.conf", SUPPLICANT, 0o600)
    for name in ("ca.pem", "client.pem", "private.pem"):
        router.write(f"/etc/wpa_supplicant/{name}", usual()[name], 0o600)


class Authenticator:
    """hostapd of a provider; its gate is open while the port is authorised, and closed from the first moment."""

    def __init__(self, isp):
        self.isp = isp
        self.welcome = True
        self.settings = ""  # further lines of hostapd.conf
        self.files = usual()
        self.authorised = False
        self.lines = []
        self.process = None
        self._listener = None

    def start(self):
        """Returns when it listens."""
        tree = self.isp.tree
        for name in ("ca.pem", "server.pem", "server-key.pem"):
            tree.write(f"/etc/hostapd/{name}", self.files[name], 0o600)
        tree.write("/etc/hostapd/users", "* TLS\n" if self.welcome else '"nobody" TLS\n')
        tree.write("/etc/hostapd/hostapd.conf", """\
interface=parent
driver=wired
ctrl_interface=/run/hostapd
logger_stdout=-1
logger_stdout_level=1
ieee8021x=1
eap_reauth_period=0
use_pae_group_addr=1
eap_server=1
eap_user_file=/etc/hostapd/users
ca_cert=/etc/hostapd/ca.pem
server_cert=/etc/hostapd/server.pem
private_key=/etc/hostapd/server-key.pem
""" + self.settings)
        self.lines = []
        self.process = self.isp.door.popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *tree.chroot("hostapd", "/etc/hostapd/hostapd.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._listener = threading.Thread(target=self._listen, args=[self.process.stdout], daemon=True)
        self._listener.start()
        wait_until(self._ready, f"hostapd listens: {self.said()}")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"hostapd: exit {self.process.returncode}\n{self.said()}")
        return "AP-ENABLED" in self.said()

    def _listen(self, stdout):
        for line in stdout:
            self.lines.append(line.rstrip())
            if "unauthorizing port" in line or "AP-STA-DISCONNECTED" in line:
                self._set(False)
            elif "authorizing port" in line:
                self._set(True)

    def _set(self, authorised):
        self.authorised = authorised
        self.isp.gate(authorised)

    def said(self):
        """All that it has written since its start."""
        return "\n".join(self.lines)

    def forget(self):
        """The port is closed, and the station told so."""
        stations = self._cli("list_sta").split()
        for station in stations:
            self._cli("deauthenticate", station)

    def _cli(self, *args):
        return self.isp.door.command(self.isp.tree.chroot("hostapd_cli", "-p", "/run/hostapd", "-i", "parent", *args))

    def stop(self):
        """At once, as in a power cut: nobody is told, and nothing passes."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self._listener.join()
            self.process.stdout.close()
            self.process = None
        self._set(False)

    def restart(self):
        self.stop()
        return self.start()
