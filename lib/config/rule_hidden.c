// SPDX-License-Identifier: GPL-2.0-or-later
// Finds rules that never match, because an earlier one matches all that they would.
// Such a rule matches one value at least that this one does: the index of a group finds those.

#include "config/rule_groups.h"
#include "config/source.h"

#include <string.h>

struct hidden_check {
	const struct config_source *source;
	const struct ranges *inside;	       /* by family */
	struct rule_groups groups[N_FAMILIES]; /* owned */
	struct range_numbers found;	       /* owned */
};

/* Each flow of the family that b matches, a matches too. */
static bool hides(const struct rule_conf *a, const struct rule_conf *b, const struct ranges *inside,
		  enum family family)
{
	if (!b->has[family])
		return true;
	if (!a->has[family])
		return false;
	for (enum rule_field field = 0; field < N_RULE_FIELDS; field++) {
		const struct ranges *of_a = &a->fields[family][field];
		const struct ranges *of_b = &b->fields[family][field];

		/* All sources together are as good as none. */
		if (of_b->n == 0 && field == RULE_SOURCE)
			of_b = &inside[family];
		if (of_a->n > 0 && (of_b->n == 0 || !ranges_contain(of_a, of_b)))
			return false;
	}
	return true;
}

/* A value of the field that flows have which the rule matches. */
static struct point value_of(const struct hidden_check *check, const struct rule_conf *rule,
			     enum family family, enum rule_field field)
{
	const struct ranges *values = &rule->fields[family][field];

	if (values->n == 0 && field == RULE_SOURCE)
		values = &check->inside[family];
	return ranges_bounds(values).first;
}

/* Makes *first the first rule of the group that hides the rule, if one does before it. */
static int look_in_group(struct hidden_check *check, const struct rule_group *group, size_t rule,
			 enum family family, size_t *first)
{
	const struct rule_conf *rules = check->source->config.rules;
	struct point value = value_of(check, &rules[rule], family, group->by);
	int r = rule_group_find(group, (struct range){ value, value }, &check->found);

	for (size_t i = 0; i < check->found.n && check->found.v[i] < *first && r == 0; i++) {
		size_t other = check->found.v[i];

		if (hides(&rules[other], &rules[rule], check->inside, IPV4) &&
		    hides(&rules[other], &rules[rule], check->inside, IPV6))
			*first = other;
	}
	return r;
}

static int check_rule(struct hidden_check *check, const struct section *section)
{
	const struct config_source *source = check->source;
	const struct rule_conf *rule = &source->config.rules[section->index];
	enum family family = rule->has[IPV4] ? IPV4 : IPV6;
	rule_fields asked = rule_asks(rule, family) | RULE_BIT(RULE_SOURCE);
	const struct rule_groups *groups = &check->groups[family];
	size_t first = section->index;
	int r = 0;

	/* What asks for more doesn't match all. */
	for (size_t i = 0; i < groups->n && r == 0; i++)
		if ((groups->v[i].fields & ~asked) == 0)
			r = look_in_group(check, &groups->v[i], section->index, family, &first);
	if (r < 0)
		return config_no_memory(source);
	if (first == section->index)
		return 0;
	return config_mistake(source, section, NULL,
			      "it never matches: [rule %s], in line %u, comes first and matches "
			      "the same flows",
			      source->config.rules[first].name,
			      config_section(source, &section_rule, first)->line);
}

static int make_groups(struct hidden_check *check, enum family family)
{
	const struct config *config = &check->source->config;
	int r = 0;

	for (size_t i = 0; i < config->n_rules && r == 0; i++)
		if (config->rules[i].has[family])
			r = rule_groups_add(&check->groups[family], config, family, i,
					    rule_asks(&config->rules[i], family), 0);
	rule_groups_sort(&check->groups[family]);
	return r < 0 ? config_no_memory(check->source) : 0;
}

static void check_done(struct hidden_check *check)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		rule_groups_done(&check->groups[family]);
	range_numbers_done(&check->found);
}

int check_hidden_rules(const struct config_source *source, const struct ranges inside[N_FAMILIES])
{
	_cleanup_(check_done) struct hidden_check check = { .source = source, .inside = inside };
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++)
		r = make_groups(&check, family);
	for (size_t i = 0; i < source->n_sections && r == 0; i++)
		if (source->sections[i].kind == &section_rule)
			r = check_rule(&check, &source->sections[i]);
	return r;
}
