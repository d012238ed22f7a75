// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses and prefixes of both families as plain values.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* family is AF_INET, AF_INET6, or AF_UNSPEC (0): no address. Unused bytes are zero. */
struct addr {
	int family;
	union {
		struct in_addr in;
		struct in6_addr in6;
		uint8_t bytes[16];
	};
};

/* Bits beyond len may be set: an interface address keeps them (see prefix_network). */
struct prefix {
	struct addr addr;
	unsigned len; /* bits: 0 to 32 or 128 */
};

#define ADDR_TEXT 46   /* room for any address as text, with its NUL */
#define PREFIX_TEXT 50 /* and for any prefix */

struct addr_text {
	char s[ADDR_TEXT];
};

struct prefix_text {
	char s[PREFIX_TEXT];
};

/* An address of the family (AF_UNSPEC: of either). 0, or -EINVAL with *ret untouched. */
int addr_parse(const char *text, int family, struct addr *ret);
/* ADDRESS/LENGTH; bits beyond the length are kept as written. 0, or -EINVAL as above. */
int prefix_parse(const char *text, int family, struct prefix *ret);

/*
 * The value as text, RFC 5952 for IPv6, "" for AF_UNSPEC; use as addr_str(a).s
 * within one expression.
 */
struct addr_text addr_str(struct addr addr);
struct prefix_text prefix_str(struct prefix prefix);
/* The same, but a single address without its length. */
struct prefix_text prefix_brief_str(struct prefix prefix);

/* 4 or 16: bytes of an address of the family; 32 or 128 bits. */
unsigned addr_size(int family);
unsigned addr_bits(int family);

/* Below, at or above 0, as strcmp(): by family, then bytes, then length. */
int addr_cmp(struct addr a, struct addr b);
int prefix_cmp(struct prefix a, struct prefix b);
bool addr_is_linklocal(struct addr addr); /* 169.254/16, fe80::/10 */
/* RFC 1918's, 100.64/10 (a provider's own NAT), fc00::/7, and link-local ones. */
bool addr_is_private(struct addr addr);
/* True when an interface can have it: not 0/8, ::, loopback, multicast or reserved. */
bool addr_is_host(struct addr addr);

/* addr as a prefix of its full length. */
struct prefix prefix_host(struct addr addr);
/* The prefix with all bits beyond its length cleared. */
struct prefix prefix_network(struct prefix prefix);
/* True when no bit beyond the length is set. */
bool prefix_is_network(struct prefix prefix);
/* True when addr is of the same family and inside. */
bool prefix_contains(struct prefix prefix, struct addr addr);
/* True when the two share an address. */
bool prefix_overlaps(struct prefix a, struct prefix b);
/* The network address plus n; n = 1 gives the edge address, ::1. */
struct addr prefix_nth(struct prefix prefix, uint32_t n);
/* The n-th block of that length, from 0 on, of a prefix that is no longer and has so many. */
struct prefix prefix_block(struct prefix prefix, unsigned len, uint32_t n);
/* The address of that prefix that has the same place in it as addr in its own, of that length. */
struct addr prefix_translate(struct addr addr, struct prefix to);
/* True when addr is inside and, for IPv4, neither the network's nor the broadcast address. */
bool prefix_has_host(struct prefix prefix, struct addr addr);
/* The last address inside; for IPv4, the broadcast address. */
struct addr prefix_last(struct prefix prefix);
