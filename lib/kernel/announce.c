// SPDX-License-Identifier: GPL-2.0-or-later
// Announcements of addresses, and questions for them, as packets.
// They are sent below IP: no rule, route or filter has a part in it.

#include "kernel/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

/* To all nodes on the link. */
static const struct in6_addr all_nodes = { { { 0xff, 0x02, [15] = 1 } } };
static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };

struct ether_arp arp_question(const struct claim *claim)
{
	struct ether_arp arp = {
		.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETH_P_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = sizeof(struct in_addr),
			.ar_op = htons(ARPOP_REQUEST),
		},
	};

	memcpy(arp.arp_sha, claim->mac, sizeof(arp.arp_sha));
	memcpy(arp.arp_tpa, claim->addr.bytes, sizeof(arp.arp_tpa));
	return arp;
}

/* A question for our own address: machines that ignore answers to nobody's question take this. */
static size_t make_arp(const struct claim *claim, uint8_t *packet)
{
	struct ether_arp arp = arp_question(claim);

	memcpy(arp.arp_spa, claim->addr.bytes, sizeof(arp.arp_spa));
	memcpy(packet, &arp, sizeof(arp));
	return sizeof(arp);
}

/* An advertisement or a solicitation: both name an address, and a hardware address. */
struct discovery {
	struct ip6_hdr ip;
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[ETH_ALEN];
};

_Static_assert(sizeof(struct nd_neighbor_advert) == sizeof(struct nd_neighbor_solicit),
	       "both have the same fields");

/* Over ICMPv6 with the source, the destination, the length and the protocol (RFC 8200, 8.1). */
static uint16_t checksum(const struct discovery *it)
{
	const uint8_t *bytes = (const uint8_t *)&it->ip.ip6_src;
	uint32_t sum = sizeof(*it) - sizeof(it->ip) + IPPROTO_ICMPV6;

	for (size_t i = 0; i < sizeof(*it) - offsetof(struct discovery, ip.ip6_src); i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons(~(sum + (sum >> 16)));
}

/* Writes it with what all of them have. */
static size_t finish(struct discovery *it, const struct claim *claim, uint8_t *packet)
{
	it->ip.ip6_flow = htonl(6U << 28);
	it->ip.ip6_plen = htons(sizeof(*it) - sizeof(it->ip));
	it->ip.ip6_nxt = IPPROTO_ICMPV6;
	it->ip.ip6_hlim = 255;
	it->ip.ip6_src = claim->source.in6;
	it->advert.nd_na_target = claim->addr.in6;
	it->option.nd_opt_len = 1;
	memcpy(it->mac, claim->mac, sizeof(it->mac));
	it->advert.nd_na_cksum = checksum(it);
	memcpy(packet, it, sizeof(*it));
	return sizeof(*it);
}

static size_t make_advertisement(const struct claim *claim, uint8_t *packet)
{
	struct discovery it = {
		.ip.ip6_dst = all_nodes,
		.advert = {
			.nd_na_type = ND_NEIGHBOR_ADVERT,
			/* A neighbour forgets its way by a router that says it is none. */
			.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE | ND_NA_FLAG_ROUTER,
		},
		.option.nd_opt_type = ND_OPT_TARGET_LINKADDR,
	};

	return finish(&it, claim, packet);
}

/* To the group of all that have such an address (RFC 4291, 2.7.1). */
static size_t make_solicitation(const struct claim *claim, uint8_t *packet, uint8_t to[ETH_ALEN])
{
	struct discovery it = {
		.ip.ip6_dst = { { { 0xff, 0x02, [11] = 1, 0xff } } },
		.advert.nd_na_type = ND_NEIGHBOR_SOLICIT,
		.option.nd_opt_type = ND_OPT_SOURCE_LINKADDR,
	};

	memcpy(&it.ip.ip6_dst.s6_addr[13], &claim->addr.in6.s6_addr[13], 3);
	to[0] = to[1] = 0x33;
	memcpy(to + 2, &it.ip.ip6_dst.s6_addr[12], 4);
	return finish(&it, claim, packet);
}

_Static_assert(sizeof(struct discovery) <= ANNOUNCEMENT_SIZE, "it fits");

size_t announcement_make(const struct claim *claim, uint8_t packet[ANNOUNCEMENT_SIZE])
{
	if (claim->addr.family == AF_INET)
		return make_arp(claim, packet);
	return claim->source.family == AF_INET6 ? make_advertisement(claim, packet) : 0;
}

size_t question_make(const struct claim *claim, uint8_t packet[ANNOUNCEMENT_SIZE],
		     uint8_t to[ETH_ALEN])
{
	struct ether_arp arp = arp_question(claim);

	if (claim->addr.family == AF_INET6)
		return make_solicitation(claim, packet, to);
	memset(to, 0xff, ETH_ALEN);
	memcpy(packet, &arp, sizeof(arp));
	return sizeof(arp);
}

int announce_open(void)
{
	/* Protocol 0: it only sends. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

void announce(int fd, const struct claim *claim)
{
	uint8_t packet[ANNOUNCEMENT_SIZE];
	size_t size = announcement_make(claim, packet);
	bool arp = claim->addr.family == AF_INET;
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(arp ? ETH_P_ARP : ETH_P_IPV6),
		.sll_ifindex = (int)claim->ifindex,
		.sll_halen = ETH_ALEN,
	};

	if (arp)
		memset(to.sll_addr, 0xff, ETH_ALEN);
	else
		memcpy(to.sll_addr, all_nodes_mac, ETH_ALEN);
	if (size > 0)
		(void)!sendto(fd, packet, size, 0, (struct sockaddr *)&to, sizeof(to));
}
