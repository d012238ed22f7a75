// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a WAN's link has several routers: when to leave one for another, and when to come back.
 * Pure.
 *
 * A router that nobody answers for is left by the choice of gateways itself (model/facts.h). One
 * that answers for its address and forwards nothing shows in probes alone, and so does one that the
 * kernel has not missed yet. It is left, and tried again after a while, or when it was gone
 * meanwhile and is back. Each time that it fails soon after, the while doubles.
 */
#pragma once

#include "model/facts.h"

#include <stdint.h>

struct routers_entry {
	struct router_id id;
	bool avoided;
	bool gone;	  /* nobody has answered for it since it was left */
	unsigned losses;  /* how often it was left, lately */
	uint64_t left_us; /* when it was left last */
};

/* The probes of a WAN and family, as far as a router may be to blame. */
struct routers_turn {
	size_t wan;
	enum family family;
	unsigned failures; /* in a row, when the router that is used had its turn */
	unsigned turns;	   /* without an answer since */
};

struct routers {
	struct routers_entry *v; /* owned */
	size_t n;
	struct routers_turn *turns; /* owned */
	size_t n_turns;
};

void routers_done(struct routers *routers);

/*
 * After a cycle of probes that nobody has answered, or with failures 0 after a good one: leaves the
 * router that is used before the threshold is reached, so that another one has a turn. Where none
 * helps, their turns get longer. failures: of cycles in a row. 0, 1 when it was left, or -ENOMEM.
 */
int routers_judge(struct routers *routers, const struct facts *facts, struct routers_turn now,
		  unsigned threshold, uint64_t now_us);
/*
 * After a look at the links: forgets routers that are no longer advertised, notes which are silent,
 * and takes back those whose time has come. *again_us: when to look again, or untouched. 0, 1 when
 * something was taken back, or -ENOMEM.
 */
int routers_review(struct routers *routers, const struct facts *facts, uint64_t now_us,
		   uint64_t *again_us);
/* Fills *ret, which is empty, with those that are avoided. 0 or -ENOMEM. */
int routers_avoided(const struct routers *routers, struct router_ids *ret);

/* What an earlier daemon has left. 0 or -ENOMEM. */
int routers_recall(struct routers *routers, struct router_id id, uint64_t now_us);
