/*
 * Who answers on a link: the kernel's neighbours, and asking for one.
 */
#pragma once

#include "nl.h"

struct neighbour {
	struct addr addr;
	uint8_t mac[8];
	int mac_len; /* 0: of a link where none is needed */
};

struct neighbours {
	struct neighbour *v; /* owned; those that can be sent to, as far as the kernel knows */
	size_t n;
};

void neighbours_done(struct neighbours *neighbours);

/* Of one link, in both families. 0 or a negative errno. */
int observe_neighbours(struct nl_sock *sk, unsigned ifindex, struct neighbours *ret);

/* The one with that address; NULL: none, or AF_UNSPEC. */
const struct neighbour *neighbours_find(const struct neighbours *neighbours, struct addr addr);

/* True when both addresses are one machine's. */
bool neighbour_same_mac(const struct neighbour *a, const struct neighbour *b);

/* An address that somebody is to answer for. */
struct sought {
	struct addr addr; /* AF_UNSPEC: nothing is sought */
	const char *interface;
	unsigned ifindex;
	bool answers;
};

/*
 * Fills `answers`: the kernel knows the neighbour, or learns of it by asking for all at once and
 * waiting a little. 0 or a negative errno.
 */
int neighbours_seek(struct nl_sock *sk, struct sought *sought, size_t n, struct fault *fault);

/*
 * Makes the kernel ask the link for the address, by a datagram to the discard port. Who has it
 * is a neighbour some milliseconds later. AF_UNSPEC: nothing.
 */
void neighbour_solicit(const char *interface, unsigned ifindex, struct addr addr);
