// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Routers of the WANs' links by their addresses: which of them is not to be used, and why. Where a
 * link has several, facts.h chooses among them.
 */
#pragma once

#include "base/family.h"
#include "base/prefix.h"
#include "base/util.h"

#include <stdlib.h>

struct router_id {
	size_t wan; /* its index */
	enum family family;
	struct addr via; /* AF_UNSPEC: the link itself */
};

struct router_ids {
	struct router_id *v; /* owned */
	size_t n;
};

static inline void router_ids_done(struct router_ids *ids)
{
	free(ids->v);
	*ids = (struct router_ids){};
}

static inline bool router_ids_have(const struct router_ids *ids, struct router_id id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->v[i].wan == id.wan && ids->v[i].family == id.family &&
		    addr_cmp(ids->v[i].via, id.via) == 0)
			return true;
	return false;
}

/* Fills *ret, which is empty, with the same. 0 or -ENOMEM. */
static inline int router_ids_copy(const struct router_ids *ids, struct router_ids *ret)
{
	int r = 0;

	for (size_t i = 0; i < ids->n && r == 0; i++)
		r = APPEND(ret->v, ret->n, ids->v[i]);
	return r;
}

/* What is known of routers besides what the kernel says of their link. */
struct router_opinions {
	const struct router_ids *refused;    /* by the kernel: no route can lead there */
	const struct router_ids *sourceless; /* none that says what to send from */
	const struct router_ids *avoided; /* nothing came back over them, while others are there */
};
