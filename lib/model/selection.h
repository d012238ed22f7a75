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

/* Of which sources the flows of a group are. */
enum flow_sources {
	SOURCES_ALL,	  /* but for those of the other groups */
	SOURCES_UNMAPPED, /* IPv4, in no [map4] */
	SOURCES_MAP4,	  /* one of [map4] that some WAN can't translate now */
};

/* Flows from inside that choose among themselves. */
struct flow_group {
	size_t policy; /* index: of the rules that they meet; 0: they meet none */
	enum family family;
	enum balance_mode mode; /* what a flow's choice depends on */
	enum flow_sources sources;
	size_t map4;		/* of SOURCES_MAP4: which one */
	char name[PREFIX_TEXT]; /* its address or prefix, or "unmapped"; "": all sources */
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

/*
 * First those of flows without a rule: one for each family, by its index, then the groups that have
 * a name. Then the same groups again for each policy.
 */
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
