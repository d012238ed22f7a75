# SPDX-License-Identifier: GPL-2.0-or-later
"""
A server of names that follow addresses, in a namespace: what most of them understand (dyndns2), over HTTP.

    server = DynDns(lab.internet, "203.0.113.70")
    server.records          {("home.example.com", 4): (address, from where it was told)}
    server.refuses = True   whoever asks has the wrong password
"""

import base64
import http.server
import socket
import threading
import urllib.parse

USER, PASSWORD, PORT = "home", "secret", 80


class DynDns(http.server.ThreadingHTTPServer):
    """Serves until close()."""

    def __init__(self, namespace, address):
        super().__init__((address, PORT), _Handler, bind_and_activate=False)
        self.records, self.refuses = {}, False
        self.socket.close()
        self.socket = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, PORT))
        self.socket.listen()
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, path, authorization, client):
        """To a request: what the protocol says."""
        url = urllib.parse.urlparse(path)
        asked = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if url.path != "/nic/update" or authorization != known or self.refuses:
            return "badauth"
        key = asked["hostname"], 6 if ":" in asked["myip"] else 4
        before, _ = self.records.get(key, ("", ""))
        self.records[key] = asked["myip"], client
        return f"{'nochg' if before == asked['myip'] else 'good'} {asked['myip']}"

    def close(self):
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        body = self.server.answer(self.path, self.headers.get("Authorization"), self.client_address[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
