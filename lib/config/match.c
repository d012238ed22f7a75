// SPDX-License-Identifier: GPL-2.0-or-later
// Which rule a new flow meets: the first that matches in all of its fields.
// The kernel finds the same one with maps, which plan/ makes of the rules.

#include "config/match.h"

bool rule_field_matches(const struct rule_conf *rule, const struct flow *flow,
			enum rule_field field)
{
	const struct ranges *ranges = &rule->fields[flow->family][field];
	const struct point values[N_RULE_FIELDS] = {
		[RULE_SOURCE] = point_of_addr(flow->source),
		[RULE_DESTINATION] = point_of_addr(flow->destination),
		[RULE_PROTOCOL] = point_of_number(flow->protocol),
		[RULE_SPORT] = point_of_number(flow->sport),
		[RULE_DPORT] = point_of_number(flow->dport),
		[RULE_DSCP] = point_of_number(flow->dscp),
	};

	return ranges->n == 0 || ranges_have(ranges, values[field]);
}

bool rule_matches(const struct rule_conf *rule, const struct flow *flow)
{
	if (!rule->has[flow->family])
		return false;
	for (enum rule_field field = 0; field < N_RULE_FIELDS; field++)
		if (!rule_field_matches(rule, flow, field))
			return false;
	return true;
}

const struct rule_conf *rule_match(const struct config *config, const struct flow *flow)
{
	for (size_t i = 0; i < config->n_rules; i++)
		if (rule_matches(&config->rules[i], flow))
			return &config->rules[i];
	return NULL;
}
