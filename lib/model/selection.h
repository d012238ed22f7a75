// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which WANs new flows may choose, and with what share: one selection for each group of flows that
 * chooses for itself. plan/select.h makes them.
 */
#pragma once

#include "base/family.h"
#include "config/config.h"

/*
 * New flows draw a number below SLOTS; the ranges map it to a mark. The ranges ascend, touch and
 * cover all SLOTS, or there are none.
 */
#define SLOTS 10000

struct slot_range {
	unsigned first, last; /* inclusive */
	uint32_t mark;
};

/* Flows from inside that choose among themselves. */
struct flow_group {
	char name[ADDR_TEXT]; /* "": all flows of the family */
	enum family family;
	enum balance_mode mode; /* what a flow's choice depends on */
};

struct selection {
	struct flow_group group;   /* whose it is */
	bool *members;		   /* owned; by the WAN's index: it takes part at all */
	bool *usable;		   /* owned; by the WAN's index */
	bool *eligible;		   /* owned; by the WAN's index; last resort included */
	unsigned *slots;	   /* owned; each WAN's share of SLOTS */
	struct slot_range *ranges; /* owned */
	size_t n_ranges;
	const struct wan_conf *best; /* for the router's own traffic; NULL: none */
};

/* First one for each family, by its index; then the groups that have a name. */
struct selections {
	struct selection *v; /* owned */
	size_t n;
};

static inline void selections_done(struct selections *selections)
{
	for (size_t i = 0; i < selections->n; i++) {
		free(selections->v[i].members);
		free(selections->v[i].usable);
		free(selections->v[i].eligible);
		free(selections->v[i].slots);
		free(selections->v[i].ranges);
	}
	free(selections->v);
	*selections = (struct selections){};
}
