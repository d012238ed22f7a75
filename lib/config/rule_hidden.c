// SPDX-License-Identifier: GPL-2.0-or-later
// Finds rules that never match, because an earlier one matches all that they would.
// Bounds beside one another tell most pairs of rules apart, without a look at their lists.

#include "config/source.h"

#include <string.h>

/* What a rule matches in one family, from the outside. */
struct rule_bounds {
	bool has;
	uint8_t asks; /* a bit for each field that does not match everything */
	uint16_t first_dport, last_dport;
	struct range destination;
};

static struct range bounds_of(const struct ranges *ranges)
{
	static const struct range all = { .last = { UINT64_MAX, UINT64_MAX } };

	return ranges->n > 0 ? (struct range){ ranges->v[0].first, ranges->v[ranges->n - 1].last }
			     : all;
}

static struct rule_bounds make_bounds(const struct rule_conf *rule, enum family family)
{
	const struct ranges *fields = rule->fields[family];
	struct rule_bounds bounds = {
		.has = rule->has[family],
		.destination = bounds_of(&fields[RULE_DESTINATION]),
	};
	struct range dport = bounds_of(&fields[RULE_DPORT]);

	bounds.first_dport = (uint16_t)dport.first.low;
	bounds.last_dport = (uint16_t)dport.last.low;
	for (enum rule_field field = 0; field < N_RULE_FIELDS; field++)
		bounds.asks |= (fields[field].n > 0) << field;
	return bounds;
}

static bool is_within(struct range a, struct range b)
{
	return point_cmp(b.first, a.first) <= 0 && point_cmp(a.last, b.last) <= 0;
}

/* False: there is a flow of the family that b matches, and a does not. */
static bool may_hide(const struct rule_bounds *a, const struct rule_bounds *b)
{
	if (!b->has)
		return true;
	/* All sources together are as good as none. */
	return a->has && (a->asks & ~(b->asks | 1U << RULE_SOURCE)) == 0 &&
	       a->first_dport <= b->first_dport && b->last_dport <= a->last_dport &&
	       is_within(b->destination, a->destination);
}

/* Each flow of the family that b matches, a matches too. */
static bool hides(const struct rule_conf *a, const struct rule_conf *b, const struct ranges *inside,
		  enum family family)
{
	if (!b->has[family])
		return true;
	for (enum rule_field field = 0; field < N_RULE_FIELDS; field++) {
		const struct ranges *of_a = &a->fields[family][field];
		const struct ranges *of_b = &b->fields[family][field];

		if (of_b->n == 0 && field == RULE_SOURCE)
			of_b = &inside[family];
		if (of_a->n > 0 && !ranges_contain(of_a, of_b))
			return false;
	}
	return true;
}

static int check_rule(const struct config_source *source, const struct section *section,
		      const struct ranges *inside, const struct rule_bounds (*bounds)[N_FAMILIES])
{
	const struct rule_conf *rules = source->config.rules;
	size_t rule = section->index;

	for (size_t i = 0; i < rule; i++)
		if (may_hide(&bounds[i][IPV4], &bounds[rule][IPV4]) &&
		    may_hide(&bounds[i][IPV6], &bounds[rule][IPV6]) &&
		    hides(&rules[i], &rules[rule], inside, IPV4) &&
		    hides(&rules[i], &rules[rule], inside, IPV6))
			return config_mistake(source, section, NULL,
					      "it never matches: [rule %s], in line %u, comes "
					      "first and matches the same flows",
					      rules[i].name,
					      config_section(source, &section_rule, i)->line);
	return 0;
}

int check_hidden_rules(const struct config_source *source, const struct ranges inside[N_FAMILIES])
{
	const struct config *config = &source->config;
	_cleanup_(freep) struct rule_bounds(*bounds)[N_FAMILIES] =
		calloc(config->n_rules + 1, sizeof(*bounds));
	int r = 0;

	if (!bounds)
		return config_no_memory(source);
	for (size_t i = 0; i < config->n_rules; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			bounds[i][family] = make_bounds(&config->rules[i], family);
	for (size_t i = 0; i < source->n_sections && r == 0; i++)
		if (source->sections[i].kind == &section_rule)
			r = check_rule(source, &source->sections[i], inside, bounds);
	return r;
}
