# SPDX-License-Identifier: GPL-2.0-or-later
"""
Network namespaces without names, files or helper processes.

A Namespace is an open file descriptor, and lives as long as something holds
it: this process, a socket made in it, or a program running in it. When the
process ends, by whatever means, the kernel takes it all down; nothing can be
left behind, and two labs at once cannot meet.

A thread can step into a namespace for a moment; a socket made there stays
there, so traffic needs no helper processes either.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33

_libc = ctypes.CDLL(None, use_errno=True)
_host = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
_thread = threading.local()


def _call(what, result):
    """The result of a C call that says -1 and errno on failure."""
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def unshare(flags):
    """New namespaces for the calling thread."""
    _call("unshare", _libc.unshare(flags))


def mount(source, target, kind=None, flags=0, options=None):
    """mount(2), in the calling thread's mount namespace."""
    encoded = [None if s is None else os.fsencode(s) for s in (source, target, kind)]
    _call(f"mount {target}", _libc.mount(*encoded, ctypes.c_ulong(flags), options))


def in_thread(function, *args):
    """Runs function in a thread of its own, which may change namespace; returns its result."""
    outcome = {}

    def body():
        try:
            outcome["result"] = function(*args)
        except BaseException as error:  # passed on to the caller, whatever it is
            outcome["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


class Namespace:
    """A network namespace with a name for messages."""

    def __init__(self, name):
        self.name = name
        self.fd = in_thread(self._new)

    @staticmethod
    def _new():
        unshare(CLONE_NEWNET)
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    @property
    def path(self):
        """A path for `ip link … netns PATH` and `nsenter --net=PATH`, valid while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in the namespace inside the `with`."""
        before = getattr(_thread, "fd", _host)
        _call(f"setns {self.name}", _libc.setns(self.fd, CLONE_NEWNET))
        _thread.fd = self.fd
        try:
            yield self
        finally:
            _call("setns back", _libc.setns(before, CLONE_NEWNET))
            _thread.fd = before

    def socket(self, family, kind, protocol=0, receive_buffer=0):
        """A socket in this namespace. A receive buffer may exceed the system's limit."""
        with self.entered():
            sock = socket.socket(family, kind, protocol)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
        return sock

    def popen(self, args, **kwargs):
        """Starts a program in this namespace."""
        with self.entered():
            return subprocess.Popen(args, **kwargs)

    def command(self, args, text=None):
        """Runs a program that must succeed, with `text` on its stdin; returns its stdout."""
        with self.entered():
            done = subprocess.run(args, input=text, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(args)}: {done.stderr.strip()}\n{text or ''}")
        return done.stdout

    def ip(self, lines, family=None):
        """Runs `ip -batch` with the lines given as one text; family 4 or 6 where the lines don't tell."""
        options = [f"-{family}"] if family else []
        return self.command(["ip", *options, "-batch", "-"], lines)

    def nft(self, text):
        """Loads a ruleset: all of it or nothing."""
        return self.command(["nft", "-f", "-"], text)

    def sysctl(self, key, value):
        """Sets one key, written with slashes: net/ipv4/ip_forward."""
        with self.entered(), open(f"/proc/sys/{key}", "w", encoding="ascii") as file:
            file.write(str(value))

    def sysctls(self, settings):
        """Sets many keys: {key with slashes: value}."""
        with self.entered():
            for key, value in settings.items():
                with open(f"/proc/sys/{key}", "w", encoding="ascii") as file:
                    file.write(str(value))
