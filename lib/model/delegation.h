// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A delegated IPv6 prefix, as a source of prefixes answers for one WAN.
 */
#pragma once

#include "base/prefix.h"

#include <stdint.h>

enum delegation_state {
	DELEGATION_UNKNOWN, /* the source can't be asked, or does not know yet */
	DELEGATION_IN_USE,  /* the source has nothing new: the one in use stands */
	DELEGATION_NONE,    /* the source answers, and there is no prefix */
	DELEGATION_FOUND,
};

struct delegation {
	enum delegation_state state;
	struct prefix prefix; /* with DELEGATION_FOUND, as is until_us */
	uint64_t until_us;    /* CLOCK_BOOTTIME at its end; UINT64_MAX: none is known */
	bool awaited; /* with DELEGATION_NONE: there is no lease now; the same may come again */
};

/* A source of live delegations: a DHCPv6 client to ask, or what a daemon has heard from one. */
struct prefix_source {
	/*
	 * The delegation of the link. in_use: the one that is used now, which stands while no
	 * source knows better. max_len: longer ones are of no use.
	 */
	struct delegation (*find)(void *client, unsigned ifindex, struct delegation in_use,
				  unsigned max_len);
	void *client;
	void (*close)(void *client); /* NULL: the client is somebody else's */
};
