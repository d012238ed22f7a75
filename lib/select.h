/*
 * Which WANs new flows may choose, and with what share. Pure.
 *
 * A WAN is usable in a family when it is configured for it, has carrier, a
 * gateway and a translation. It is eligible when it is usable and not probed
 * down. New flows are carried by the lowest tier with an eligible WAN, in
 * proportion to the weights; with none eligible, by the usable ones (last
 * resort) if `all_down = keep`.
 */
#pragma once

#include "facts.h"
#include "npt.h"

enum verdict {
	VERDICT_UNKNOWN, /* counts as up */
	VERDICT_UP,
	VERDICT_DOWN,
};

struct verdicts {
	enum verdict (*v)[N_FAMILIES]; /* owned; by the WAN's index */
};

/*
 * New flows draw a number below SLOTS; the ranges say whose it is. The ranges
 * ascend, touch and cover all SLOTS, or there are none.
 */
#define SLOTS 10000

struct slot_range {
	unsigned first, last; /* inclusive */
	uint32_t mark;
};

struct selection {
	bool *usable;		   /* owned; by the WAN's index */
	bool *eligible;		   /* owned; by the WAN's index; last resort included */
	unsigned *slots;	   /* owned; each WAN's share of SLOTS */
	struct slot_range *ranges; /* owned */
	size_t n_ranges;
	const struct wan_conf *best; /* for the router's own traffic; NULL: none */
};

/*
 * The selection of one family. wanted: which WANs take part at all (NULL: all), by
 * index. 0 or -ENOMEM.
 *
 * Slots are dealt to all WANs of the tier first, and those of the ineligible
 * ones then dealt to the rest: a flow or source on a healthy WAN keeps its
 * choice when another WAN goes or comes.
 */
int selection_make(const struct config *config, const struct facts *facts,
		   const struct npt_state *npt, const struct verdicts *verdicts, enum family family,
		   const bool *wanted, struct selection *ret);
void selection_done(struct selection *selection);
