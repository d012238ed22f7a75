// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules as maps of nftables: which rule goes into which map, so that a new flow costs a look-up for
 * each kind of rule, and not for each rule. Pure.
 *
 * A map holds what rules match that ask for the same fields; what an earlier rule of the map
 * matches is taken out of a later one. Where the maps of some rules lie one after another in the
 * file, the first that matches decides. Maps whose rules alternate in the file are a block: each
 * look-up in turn may only find an earlier rule than the one found so far, by its rank.
 */
#pragma once

#include "plan/rule_boxes.h"

#include <stdio.h>

struct rule_map {
	enum family family;
	/* What all of its rules ask for alike, in words before the look-up; and its key. */
	rule_fields guards, keys;
	size_t first, last; /* of its rules, by their indexes */
	size_t block;	    /* they ascend */
	bool ranked;	    /* its key ends with the rank found so far */
	struct rule_boxes boxes;
	/* A block that changes has other names: its maps belong together. */
	char name[96];
	char ranks[32]; /* of the map from the block's ranks to policies; "": its block is one map
			 */
};

struct rule_maps {
	struct rule_map *v; /* owned; by family, then as they are looked up */
	size_t n;
};

/* 0 or -ENOMEM. */
int rule_maps_make(const struct config *config, struct rule_maps *ret);
void rule_maps_done(struct rule_maps *maps);

/* True when other maps are in its block. */
bool rule_map_shares_block(const struct rule_maps *maps, const struct rule_map *map);

/*
 * The smaller, the earlier in the file. It is a packet's mark for a moment, and never that of a
 * WAN: what then gets no WAN is refused.
 */
static inline unsigned rule_rank(size_t rule)
{
	return 256 + (unsigned)rule;
}

/* No rule has been found. */
#define RANK_NONE 0xffffffU
