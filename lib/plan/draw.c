// SPDX-License-Identifier: GPL-2.0-or-later
// The number that a new flow draws.
// Lays out what is hashed as nft does: each field begins a register of four bytes.

#include "plan/draw.h"

#include "base/jhash.h"

#include <string.h>

struct draw_key {
	uint8_t bytes[2 * 16 + 2 * 4];
	size_t length;
};

static void add_addr(struct draw_key *key, struct addr addr)
{
	size_t size = addr_size(addr.family);

	memcpy(key->bytes + key->length, addr.bytes, size);
	key->length += size;
}

/* As it is in the packet; the rest of its register is 0. */
static void add_port(struct draw_key *key, uint16_t port)
{
	key->bytes[key->length] = port >> 8;
	key->bytes[key->length + 1] = port & 0xff;
	key->length += 4;
}

/* The family's own ICMP: the other's is a protocol like any other, without an id. */
static bool is_icmp(const struct flow *flow)
{
	return flow->protocol == (flow->family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

bool draw_number(const struct flow_query *query, enum balance_mode mode, unsigned *ret)
{
	const struct flow *flow = &query->flow;
	struct draw_key key = {};

	add_addr(&key, flow->source);
	if (mode != BALANCE_SOURCE)
		add_addr(&key, flow->destination);
	if (mode == BALANCE_FLOW) {
		bool icmp = is_icmp(flow);

		if (!query->has_protocol || !query->has_sport ||
		    (!icmp && (!protocol_has_ports(flow->protocol) || !query->has_dport)))
			return false;
		add_port(&key, flow->sport);
		if (!icmp)
			add_port(&key, flow->dport);
	}
	/* The kernel's reciprocal_scale(). */
	*ret = (uint64_t)jhash(key.bytes, key.length, DRAW_SEED) * SLOTS >> 32;
	return true;
}
