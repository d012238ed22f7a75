// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a rule matches, as boxes that don't overlap: a range in each of some fields. A map of
 * nftables holds such boxes. Pure.
 */
#pragma once

#include "config/rule_groups.h"

/* Only the ranges of the fields in question are filled in. */
struct rule_box {
	struct range v[N_RULE_FIELDS];
	size_t rule; /* index */
};

struct rule_boxes {
	struct rule_box *v; /* owned */
	size_t n;
};

void rule_boxes_done(struct rule_boxes *boxes);

/* How many boxes the rule has in those fields of the family; SIZE_MAX: very many. Of a field that
 * it doesn't ask for, it has all values. */
size_t rule_boxes_count(const struct rule_conf *rule, enum family family, rule_fields fields);
/* Fills *ret, which is empty, with them. 0 or -ENOMEM. */
int rule_boxes_make(const struct config *config, size_t rule, enum family family,
		    rule_fields fields, struct rule_boxes *ret);

/*
 * Takes out of the boxes what an earlier rule matches. 0; -E2BIG with the boxes unchanged: there
 * would be more than `most`; -ENOMEM.
 */
int rule_boxes_subtract(struct rule_boxes *boxes, const struct rule_conf *earlier,
			enum family family, rule_fields fields, size_t most);
