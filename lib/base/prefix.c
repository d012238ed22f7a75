// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and prefixes of both families.
// An address is 16 bytes in network order, so that both families share the arithmetic.

#include "base/prefix.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int addr_parse(const char *text, int family, struct addr *ret)
{
	struct addr addr = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (family != AF_UNSPEC && family != addr.family)
		return -EINVAL;
	if (inet_pton(addr.family, text, addr.bytes) != 1)
		return -EINVAL;
	*ret = addr;
	return 0;
}

int prefix_parse(const char *text, int family, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	struct prefix prefix = {};
	char addr[ADDR_TEXT] = {};

	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, (size_t)(slash - text));
	if (addr_parse(addr, family, &prefix.addr) < 0 ||
	    parse_count(slash + 1, 0, addr_bits(prefix.addr.family), &prefix.len) < 0)
		return -EINVAL;
	*ret = prefix;
	return 0;
}

struct addr_text addr_str(struct addr addr)
{
	struct addr_text text = {};

	if (addr.family != AF_UNSPEC)
		inet_ntop(addr.family, addr.bytes, text.s, sizeof(text.s));
	return text;
}

struct prefix_text prefix_str(struct prefix prefix)
{
	struct prefix_text text = {};

	if (prefix.addr.family != AF_UNSPEC)
		snprintf(text.s, sizeof(text.s), "%s/%u", addr_str(prefix.addr).s, prefix.len);
	return text;
}

struct prefix_text prefix_brief_str(struct prefix prefix)
{
	struct prefix_text text = prefix_str(prefix);

	if (prefix.len == addr_bits(prefix.addr.family))
		text.s[strcspn(text.s, "/")] = '\0';
	return text;
}

unsigned addr_size(int family)
{
	return family == AF_INET ? 4 : 16;
}

unsigned addr_bits(int family)
{
	return addr_size(family) * 8;
}

int addr_cmp(struct addr a, struct addr b)
{
	if (a.family != b.family)
		return a.family < b.family ? -1 : 1;
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes));
}

int prefix_cmp(struct prefix a, struct prefix b)
{
	int c = addr_cmp(a.addr, b.addr);

	if (c != 0 || a.len == b.len)
		return c;
	return a.len < b.len ? -1 : 1;
}

bool addr_is_linklocal(struct addr addr)
{
	if (addr.family == AF_INET)
		return addr.bytes[0] == 169 && addr.bytes[1] == 254;
	return addr.family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr.in6);
}

bool addr_is_private(struct addr addr)
{
	const uint8_t *b = addr.bytes;

	if (addr.family == AF_INET &&
	    (b[0] == 10 || (b[0] == 100 && b[1] >> 6 == 1) || (b[0] == 172 && b[1] >> 4 == 1) ||
	     (b[0] == 192 && b[1] == 168)))
		return true;
	return addr_is_linklocal(addr) || (addr.family == AF_INET6 && b[0] >> 1 == 0xfc >> 1);
}

bool addr_is_host(struct addr addr)
{
	if (addr.family == AF_INET)
		return addr.bytes[0] != 0 && addr.bytes[0] != 127 && addr.bytes[0] < 224;
	return addr.family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&addr.in6) &&
	       !IN6_IS_ADDR_LOOPBACK(&addr.in6) && !IN6_IS_ADDR_MULTICAST(&addr.in6);
}

struct prefix prefix_host(struct addr addr)
{
	return (struct prefix){ .addr = addr, .len = addr_bits(addr.family) };
}

struct prefix prefix_network(struct prefix prefix)
{
	unsigned whole = prefix.len / 8, rest = prefix.len % 8;

	for (unsigned i = whole; i < sizeof(prefix.addr.bytes); i++)
		prefix.addr.bytes[i] &= i == whole ? (uint8_t)(0xff00U >> rest) : 0;
	return prefix;
}

bool prefix_is_network(struct prefix prefix)
{
	return addr_cmp(prefix.addr, prefix_network(prefix).addr) == 0;
}

bool prefix_contains(struct prefix prefix, struct addr addr)
{
	unsigned whole = prefix.len / 8, rest = prefix.len % 8;

	if (prefix.addr.family == AF_UNSPEC || prefix.addr.family != addr.family ||
	    memcmp(prefix.addr.bytes, addr.bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       ((prefix.addr.bytes[whole] ^ addr.bytes[whole]) & (0xff00U >> rest) & 0xff) == 0;
}

bool prefix_overlaps(struct prefix a, struct prefix b)
{
	return a.len <= b.len ? prefix_contains(a, b.addr) : prefix_contains(b, a.addr);
}

struct addr prefix_nth(struct prefix prefix, uint32_t n)
{
	struct addr addr = prefix_network(prefix).addr;
	uint64_t carry = n;

	for (unsigned i = addr_size(addr.family); i-- > 0 && carry > 0;) {
		carry += addr.bytes[i];
		addr.bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return addr;
}

struct prefix prefix_block(struct prefix prefix, unsigned len, uint32_t n)
{
	struct prefix block = { prefix_network(prefix).addr, len };

	for (unsigned bit = len; bit-- > prefix.len && n > 0; n >>= 1)
		if (n & 1)
			block.addr.bytes[bit / 8] |= (uint8_t)(0x80U >> (bit % 8));
	return block;
}

struct addr prefix_translate(struct addr addr, struct prefix to)
{
	for (unsigned bit = 0; bit < to.len; bit++) {
		uint8_t mask = (uint8_t)(0x80U >> bit % 8);

		addr.bytes[bit / 8] =
			(uint8_t)((addr.bytes[bit / 8] & ~mask) | (to.addr.bytes[bit / 8] & mask));
	}
	return addr;
}

bool prefix_has_host(struct prefix prefix, struct addr addr)
{
	if (!prefix_contains(prefix, addr))
		return false;
	if (addr.family != AF_INET || prefix.len > 30)
		return true;
	return addr_cmp(addr, prefix_nth(prefix, 0)) != 0 &&
	       addr_cmp(addr, prefix_last(prefix)) != 0;
}

struct addr prefix_last(struct prefix prefix)
{
	struct addr addr = prefix_network(prefix).addr;

	for (unsigned bit = prefix.len; bit < addr_bits(addr.family); bit++)
		addr.bytes[bit / 8] |= (uint8_t)(0x80U >> (bit % 8));
	return addr;
}
