// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Telling a link who has an address: an ARP announcement (RFC 5227), or an unsolicited neighbour
 * advertisement (RFC 4861, 7.2.6). A machine there that remembers another hardware address for it,
 * of a router that was replaced, would use that one for an hour.
 */
#pragma once

#include "kernel/claims.h"

#include <netinet/if_ether.h>

/* So many at once, then a pause: switches and routers take only so many of these in a second. */
#define ANNOUNCE_BURST 64
#define ANNOUNCE_PAUSE_US 50000

/* What is logged, with the error in words. */
#define ANNOUNCE_FAILED                                                                            \
	"addresses can't be announced: %s; a provider that remembers another router goes on "      \
	"sending to that one"

/* Who has the claim's address? From its link, and from no address: a probe (RFC 5227). */
struct ether_arp arp_question(const struct claim *claim);

#define ANNOUNCEMENT_SIZE 72

/* Writes the packet, without its Ethernet header. Its length; 0: there is none for this claim. */
size_t announcement_make(const struct claim *claim, uint8_t packet[ANNOUNCEMENT_SIZE]);

/*
 * Writes the question who has the claim's address, as the claim's link and source: ARP, or a
 * solicitation. Its length, and the hardware address that it goes to.
 */
size_t question_make(const struct claim *claim, uint8_t packet[ANNOUNCEMENT_SIZE],
		     uint8_t to[ETH_ALEN]);

/* A socket for announce(); the caller closes it. A negative errno: there is none. */
int announce_open(void);

/* Sends one announcement. What the link does not take is lost, as everything on a link may be. */
void announce(int fd, const struct claim *claim);
