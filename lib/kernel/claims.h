// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the site's links answer for by ARP and neighbour discovery: each address that is on one, and
 * those that one is a proxy for.
 */
#pragma once

#include "config/config.h"
#include "kernel/netlink.h"

#include <linux/if_ether.h>

struct claim {
	unsigned ifindex;
	struct addr addr;
	struct addr source; /* of an advertisement: the link-local address if there is one */
	uint8_t mac[ETH_ALEN];
	uint32_t carrier_ups; /* how often the link has got a carrier */
	uint32_t created;     /* when the address came, in 1/100 s; 0: by proxy */

	/* for who announces it; zero at first */
	unsigned told;	 /* how often it was announced */
	uint64_t due_us; /* when it is due again; UINT64_MAX: never */
};

struct claims {
	struct claim *v; /* owned; by link and address, each once */
	size_t n;
};

void claims_done(struct claims *claims);

/*
 * The claims of the links of the configuration that have carrier and need hardware addresses. An
 * address that may yet turn out to be somebody else's is none. *ret is the caller's. 0 or a
 * negative errno; -EAGAIN: something changed meanwhile, ask again.
 */
int observe_claims(struct nl_sock *sk, const struct config *config, struct claims *ret);

/* The claim to that address on that link; NULL: there is none. */
struct claim *claims_find(const struct claims *claims, unsigned ifindex, struct addr addr);
