// SPDX-License-Identifier: GPL-2.0-or-later
// Which [rule] a new flow meets, as far as that follows from what is known of it.
// A rule that asks for more may come first: it is named, and the next ones are looked at.

#include "plan/explained.h"

#include "config/match.h"
#include "plan/explain.h"

enum rule_fit {
	RULE_MISSES,
	RULE_MAY_FIT,
	RULE_FITS,
};

/* Nobody says the DSCP of a packet; most have none. */
static bool is_known(const struct flow_query *query, enum rule_field field)
{
	switch (field) {
	case RULE_PROTOCOL:
		return query->has_protocol;
	case RULE_SPORT:
		return query->has_sport;
	case RULE_DPORT:
		return query->has_dport;
	case RULE_DSCP:
		return false;
	case RULE_SOURCE:
	case RULE_DESTINATION:
	case N_RULE_FIELDS:
		break;
	}
	return true;
}

static bool asks_for(const struct rule_conf *rule, enum family family, enum rule_field field)
{
	return rule->fields[family][field].n > 0;
}

static enum rule_fit fit_of(const struct rule_conf *rule, const struct flow_query *query)
{
	enum rule_fit fit = RULE_FITS;

	if (!rule->has[query->flow.family])
		return RULE_MISSES;
	for (enum rule_field field = 0; field < N_RULE_FIELDS; field++) {
		if (!asks_for(rule, query->flow.family, field))
			continue;
		if (!is_known(query, field))
			fit = RULE_MAY_FIT;
		else if (!rule_field_matches(rule, &query->flow, field))
			return RULE_MISSES;
	}
	return fit;
}

/* "its protocol, its dport": what it asks for and is not known. */
static void say_unless(struct explaining *it, const struct rule_conf *rule)
{
	static const char *const words[N_RULE_FIELDS] = {
		[RULE_PROTOCOL] = "protocol",
		[RULE_SPORT] = "sport",
		[RULE_DPORT] = "dport",
		[RULE_DSCP] = "dscp",
	};
	char asks[64] = "";
	size_t length = 0;

	for (enum rule_field field = 0; field < N_RULE_FIELDS; field++)
		if (asks_for(rule, it->family, field) && !is_known(it->query, field))
			length += snprintf(asks + length, sizeof(asks) - length, "%s%s",
					   length ? ", " : "", words[field]);
	explain_say(it, "unless [rule %s] matches, which also asks for %s", rule->name, asks);
}

/* "[rule voice] matches: att, webpass". */
static void say_rule(struct explaining *it, const struct rule_conf *rule)
{
	const struct config *config = it->site->config;
	const struct policy *policy = &config->policies[rule->policy];
	_cleanup_(freep) char *names = NULL;
	size_t size;
	FILE *f = open_memstream(&names, &size);

	for (size_t i = 0; f && i < config->n_wans; i++)
		if (policy->wans[i])
			fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", config->wans[i].name);
	if (!f || fclose(f) != 0 || !names)
		it->r = -ENOMEM;
	else
		explain_say(it, "[rule %s] matches: wans = %s", rule->name, names);
}

const struct rule_conf *explain_rule(struct explaining *it)
{
	const struct config *config = it->site->config;

	for (size_t i = 0; i < config->n_rules; i++) {
		const struct rule_conf *rule = &config->rules[i];

		switch (fit_of(rule, it->query)) {
		case RULE_FITS:
			say_rule(it, rule);
			return rule;
		case RULE_MAY_FIT:
			say_unless(it, rule);
			break;
		case RULE_MISSES:
			break;
		}
	}
	return NULL;
}

static bool has_share(struct explaining *it, const struct rule_conf *rule, size_t wan)
{
	const struct selection *selection;

	it->ret->rule = rule;
	selection = explain_group(it);
	return selection && selection->slots[wan] > 0;
}

bool explain_may_get(const struct site *site, const struct flow_query *query, size_t wan)
{
	const struct config *config = site->config;
	struct explanation unsaid = {};
	struct explaining it = { site, query, query->flow.family, &unsaid, 0 };

	if (config_modem_of(config, query->flow.destination) == wan)
		return true;
	for (size_t i = 0; i < config->n_rules; i++) {
		enum rule_fit fit = fit_of(&config->rules[i], query);

		if (fit != RULE_MISSES && has_share(&it, &config->rules[i], wan))
			return true;
		if (fit == RULE_FITS)
			return false;
	}
	return has_share(&it, NULL, wan);
}
