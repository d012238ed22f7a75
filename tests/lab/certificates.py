# SPDX-License-Identifier: GPL-2.0-or-later
"""
Certificates for 802.1X, of this run's own: an authority, and what server and client have from it.

    usual()                                     {"ca.pem": text, "client.pem": …, "private.pem": …, …}, made once
    Authority("Other").ca                       another one's certificate
    usual_authority().client(days=-2)           (certificate, key), expired two days ago
    usual_authority().client(begins=3)          … valid in three days
    usual_authority().client(digest="sha1")     … signed with SHA-1
"""

import functools
import subprocess
import tempfile
import time
from pathlib import Path

IDENTITY = "00:11:22:33:44:55"
EXTENSIONS = "basicConstraints=critical,CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage={}\n"
SETTINGS = """\
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
[any]
commonName = supplied
"""
DAY = 86400


class Authority:
    """One that signs, for as long as this object lives."""

    def __init__(self, name):
        self.folder = tempfile.TemporaryDirectory()
        self._write("index.txt", "")
        self._write("settings", SETTINGS)
        self._openssl("req", "-x509", "-days", "4000", "-subj", f"/CN={name}", "-keyout", "key.pem", "-out", "ca.pem",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", *self._new_key())
        self.ca = self._read("ca.pem")

    @staticmethod
    def _new_key():
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder.name, check=True, capture_output=True)

    def _write(self, name, text):
        Path(self.folder.name, name).write_text(text, encoding="ascii")

    def _read(self, name):
        return Path(self.folder.name, name).read_text(encoding="ascii")

    def issue(self, subject, usage, begins=-400, days=400, digest="sha256"):
        """(certificate, key): valid from `begins` days from now until `days` days from now."""
        def date(offset):
            return time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + offset * DAY + 60))

        self._write("extensions", EXTENSIONS.format(usage))
        self._openssl("req", "-subj", f"/CN={subject}", "-keyout", "new-key.pem", "-out", "request.pem",
                      *self._new_key())
        self._openssl("ca", "-batch", "-notext", "-config", "settings", "-cert", "ca.pem", "-keyfile", "key.pem",
                      "-in", "request.pem", "-out", "new.pem", "-md", digest, "-extfile", "extensions",
                      "-startdate", date(begins), "-enddate", date(days))
        return self._read("new.pem"), self._read("new-key.pem")

    def client(self, **changes):
        return self.issue(IDENTITY, "clientAuth", **changes)


@functools.cache
def usual_authority():
    return Authority("Provider")


@functools.cache
def usual():
    """The files of wpa_supplicant and hostapd."""
    authority = usual_authority()
    server, server_key = authority.issue("aut.example.net", "serverAuth")
    client, private = authority.client()
    return {"ca.pem": authority.ca, "server.pem": server, "server-key.pem": server_key, "client.pem": client,
            "private.pem": private}
