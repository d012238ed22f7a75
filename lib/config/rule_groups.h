// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of one family in groups of those that ask for the same fields. A group has an index by the
 * field in which its rules differ most, so that nobody has to compare each rule with each. Pure.
 */
#pragma once

#include "base/range_index.h"
#include "config/config.h"

/* A set of fields: a bit for each rule_field. */
typedef unsigned rule_fields;
#define RULE_BIT(field) (1U << (field))

struct rule_group {
	rule_fields fields, others;		   /* what all of its rules ask for */
	enum rule_field by;			   /* one of `fields`, if there are any */
	struct range_index indexes[N_RULE_FIELDS]; /* of `fields`: from a rule's first value to its
						      last */
};

struct rule_groups {
	struct rule_group *v; /* owned */
	size_t n;
};

rule_fields rule_asks(const struct rule_conf *rule, enum family family);

/*
 * Adds a rule to the group of those that ask for `fields`, any of which may be its index, and for
 * others. 0 or -ENOMEM.
 */
int rule_groups_add(struct rule_groups *groups, const struct config *config, enum family family,
		    size_t rule, rule_fields fields, rule_fields others);
/* After all rules have been added. */
void rule_groups_sort(struct rule_groups *groups);
void rule_groups_done(struct rule_groups *groups);

/* The group, or NULL. */
const struct rule_group *rule_groups_find(const struct rule_groups *groups, rule_fields fields,
					  rule_fields others);
/* The rules of the group that may match something of the range, of what the group is sorted by. */
int rule_group_find(const struct rule_group *group, struct range range, struct range_numbers *ret);
