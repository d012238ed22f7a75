// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who answers on a link: the kernel's neighbours, and asking for one.
 */
#pragma once

#include "kernel/netlink.h"

struct neighbour {
	struct addr addr;
	uint8_t mac[8];
	int mac_len; /* 0: on a link that needs none, such as a tunnel */
};

struct neighbours {
	struct neighbour *v; /* owned; those that can be sent to, as far as the kernel knows */
	size_t n;
};

void neighbours_done(struct neighbours *neighbours);

/* The neighbours on one link, in both families. *ret is the caller's. 0 or a negative errno. */
int observe_neighbours(struct nl_sock *sk, unsigned ifindex, struct neighbours *ret);

/* The neighbour with that address; NULL: there is none, or addr is AF_UNSPEC. */
const struct neighbour *neighbours_find(const struct neighbours *neighbours, struct addr addr);

/* True when both are one machine: they have the same hardware address. */
bool neighbour_same_mac(const struct neighbour *a, const struct neighbour *b);

/* True when several machines share its address: its hardware address is a virtual router's. */
bool neighbour_is_shared(const struct neighbour *neighbour);

/* An address that somebody should answer for. */
struct sought {
	struct addr addr; /* AF_UNSPEC: nothing is sought */
	const char *interface;
	unsigned ifindex;
	bool answers;
};

/*
 * Fills `answers` of each: true when the kernel knows the neighbour, or finds it within 1.2 s. All
 * are asked for at once. 0 or a negative errno.
 */
int neighbours_seek(struct nl_sock *sk, struct sought *sought, size_t n, struct fault *fault);

/* What the kernel knows of one neighbour. */
enum neighbour_state {
	NEIGHBOUR_NONE,	 /* nothing, or it is being asked for */
	NEIGHBOUR_LOST,	 /* it was asked for in vain */
	NEIGHBOUR_QUIET, /* it was there; it has not been heard for a while, or is asked now */
	NEIGHBOUR_THERE,
	NEIGHBOUR_FIXED, /* taken to be there, and never asked: somebody has entered it, or no
			  * address is needed on the link */
};

/* Of the neighbour with that address; NEIGHBOUR_NONE also if the kernel can't be asked. */
enum neighbour_state neighbour_look(struct nl_sock *sk, unsigned ifindex, struct addr addr);

/*
 * Has the kernel make sure of a neighbour: it asks for it on the link, and nothing else is sent.
 * Takes CAP_NET_ADMIN.
 */
void neighbour_confirm(struct nl_sock *sk, unsigned ifindex, struct addr addr);
/* The same for one that the kernel takes to be there: if it does not answer, it is lost in 3 s. */
void neighbour_doubt(struct nl_sock *sk, unsigned ifindex, struct addr addr);

/*
 * Makes the kernel ask the link for the address. Who has it is a neighbour some milliseconds later.
 * With AF_UNSPEC it does nothing.
 */
void neighbour_solicit(const char *interface, unsigned ifindex, struct addr addr);
