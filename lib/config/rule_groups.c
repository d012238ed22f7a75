// SPDX-License-Identifier: GPL-2.0-or-later
// Groups of rules that ask for the same fields, each with an index of its rules.
// The field in which rules begin at most different values tells most of them apart.

#include "config/rule_groups.h"

#include "base/util.h"

rule_fields rule_asks(const struct rule_conf *rule, enum family family)
{
	rule_fields asked = 0;

	for (unsigned field = 0; field < N_RULE_FIELDS; field++)
		asked |= rule->fields[family][field].n > 0 ? RULE_BIT(field) : 0;
	return asked;
}

void rule_groups_done(struct rule_groups *groups)
{
	for (size_t i = 0; i < groups->n; i++)
		for (unsigned field = 0; field < N_RULE_FIELDS; field++)
			range_index_done(&groups->v[i].indexes[field]);
	free(groups->v);
	*groups = (struct rule_groups){};
}

static struct rule_group *find(const struct rule_groups *groups, rule_fields fields,
			       rule_fields others)
{
	for (size_t i = 0; i < groups->n; i++)
		if (groups->v[i].fields == fields && groups->v[i].others == others)
			return &groups->v[i];
	return NULL;
}

const struct rule_group *rule_groups_find(const struct rule_groups *groups, rule_fields fields,
					  rule_fields others)
{
	return find(groups, fields, others);
}

int rule_groups_add(struct rule_groups *groups, const struct config *config, enum family family,
		    size_t rule, rule_fields fields, rule_fields others)
{
	struct rule_group *group = find(groups, fields, others);
	int r = 0;

	/* A group that asks for nothing has an index all the same: each rule matches all values. */
	if (!group) {
		r = APPEND(groups->v, groups->n, (struct rule_group){ fields, others });
		group = r == 0 ? &groups->v[groups->n - 1] : NULL;
	}
	for (unsigned field = 0; field < N_RULE_FIELDS && r == 0; field++)
		if ((fields ? fields : RULE_BIT(RULE_SOURCE)) & RULE_BIT(field))
			r = range_index_add(
				&group->indexes[field],
				ranges_bounds(&config->rules[rule].fields[family][field]), rule);
	return r;
}

void rule_groups_sort(struct rule_groups *groups)
{
	for (size_t i = 0; i < groups->n; i++) {
		struct rule_group *group = &groups->v[i];
		size_t most = 0;

		for (unsigned field = 0; field < N_RULE_FIELDS; field++) {
			size_t spread;

			range_index_sort(&group->indexes[field]);
			spread = range_index_spread(&group->indexes[field]);
			if (spread > most) {
				most = spread;
				group->by = field;
			}
		}
	}
}

int rule_group_find(const struct rule_group *group, struct range range, struct range_numbers *ret)
{
	return range_index_find(&group->indexes[group->by], range, ret);
}
