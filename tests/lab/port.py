# SPDX-License-Identifier: GPL-2.0-or-later
"""
The 802.1X port of a lab's router: a link called enatt0, and a stand-in for
wpa_supplicant behind its control socket, for what the real one can't be made
to say. A systemctl that notes what it is told stands beside it.
"""

import contextlib
import socket
import threading

from certificates import usual
from traffic import wait_until

PORT, VLAN = "enatt0", "enatt0.3242"
FLAG = "/run/wpa_supplicant-mwan.authenticated"
SOCKET = f"/run/wpa_supplicant/{PORT}"
CERTIFICATES = ("ca.pem", "client.pem", "private.pem")
CONFIG = """\
ctrl_interface=/run/wpa_supplicant
network={
\tca_cert="/etc/wpa_supplicant/ca.pem"
\tclient_cert="/etc/wpa_supplicant/client.pem"
\tprivate_key="/etc/wpa_supplicant/private.pem"
}
"""
STOP, BRINGUP = "--no-block stop wpa-authenticated.service", "--no-block start bringup-att-vlan.service"


class Supplicant:
    """
    Answers at the control socket. `authorized` and `pae` are what STATUS says; `answer`, if set, is
    what everything is answered with, b"" is nothing at all. `commands` are those it was given, but for STATUS
    and ATTACH; `events` are what who has attached is told when it begins anew.
    """

    def __init__(self, router):
        self.authorized, self.pae = True, "AUTHENTICATED"
        self.answers_reauth = True  # whether the authenticator answers
        self.anew = (False, "HELD")  # what it comes to when it begins anew
        self.answer = None
        self.events = []
        self.listener = None
        self.commands = []
        self.session = 0
        self._sock = router.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        router.path("/run/wpa_supplicant").mkdir(exist_ok=True)
        self._path = router.path(SOCKET)
        self._path.unlink(missing_ok=True)
        self._sock.bind(str(self._path))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, authorized, pae=None):
        self.authorized, self.pae = authorized, pae or ("AUTHENTICATED" if authorized else "CONNECTING")
        return self

    def _status(self):
        port = "Authorized" if self.authorized else "Unauthorized"
        return (f"bssid=01:80:c2:00:00:03\nwpa_state={'COMPLETED' if self.authorized else 'ASSOCIATED'}\n"
                f"Supplicant PAE state={self.pae}\nsuppPortStatus={port}\nEAP state=SUCCESS\n"
                f"eap_session_id=0d{self.session:04x}\n").encode()

    def _serve(self):
        while True:
            command, sender = self._sock.recvfrom(4096)
            if not command:
                return
            if command == b"ATTACH":
                self.listener = sender
            elif command != b"STATUS":
                self.commands.append(command.decode())
            if command == b"REAUTHENTICATE" and self.answers_reauth:
                self.session += 1
            if command == b"REASSOCIATE":
                self.say(*self.anew)
                for event in self.events if self.listener else []:
                    self._sock.sendto(f"<3>{event}".encode(), self.listener)
            answer = self.answer if self.answer is not None else self._status() if command == b"STATUS" else b"OK\n"
            if answer:
                with contextlib.suppress(OSError):  # who asked may have ended
                    self._sock.sendto(answer, sender)

    def taken(self):
        """The commands since the last time."""
        commands, self.commands = self.commands, []
        return commands

    def close(self, socket_stays=False):
        """It ends; as when it is killed, the socket may stay."""
        if self._sock.fileno() < 0:
            return
        self._sock.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._sock.close()
        if not socket_stays:
            self._path.unlink()


class Port:
    """The port, its certificates, and what was done about it."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.router
        self.router.ip(f"link add {PORT} type veth peer name enatt0peer\n")
        self.carrier(True)
        self.router.write("/etc/wpa_supplicant/mwan.conf", CONFIG)
        for name in CERTIFICATES:
            self.router.write(f"/etc/wpa_supplicant/{name}", usual()[name])
        self.router.write("/run/bin/systemctl", '#!/bin/sh\necho "$@" >>/run/systemctl\n', 0o755)
        self.router.environment["PATH"] = "/run/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.supplicant = Supplicant(self.router)

    def close(self):
        self.supplicant.close()

    def carrier(self, up):
        self.router.ip(f"link set enatt0peer {'up' if up else 'down'}\nlink set {PORT} up\n")
        wait_until(lambda: ("NO-CARRIER" not in self.router.command(["ip", "link", "show", PORT])) == up, "carrier")

    def act(self, *args, **kwargs):
        return self.router.run("wpa-action", *args, **kwargs)

    def sync(self, **kwargs):
        return self.act("--sync", PORT, **kwargs)

    def up(self):
        """The port is authenticated, and that has been told."""
        self.act(PORT, "CONNECTED")
        self.told()
        return self

    @property
    def flag(self):
        return self.router.path(FLAG).exists()

    def told(self):
        """What systemctl was told since the last time."""
        path = self.router.path("/run/systemctl")
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines
