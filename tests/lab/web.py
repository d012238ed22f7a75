# SPDX-License-Identifier: GPL-2.0-or-later
"""
Web servers on every address of the internet. The path says how a request is
answered: /200 or any other status, or

    /hang    not at all
    /reset   by closing the connection at once
    /slow    byte by byte, for longer than anybody waits
    /away    by sending the client to an address where nobody answers

HTTP is on port 80. TLS is on 443 with a certificate for ADDRESS4 and ADDRESS6
that trust() makes a router accept, and on 8443 with one that nobody vouches
for. On port 81, connections are accepted and nothing more.
"""

import http.server
import os
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading

from topology import SPREAD4, SPREAD6

ADDRESS4, ADDRESS6 = f"{SPREAD4}80", f"{SPREAD6}80"
OTHER4, OTHER6 = f"{SPREAD4}81", f"{SPREAD6}81"  # no certificate is for these
NOBODY4, NOBODY6 = "192.0.2.1", "2001:db8:bad::1"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def url(path, family=4, scheme="http", port=None, other=False):
    """Where a path is to be had in a family; `other`: at an address that no certificate is for."""
    address = {(4, False): ADDRESS4, (6, False): f"[{ADDRESS6}]", (4, True): OTHER4, (6, True): f"[{OTHER6}]"}
    return f"{scheme}://{address[family, other]}{f':{port}' if port else ''}{path}"


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def do_GET(self):
        special = {"/hang": self._hang, "/reset": self._reset, "/slow": self._slow, "/away": self._away}
        self.server.requests.append((self.path, self.client_address[0].removeprefix("::ffff:")))
        self.close_connection = True
        try:
            special.get(self.path, self._status)()
        except OSError:
            pass  # the client has left

    do_HEAD = do_GET

    def _status(self):
        status = self.server.status or int(self.path[1:])
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/500")
        self.end_headers()

    def _hang(self):
        self.connection.recv(1)  # until the client leaves

    def _reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _slow(self):
        for byte in b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 1000:
            self.connection.send(bytes([byte]))
            if self.server.closing.wait(0.03):
                return

    def _away(self):
        self.send_response(302)
        self.send_header("Location", f"http://{NOBODY4}/200")
        self.end_headers()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Of both families; a socket made in the namespace takes the place of the server's own."""

    daemon_threads = True
    block_on_close = False
    address_family = socket.AF_INET6

    def __init__(self, namespace, port, certificate=None, answers=True):
        super().__init__(("", port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = namespace.socket(socket.AF_INET6, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(("::", port))
        self.socket.listen(256)
        self.status = None
        self.requests = []
        self.closing = threading.Event()
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        if answers:
            threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        else:
            self.shutdown = lambda: None  # the kernel accepts; nobody takes the connections

    def finish_request(self, request, client_address):
        """In the connection's own thread: a handshake may take its time."""
        if self._context:
            request.settimeout(5)
            try:
                request = self._context.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)

    def close(self):
        self.closing.set()
        self.shutdown()
        self.server_close()


def _certificate(folder, name):
    """A file with a new key and its certificate for ADDRESS4 and ADDRESS6, signed by itself."""
    path = os.path.join(folder, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{ADDRESS4},IP:{ADDRESS6}",
                    "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    with open(path, "a", encoding="ascii") as file, open(f"{path}.crt", encoding="ascii") as certificate:
        file.write(certificate.read())
    return path


class Web:
    """The servers, for `with`."""

    def __init__(self, namespace):
        self._folder = tempfile.mkdtemp()
        self._trusted = _certificate(self._folder, "trusted")
        self._plain = _Server(namespace, 80)
        self._servers = [self._plain, _Server(namespace, 81, answers=False),
                         _Server(namespace, 443, self._trusted),
                         _Server(namespace, 8443, _certificate(self._folder, "unknown"))]

    def trust(self, router):
        """The router accepts the certificate of port 443, and no other."""
        if router.path("/etc/ssl").is_symlink():  # to the host's
            router.path("/etc/ssl").unlink()
        with open(f"{self._trusted}.crt", encoding="ascii") as file:
            router.write(BUNDLE, file.read())

    def answer(self, status):
        """Port 80 answers whatever is asked with this status; None: with that of the path again."""
        self._plain.status = status

    def requests(self):
        """[(path, client)] of what has been asked on port 80."""
        return list(self._plain.requests)

    def close(self):
        for server in self._servers:
            server.close()
        shutil.rmtree(self._folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
