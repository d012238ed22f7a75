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

import functools
import os
import subprocess
import tempfile
import threading

from traffic import wait_until

IDENTITY = "00:11:22:33:44:55"
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


@functools.cache
def certificates():
    """{"ca.pem": text, …}: an authority, and what server and client have from it. Made once."""
    with tempfile.TemporaryDirectory() as folder:
        def openssl(*args):
            subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-x509"]
        openssl("req", *key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=Provider",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        for name, subject, usage in (("server", "/CN=aut.example.net", "serverAuth"),
                                     ("client", f"/CN={IDENTITY}", "clientAuth")):
            private = "private" if name == "client" else "server-key"
            openssl("req", *key, "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-keyout", f"{private}.pem",
                    "-out", f"{name}.pem", "-subj", subject, "-addext", "basicConstraints=critical,CA:FALSE",
                    "-addext", f"extendedKeyUsage={usage}", "-addext", "keyUsage=digitalSignature")
        found = {}
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", encoding="ascii") as file:
                found[name] = file.read()
        return found


def equip(router):
    """Gives a container what its wpa_supplicant needs."""
    router.write("/etc/wpa_supplicant/mwan.conf", SUPPLICANT, 0o600)
    for name in ("ca.pem", "client.pem", "private.pem"):
        router.write(f"/etc/wpa_supplicant/{name}", certificates()[name], 0o600)


class Authenticator:
    """hostapd of a provider; its gate is open while the port is authorised, and closed from the first moment."""

    def __init__(self, isp):
        self.isp = isp
        self.welcome = True
        self.authorised = False
        self.lines = []
        self.process = None
        self._listener = None

    def start(self):
        """Returns when it listens."""
        tree = self.isp.tree
        for name in ("ca.pem", "server.pem", "server-key.pem"):
            tree.write(f"/etc/hostapd/{name}", certificates()[name], 0o600)
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
""")
        self.lines = []
        self.process = self.isp.door.popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *tree.chroot("hostapd", "/etc/hostapd/hostapd.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._listener = threading.Thread(target=self._listen, args=[self.process.stdout], daemon=True)
        self._listener.start()
        wait_until(self._ready, 10, f"hostapd listens: {self.said()}")
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
