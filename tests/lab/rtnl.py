# SPDX-License-Identifier: GPL-2.0-or-later
"""
The little of netlink that `ip` cannot do here: addresses with their owner
(IFA_PROTO, unknown to Debian 12's ip), connection tracking, and listening for
changes.
"""

import ipaddress
import os
import socket
import struct
import threading
import time
from collections import Counter

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE, RTM_DELRULE = 24, 25, 32, 33
IFA_ADDRESS, IFA_LOCAL, IFA_PROTO, FRA_PROTOCOL = 1, 2, 11, 21
RTA_OIF, RTA_TABLE = 4, 15
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_CREATE, NLM_F_EXCL = 1, 4, 0x300, 0x400, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
NETLINK_NETFILTER, NFNLGRP_NFTABLES = 12, 7
NEWGEN = 10 << 8 | 15  # of NFNL_SUBSYS_NFTABLES: the end of a transaction
CT_GET, CT_DELETE, CTA_MARK = 0x101, 0x102, 8

# RTNLGRP_*: link, addresses, routes and rules of both families, nexthops. Not
# neighbours: they come and go with traffic.
GROUPS = {"link": 1, "address4": 5, "route4": 7, "rule4": 8, "address6": 9, "route6": 11, "rule6": 19, "nexthop": 32}


def messages(data):
    """Splits a datagram of netlink messages into (type, payload)."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[16:length]
        data = data[(length + 3) & ~3:]


def attributes(data):
    """{type: payload} of a message's attributes."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def _attribute(kind, payload):
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + b"\0" * (-size % 4)


def _request(namespace, kind, flags, payload, protocol=socket.NETLINK_ROUTE):
    """Sends one request; returns the (type, payload) of all that is answered."""
    answers = []
    with namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(payload), kind, NLM_F_REQUEST | flags, 1, 0) + payload)
        while True:
            for answer, body in messages(sock.recv(1 << 20)):
                if answer == NLMSG_ERROR:
                    error = -struct.unpack_from("=i", body)[0]
                    if error:
                        raise OSError(error, os.strerror(error))
                    return answers
                if answer == NLMSG_DONE:
                    return answers
                answers.append((answer, body))


def addresses(namespace):
    """All addresses, sorted: (interface, "address/length", owner), the owner a number (77: mwan's)."""
    with namespace.entered():
        names = dict(socket.if_nameindex())
    found = []
    for _, body in _request(namespace, RTM_GETADDR, NLM_F_DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
        _, length, _, _, index = struct.unpack_from("=BBBBI", body)
        attrs = attributes(body[8:])
        address = ipaddress.ip_address(attrs.get(IFA_LOCAL, attrs.get(IFA_ADDRESS)))
        owner = attrs.get(IFA_PROTO, b"\0")[0]
        found.append((names.get(index, str(index)), f"{address}/{length}", owner))
    return sorted(found)


def change_address(namespace, kind, interface, address, owner=0):
    """Adds (RTM_NEWADDR) or removes (RTM_DELADDR) "address/length", with an owner."""
    addr = ipaddress.ip_interface(address)
    with namespace.entered():
        index = socket.if_nametoindex(interface)
    family = socket.AF_INET if addr.version == 4 else socket.AF_INET6
    body = struct.pack("=BBBBI", family, addr.network.prefixlen, 0, 0, index)
    body += _attribute(IFA_LOCAL, addr.ip.packed) + _attribute(IFA_ADDRESS, addr.ip.packed)
    if owner:
        body += _attribute(IFA_PROTO, bytes([owner]))
    flags = NLM_F_CREATE | NLM_F_EXCL if kind == RTM_NEWADDR else 0
    _request(namespace, kind, NLM_F_ACK | flags, body)


def foreign_default(namespace, kind, interface, family=4, table=4242):
    """Adds (RTM_NEWROUTE) or removes (RTM_DELROUTE) a default route that is not mwan's, in a table of its own."""
    with namespace.entered():
        index = socket.if_nametoindex(interface)
    body = struct.pack("=8BI", socket.AF_INET if family == 4 else socket.AF_INET6, 0, 0, 0, 0, 4, 0, 1, 0)
    body += _attribute(RTA_TABLE, struct.pack("=I", table)) + _attribute(RTA_OIF, struct.pack("=I", index))
    flags = NLM_F_CREATE | NLM_F_EXCL if kind == RTM_NEWROUTE else 0
    _request(namespace, kind, NLM_F_ACK | flags, body)


class Storm(threading.Thread):
    """Foreign default routes come and go, about every two milliseconds, inside the `with`."""

    def __init__(self, namespace, interface):
        super().__init__(daemon=True)
        self.namespace, self.interface, self.events = namespace, interface, 0
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.001):
            for kind in (RTM_NEWROUTE, RTM_DELROUTE):
                foreign_default(self.namespace, kind, self.interface)
                self.events += 1

    def wait(self, more):
        """Until so many more events have happened."""
        until = self.events + more
        while self.events < until:
            time.sleep(0.005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()


def forget_flows(namespace):
    """Empties the connection tracking table, as `conntrack -F` does."""
    _request(namespace, CT_DELETE, NLM_F_ACK, struct.pack("=BBH", 0, 0, 0), NETLINK_NETFILTER)


def tracks(namespace, *prefixes):
    """How many tracked flows have, for each of these prefixes, an address that begins with its whole bytes."""
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    starts = [network.network_address.packed[:network.prefixlen // 8] for network in networks]
    return sum(all(start in body for start in starts) for body in _flows(namespace, networks[0].version))


def marked(namespace, family, mark):
    """How many tracked flows of family 4 or 6 have the mark."""
    marks = [attributes(body[4:]).get(CTA_MARK) for body in _flows(namespace, family)]
    return marks.count(struct.pack("!I", mark))


def _flows(namespace, family):
    """The tracked flows of family 4 or 6, each as the message about it."""
    number = socket.AF_INET if family == 4 else socket.AF_INET6
    found = _request(namespace, CT_GET, NLM_F_DUMP, struct.pack("=BBH", number, 0, 0), NETLINK_NETFILTER)
    return [body for _, body in found]


def owner_of(kind, body):
    """The protocol number in an event about an address, a route or a rule; None of anything else."""
    if kind in (RTM_NEWADDR, RTM_DELADDR):
        return attributes(body[8:]).get(IFA_PROTO, b"\0")[0]
    if kind in (RTM_NEWROUTE, RTM_DELROUTE):
        return body[5]
    if kind in (RTM_NEWRULE, RTM_DELRULE):
        return attributes(body[12:]).get(FRA_PROTOCOL, b"\0")[0]
    return None


class Monitor:
    """
    What `ip monitor` and `nft monitor` would print, as the kernel says it: it
    queues an event before the change is acknowledged, so that after a program
    has ended, everything it did is here.
    """

    def __init__(self, namespace):
        self.route = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE, 1 << 22)
        self.nftables = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER, 1 << 22)
        for sock in (self.route, self.nftables):
            sock.bind((0, 0))  # without a port of its own, a socket passes for the kernel's and gets nothing
        for group in GROUPS.values():
            self.route.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self.nftables.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.route.close()
        self.nftables.close()

    def events(self, owner=None):
        """
        The events since the last call, counted: {"route 24": 3} is RTM_NEWROUTE three times; empty is silence.
        With an owner, of addresses, routes and rules only those with this protocol, and of others those of nftables.
        """
        found = Counter(f"route {kind}" for kind, body in self.routing()
                        if owner is None or owner_of(kind, body) == owner)
        found.update(f"nftables {kind}" for kind, _ in self._drain(self.nftables))
        return dict(found)

    def routing(self):
        """The (type, payload) of each event since the last call but those of nftables."""
        return self._drain(self.route)

    @staticmethod
    def _drain(sock):
        while True:
            try:
                data = sock.recv(1 << 20, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            yield from messages(data)
