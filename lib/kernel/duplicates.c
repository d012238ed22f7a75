// SPDX-License-Identifier: GPL-2.0-or-later
// Asks who else has an address, without claiming it.
// A probe names no sender's address, so that nobody takes it for an announcement.

#include "kernel/duplicates.h"

#include "kernel/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_US 500000
#define ROUNDS 2

static void probe(int fd, const struct claim *claim)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)claim->ifindex,
		.sll_halen = ETH_ALEN,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	struct ether_arp arp = arp_question(claim);

	(void)!sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to));
}

/* Whoever says to have the address has it, whether asked or not. */
static void take(struct duplicate *duplicates, size_t n, const struct ether_arp *arp,
		 const struct sockaddr_ll *from)
{
	for (size_t i = 0; i < n; i++) {
		const struct claim *claim = duplicates[i].claim;

		if (!claim || (int)claim->ifindex != from->sll_ifindex ||
		    memcmp(arp->arp_spa, claim->addr.bytes, sizeof(arp->arp_spa)) != 0 ||
		    memcmp(arp->arp_sha, claim->mac, sizeof(claim->mac)) == 0)
			continue;
		duplicates[i].found = true;
		memcpy(duplicates[i].mac, arp->arp_sha, sizeof(duplicates[i].mac));
	}
}

static void listen_until(int fd, struct duplicate *duplicates, size_t n, uint64_t end_us)
{
	for (uint64_t now_us = clock_us(CLOCK_MONOTONIC); now_us < end_us;
	     now_us = clock_us(CLOCK_MONOTONIC)) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		struct sockaddr_ll from = {};
		socklen_t size = sizeof(from);
		struct ether_arp arp;

		if (poll(&wait, 1, (int)((end_us - now_us + 999) / 1000)) > 0 &&
		    recvfrom(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&from, &size) ==
			    (ssize_t)sizeof(arp) &&
		    from.sll_pkttype != PACKET_OUTGOING)
			take(duplicates, n, &arp, &from);
	}
}

int duplicates_find(struct duplicate *duplicates, size_t n)
{
	_cleanup_(closep) int fd = -1;

	if (n == 0)
		return 0;
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));
	if (fd < 0)
		return -errno;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++)
			if (duplicates[i].claim && !duplicates[i].found)
				probe(fd, duplicates[i].claim);
		listen_until(fd, duplicates, n, clock_us(CLOCK_MONOTONIC) + WAIT_US / ROUNDS);
	}
	return 0;
}
