// SPDX-License-Identifier: GPL-2.0-or-later
// Echo requests and what comes back for them, as bytes.
// A request carries a key that only we know; an answer or an error has to bring it back.

#include "probe/echo.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define HEADER_SIZE 8 /* ICMP's, in both families */

/* After the header; the rest of the packet is zero. */
struct echo_payload {
	uint64_t cookie;
	uint32_t cycle;
	uint32_t target;
};

/* What differs between the families: places in an IP header, and the values of ICMP. */
static const struct echo_layout {
	uint8_t protocol_at, destination_at, protocol, request, reply, unreachable, exceeded;
} layouts[N_FAMILIES] = {
	[IPV4] = { offsetof(struct iphdr, protocol), offsetof(struct iphdr, daddr), IPPROTO_ICMP,
		   ICMP_ECHO, ICMP_ECHOREPLY, ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED },
	[IPV6] = { offsetof(struct ip6_hdr, ip6_nxt), offsetof(struct ip6_hdr, ip6_dst),
		   IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH,
		   ICMP6_TIME_EXCEEDED },
};

static uint16_t checksum(const uint8_t *packet)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < ECHO_SIZE; i += 2)
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

void echo_write(enum family family, const struct echo_key *key, uint8_t packet[ECHO_SIZE])
{
	struct echo_payload payload = { key->cookie, key->cycle, key->target };

	memset(packet, 0, ECHO_SIZE);
	packet[0] = layouts[family].request;
	put16(packet + 4, key->id);
	put16(packet + 6, key->seq);
	memcpy(packet + HEADER_SIZE, &payload, sizeof(payload));
	/* ICMPv6's checksum covers the addresses: the kernel makes it. */
	if (family == IPV4)
		put16(packet + 2, checksum(packet));
}

/* From the ICMP header of the request, or of what answers it, on. */
static void read_key(const uint8_t *data, size_t len, struct echo_answer *ret)
{
	struct echo_payload payload;

	ret->key.id = get16(data + 4);
	ret->key.seq = get16(data + 6);
	ret->partial = len < HEADER_SIZE + sizeof(payload);
	if (ret->partial)
		return;
	memcpy(&payload, data + HEADER_SIZE, sizeof(payload));
	ret->key.cookie = payload.cookie;
	ret->key.cycle = payload.cycle;
	ret->key.target = payload.target;
}

/* The length of an IPv4 header; 0: there is no room for it and an ICMP header after it. */
static size_t header4(const uint8_t *data, size_t len)
{
	size_t size = len > 0 ? (size_t)(data[0] & 0xf) * 4 : 0;

	return size >= sizeof(struct iphdr) && len >= size + HEADER_SIZE ? size : 0;
}

/* The request that an error quotes, from its IP header on. */
static bool read_quote(enum family family, const uint8_t *data, size_t len, struct echo_answer *ret)
{
	const struct echo_layout *layout = &layouts[family];
	size_t header = family == IPV4 ? header4(data, len) : sizeof(struct ip6_hdr);

	if (header == 0 || len < header + HEADER_SIZE ||
	    data[layout->protocol_at] != layout->protocol || data[header] != layout->request)
		return false;
	ret->destination.family = family_af(family);
	memcpy(ret->destination.bytes, data + layout->destination_at, addr_size(family_af(family)));
	read_key(data + header, len - header, ret);
	return true;
}

bool echo_read(enum family family, const uint8_t *data, size_t len, struct echo_answer *ret)
{
	/* IPv6 sockets receive from the ICMP header on. */
	size_t header = family == IPV4 ? header4(data, len) : 0;

	if ((family == IPV4 && header == 0) || len < header + HEADER_SIZE)
		return false;
	data += header;
	len -= header;

	*ret = (struct echo_answer){ .type = data[0], .code = data[1] };
	ret->error = ret->type != layouts[family].reply;
	if (ret->error)
		return read_quote(family, data + HEADER_SIZE, len - HEADER_SIZE, ret);
	read_key(data, len, ret);
	return true;
}

static const char *const unreachable[N_FAMILIES][16] = {
	[IPV4] = {
		[ICMP_NET_UNREACH] = "no route",
		[ICMP_NET_UNKNOWN] = "no route",
		[ICMP_NET_UNR_TOS] = "no route",
		[ICMP_HOST_UNREACH] = "host unreachable",
		[ICMP_HOST_UNKNOWN] = "host unreachable",
		[ICMP_HOST_UNR_TOS] = "host unreachable",
		[ICMP_NET_ANO] = "prohibited by a filter",
		[ICMP_HOST_ANO] = "prohibited by a filter",
		[ICMP_PKT_FILTERED] = "prohibited by a filter",
	},
	[IPV6] = {
		[ICMP6_DST_UNREACH_NOROUTE] = "no route",
		[ICMP6_DST_UNREACH_ADMIN] = "prohibited by a filter",
		[ICMP6_DST_UNREACH_ADDR] = "host unreachable",
		[5] = "source address refused",
		[6] = "route rejected",
	},
};

const char *echo_error(enum family family, uint8_t type, uint8_t code)
{
	if (type == layouts[family].exceeded)
		return family == IPV4 ? "time to live exceeded" : "hop limit exceeded";
	if (code < ARRAY_SIZE(unreachable[family]) && unreachable[family][code])
		return unreachable[family][code];
	return "unreachable";
}

#define LOAD8(at) BPF_STMT(BPF_LD | BPF_B | BPF_IND, at)
#define LOAD16(at) BPF_STMT(BPF_LD | BPF_H | BPF_IND, at)
/* How many steps it skips when the accumulator is the value, and when it is not. */
#define IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)

/* Reading beyond the packet's end drops it. */
void echo_filter_make(enum family family, uint16_t id, struct echo_filter *ret)
{
	const struct echo_layout *layout = &layouts[family];
	bool four = family == IPV4;

	*ret = (struct echo_filter){ {
		/* x: the length of the IP header; IPv6 sockets receive none. */
		BPF_STMT(four ? BPF_LDX | BPF_B | BPF_MSH : BPF_LDX | BPF_IMM, 0),
		LOAD8(0),
		IF(layout->reply, 2, 0),
		IF(layout->unreachable, 3, 0),
		IF(layout->exceeded, 2, 14),
		LOAD16(4), /* a reply's id */
		IF(id, 11, 12),
		LOAD8(HEADER_SIZE + layout->protocol_at), /* an error */
		IF(layout->protocol, 0, 10),
		/* x: and the quoted header's length, in IPv4 given in words of 4 bytes. */
		LOAD8(HEADER_SIZE),
		BPF_STMT(four ? BPF_ALU | BPF_AND | BPF_K : BPF_LD | BPF_IMM, four ? 0xf : 10),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		LOAD8(HEADER_SIZE),
		IF(layout->request, 0, 3),
		LOAD16(HEADER_SIZE + 4),
		IF(id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	} };
}
