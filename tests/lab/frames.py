# SPDX-License-Identifier: GPL-2.0-or-later
"""
Frames that somebody has made up: any hardware address, any source, as a machine sends them that obeys nobody.

    with Forger(lab.opnsense, "wan0") as forger:
        forger.send(STRANGE, ROUTER, frames.advertise(STRANGE, OPNSENSE_LL))
"""

import ipaddress
import socket
import struct

from icmp import checksum

ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 3, 0x0800, 0x0806, 0x86DD
ALL_NODES, EVERYBODY = "33:33:00:00:00:01", "ff:ff:ff:ff:ff:ff"
ROUTER_FLAG, SOLICITED, OVERRIDE = 0x80, 0x40, 0x20


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def _packed(address):
    return ipaddress.ip_address(address).packed


def ip(source, target, protocol, body, hops=64, options=b""):
    """An IP packet of either family. `options`: of IPv4, a multiple of 4 bytes."""
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + _packed(source) + _packed(target) + body
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(body), 1, 0, hops, protocol, 0,
                       _packed(source), _packed(target)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _pseudo(source, target, protocol, body):
    if ":" in source:
        return _packed(source) + _packed(target) + struct.pack("!II", len(body), protocol)
    return _packed(source) + _packed(target) + struct.pack("!HH", protocol, len(body))


def udp(source, target, sport, dport, data=b"", options=b"", headers=(socket.IPPROTO_UDP, b"")):
    """A UDP datagram, with its IP header. headers: of IPv6, the number of the first one, and all of them."""
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    total = checksum(_pseudo(source, target, socket.IPPROTO_UDP, head + data) + head + data) or 0xFFFF
    return ip(source, target, headers[0], headers[1] + head[:6] + struct.pack("!H", total) + data, options=options)


def icmp6(source, target, kind, rest, hops=255):
    """An ICMPv6 message: `rest` is what comes after its checksum."""
    body = bytes([kind, 0, 0, 0]) + rest
    total = checksum(_pseudo(source, target, socket.IPPROTO_ICMPV6, body) + body)
    return ip(source, target, socket.IPPROTO_ICMPV6, body[:2] + struct.pack("!H", total) + body[4:], hops)


def icmp4(source, target, kind, code, rest):
    body = bytes([kind, code, 0, 0]) + rest
    return ip(source, target, socket.IPPROTO_ICMP, body[:2] + struct.pack("!H", checksum(body)) + body[4:])


def advertise(mac, address, target="ff02::1", flags=OVERRIDE | ROUTER_FLAG):
    """NA: `mac` has that address."""
    rest = struct.pack("!I", flags << 24) + _packed(address) + b"\2\1" + mac_bytes(mac)
    return icmp6(address if address.startswith("fe80") else "fe80::bad", target, 136, rest)


def solicit(mac, source, target):
    """NS from a link-local address, unicast: who has `target`? The asker says that `mac` is its own."""
    return icmp6(source, target, 135, bytes(4) + _packed(target) + b"\1\1" + mac_bytes(mac))


def arp(mac, address, target, operation=2, to=EVERYBODY):
    """An ARP reply: `mac` has that address."""
    return struct.pack("!HHBBH6s4s6s4s", 1, ETH_P_IP, 6, 4, operation, mac_bytes(mac), _packed(address), mac_bytes(to),
                       _packed(target))


def _kind(packet):
    return {4: ETH_P_IP, 6: ETH_P_IPV6, 0: ETH_P_ARP}[packet[0] >> 4]


class Forger:
    """A packet socket on a link."""

    def __init__(self, namespace, interface):
        self.sock = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.bind((interface, 0))

    def send(self, source, target, packet):
        """In a frame from and to these hardware addresses."""
        self.sock.send(mac_bytes(target) + mac_bytes(source) + struct.pack("!H", _kind(packet)) + packet)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
