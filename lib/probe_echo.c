#include "probe_echo.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define HEADER_SIZE 8 /* ICMP's, in both families */

/* After the header; the rest of the packet is zero. */
struct payload {
	uint64_t cookie;
	uint32_t cycle;
	uint32_t target;
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
	struct payload payload = { key->cookie, key->cycle, key->target };

	memset(packet, 0, ECHO_SIZE);
	packet[0] = family == IPV4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	put16(packet + 4, key->id);
	put16(packet + 6, key->seq);
	memcpy(packet + HEADER_SIZE, &payload, sizeof(payload));
	/* ICMPv6's covers the addresses: the kernel makes it. */
	if (family == IPV4)
		put16(packet + 2, checksum(packet));
}

/* From the ICMP header of the request, or of what answers it, on. */
static void read_key(const uint8_t *data, size_t len, struct echo_answer *ret)
{
	struct payload payload;

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

static bool read_quote4(const uint8_t *data, size_t len, struct echo_answer *ret)
{
	size_t header = header4(data, len);

	if (header == 0 || data[offsetof(struct iphdr, protocol)] != IPPROTO_ICMP ||
	    data[header] != ICMP_ECHO)
		return false;
	ret->destination.family = AF_INET;
	memcpy(&ret->destination.in, data + offsetof(struct iphdr, daddr),
	       sizeof(ret->destination.in));
	read_key(data + header, len - header, ret);
	return true;
}

static bool read_quote6(const uint8_t *data, size_t len, struct echo_answer *ret)
{
	const size_t header = sizeof(struct ip6_hdr);

	if (len < header + HEADER_SIZE ||
	    data[offsetof(struct ip6_hdr, ip6_nxt)] != IPPROTO_ICMPV6 ||
	    data[header] != ICMP6_ECHO_REQUEST)
		return false;
	ret->destination.family = AF_INET6;
	memcpy(&ret->destination.in6, data + offsetof(struct ip6_hdr, ip6_dst),
	       sizeof(ret->destination.in6));
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
	if (ret->type == (family == IPV4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) {
		read_key(data, len, ret);
		return true;
	}
	ret->error = true;
	data += HEADER_SIZE;
	len -= HEADER_SIZE;
	return family == IPV4 ? read_quote4(data, len, ret) : read_quote6(data, len, ret);
}

static const char *error4(uint8_t type, uint8_t code)
{
	if (type == ICMP_TIME_EXCEEDED)
		return "time to live exceeded";
	switch (code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_NET_UNR_TOS:
		return "no route";
	case ICMP_HOST_UNREACH:
	case ICMP_HOST_UNKNOWN:
	case ICMP_HOST_UNR_TOS:
		return "host unreachable";
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return "prohibited by a filter";
	default:
		return "unreachable";
	}
}

static const char *error6(uint8_t type, uint8_t code)
{
	if (type == ICMP6_TIME_EXCEEDED)
		return "hop limit exceeded";
	switch (code) {
	case ICMP6_DST_UNREACH_NOROUTE:
		return "no route";
	case ICMP6_DST_UNREACH_ADMIN:
		return "prohibited by a filter";
	case ICMP6_DST_UNREACH_ADDR:
		return "host unreachable";
	case 5:
		return "source address refused";
	case 6:
		return "route rejected";
	default:
		return "unreachable";
	}
}

const char *echo_error(enum family family, uint8_t type, uint8_t code)
{
	return family == IPV4 ? error4(type, code) : error6(type, code);
}

#define LOAD8(mode, at) BPF_STMT(BPF_LD | BPF_B | (mode), at)
#define LOAD16(mode, at) BPF_STMT(BPF_LD | BPF_H | (mode), at)
/* How many steps further it goes on when the accumulator is the value, and when not. */
#define IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)

/* Reading beyond the packet's end drops it. */
void echo_filter_make(enum family family, uint16_t id, struct echo_filter *ret)
{
	const struct sock_filter code4[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* x: the IP header's length */
		LOAD8(BPF_IND, 0),
		IF(ICMP_ECHOREPLY, 2, 0),
		IF(ICMP_DEST_UNREACH, 3, 0),
		IF(ICMP_TIME_EXCEEDED, 2, 14),
		LOAD16(BPF_IND, 4), /* a reply's id */
		IF(id, 11, 12),
		LOAD8(BPF_IND, HEADER_SIZE + offsetof(struct iphdr, protocol)), /* an error */
		IF(IPPROTO_ICMP, 0, 10),
		LOAD8(BPF_IND, HEADER_SIZE), /* x: and the quoted header's length */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		LOAD8(BPF_IND, HEADER_SIZE),
		IF(ICMP_ECHO, 0, 3),
		LOAD16(BPF_IND, HEADER_SIZE + 4),
		IF(id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const unsigned quoted = HEADER_SIZE + sizeof(struct ip6_hdr);
	const struct sock_filter code6[] = {
		LOAD8(BPF_ABS, 0),
		IF(ICMP6_ECHO_REPLY, 2, 0),
		IF(ICMP6_DST_UNREACH, 3, 0),
		IF(ICMP6_TIME_EXCEEDED, 2, 9),
		LOAD16(BPF_ABS, 4), /* a reply's id */
		IF(id, 6, 7),
		LOAD8(BPF_ABS, HEADER_SIZE + offsetof(struct ip6_hdr, ip6_nxt)), /* an error */
		IF(IPPROTO_ICMPV6, 0, 5),
		LOAD8(BPF_ABS, quoted),
		IF(ICMP6_ECHO_REQUEST, 0, 3),
		LOAD16(BPF_ABS, quoted + 4),
		IF(id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	_Static_assert(sizeof(code4) <= sizeof(ret->code), "the filter has room");
	if (family == IPV4)
		memcpy(ret->code, code4, sizeof(code4));
	else
		memcpy(ret->code, code6, sizeof(code6));
	ret->len = family == IPV4 ? ARRAY_SIZE(code4) : ARRAY_SIZE(code6);
}
