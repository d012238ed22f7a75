// SPDX-License-Identifier: GPL-2.0-or-later
// Ethernet frames of UDP and TCP over IPv4 and IPv6, with their checksums.
// Fills the headers of a buffer that the caller sends.

#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

int family;
uint8_t protocol;

/* Addresses of the router's neighbours end in 2, the router's own in 1. */
static const uint8_t router_lan[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t client[ETH_ALEN] = { 2, 0, 0, 0, 0, 2 };

static size_t ip_header_size(void)
{
	return family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
}

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* The checksums of a whole frame: a zero one would spare NAT its update. */
static void frame_seal(struct frame *f)
{
	uint8_t *ip = f->data + ETH_HLEN, *l4 = ip + ip_header_size();
	size_t len = (size_t)(f->data + f->len - l4);
	uint32_t sum = protocol + (uint32_t)len;
	size_t at = protocol == IPPROTO_UDP ? offsetof(struct udphdr, check)
					    : offsetof(struct tcphdr, check);

	if (family == AF_INET) {
		struct iphdr *h = (struct iphdr *)ip;

		h->check = 0;
		h->check = fold(sum16(h, sizeof(*h), 0));
		sum = sum16(&h->saddr, 8, sum);
	} else {
		sum = sum16(ip + offsetof(struct ip6_hdr, ip6_src), 32, sum);
	}

	memset(l4 + at, 0, 2);
	uint16_t check = fold(sum16(l4, len, sum));
	memcpy(l4 + at, &check, 2);
}

void frame_build(struct frame *f, uint32_t id)
{
	uint8_t *ip = f->data + ETH_HLEN, *l4 = ip + ip_header_size();
	size_t len =
		protocol == IPPROTO_TCP ? sizeof(struct tcphdr) + 4 : 60 - (size_t)(l4 - f->data);

	if (protocol == IPPROTO_UDP && family == AF_INET6)
		len = sizeof(struct udphdr) + 2;

	memset(f, 0, sizeof(*f));
	memcpy(f->data, router_lan, ETH_ALEN);
	memcpy(f->data + ETH_ALEN, client, ETH_ALEN);
	f->data[12] = family == AF_INET ? 0x08 : 0x86;
	f->data[13] = family == AF_INET ? 0x00 : 0xdd;
	f->len = (size_t)(l4 - f->data) + len;

	if (family == AF_INET) {
		struct iphdr *h = (struct iphdr *)ip;

		h->version = 4;
		h->ihl = 5;
		h->ttl = 64;
		h->protocol = protocol;
		h->frag_off = htons(IP_DF);
		h->tot_len = htons((uint16_t)(sizeof(*h) + len));
		h->saddr = htonl(0x0afafa02 + id % 5);		   /* 10.250.250.2 to .6 */
		h->daddr = htonl(0xc6120000 + (id * 7 & 0x1ffff)); /* 198.18.0.0/15 */
	} else {
		struct ip6_hdr *h = (struct ip6_hdr *)ip;
		uint32_t host = htonl(0x100 + id % 200), remote = htonl(id * 7);

		h->ip6_flow = htonl(6U << 28);
		h->ip6_nxt = protocol;
		h->ip6_hlim = 64;
		h->ip6_plen = htons((uint16_t)len);
		inet_pton(AF_INET6, "3d06:bad:b01:1::", &h->ip6_src);
		inet_pton(AF_INET6, "2001:2::", &h->ip6_dst);
		memcpy(&h->ip6_src.s6_addr[12], &host, 4);
		memcpy(&h->ip6_dst.s6_addr[12], &remote, 4);
	}

	/* 48,000 source ports before one comes again, with other addresses. */
	uint16_t ports[2] = { htons((uint16_t)(1024 + id % 48000)), htons(443) };
	memcpy(l4, ports, sizeof(ports));
	if (protocol == IPPROTO_UDP) {
		((struct udphdr *)l4)->len = htons((uint16_t)len);
	} else {
		struct tcphdr *t = (struct tcphdr *)l4;
		const uint8_t mss[4] = { 2, 4, 1460 >> 8, 1460 & 0xff };

		t->doff = 6;
		t->syn = 1;
		t->seq = htonl(id);
		t->window = htons(65000);
		memcpy(t + 1, mss, sizeof(mss));
	}
	frame_seal(f);
}

void frame_reflect(struct frame *f)
{
	uint8_t swap[16], *ip = f->data + ETH_HLEN, *l4 = ip + ip_header_size();
	size_t len = family == AF_INET ? 4 : 16;
	uint8_t *src = ip + (family == AF_INET ? offsetof(struct iphdr, saddr)
					       : offsetof(struct ip6_hdr, ip6_src));

	memcpy(swap, f->data, ETH_ALEN);
	memcpy(f->data, f->data + ETH_ALEN, ETH_ALEN);
	memcpy(f->data + ETH_ALEN, swap, ETH_ALEN);
	memcpy(swap, src, len);
	memcpy(src, src + len, len);
	memcpy(src + len, swap, len);
	memcpy(swap, l4, 2);
	memcpy(l4, l4 + 2, 2);
	memcpy(l4 + 2, swap, 2);

	/* SYN is answered by SYN+ACK, and that by ACK. */
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *t = (struct tcphdr *)l4;
		uint32_t seq = t->seq;

		t->seq = t->ack ? t->ack_seq : htonl(1);
		t->ack_seq = htonl(ntohl(seq) + 1);
		t->syn = !t->ack;
		t->ack = 1;
	}
	frame_seal(f);
}

int frame_is_ours(const uint8_t *data)
{
	const uint8_t *ip = data + ETH_HLEN;

	return family == AF_INET ? ip[0] >> 4 == 4 && ip[9] == protocol
				 : ip[0] >> 4 == 6 && ip[6] == protocol;
}
