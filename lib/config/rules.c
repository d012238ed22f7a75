// SPDX-License-Identifier: GPL-2.0-or-later
// [rule NAME]: which new flows from inside have WANs of their own, and which WANs these are.
// Each key has been read; here rules are completed, compared with one another, and led to policies.

#include "base/flow.h"
#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

#define RULE(member) offsetof(struct rule_conf, member)
#define FIELD(field) RULE(fields[IPV4][field])

static const char *const source_keys[] = { "source", "destination" };

/* Where flows from inside come from, of each family. */
static int find_inside(const struct config *config, struct ranges inside[N_FAMILIES])
{
	int r = 0;

	for (size_t i = 0; i < config_n_inside4(config) && r == 0; i++)
		r = ranges_add(&inside[IPV4], range_of_prefix(config_inside4(config, i)));
	if (r == 0 && config->lan.prefix6.len > 0)
		r = ranges_add(&inside[IPV6], range_of_prefix(config->lan.prefix6));
	if (r == 0 && config->lan.router6.family)
		r = ranges_add(&inside[IPV6], range_of_prefix(prefix_host(config->lan.router6)));
	ranges_sort(&inside[IPV4]);
	ranges_sort(&inside[IPV6]);
	return r;
}

/* ---- one rule ---- */

static bool is_set(const struct rule_conf *rule, enum rule_field field)
{
	return rule->fields[IPV4][field].n > 0 || rule->fields[IPV6][field].n > 0;
}

static int read_files(struct config_source *source, const struct section *section,
		      struct rule_conf *rule)
{
	int r = 0;

	for (enum rule_field field = RULE_SOURCE; field <= RULE_DESTINATION; field++) {
		struct ranges *lists[] = { &rule->fields[IPV4][field], &rule->fields[IPV6][field] };

		for (size_t i = 0; i < rule->files[field].n && r == 0; i++)
			r = rule_read_file(source, section, source_keys[field],
					   rule->files[field].v[i], lists);
	}
	return r;
}

/* Ports belong to protocols that have them: TCP and UDP, if none is named. */
static int check_ports(const struct config_source *source, const struct section *section,
		       struct rule_conf *rule)
{
	const char *key = is_set(rule, RULE_SPORT) ? "sport" : "dport";
	int r = 0;

	if (!is_set(rule, RULE_SPORT) && !is_set(rule, RULE_DPORT))
		return 0;
	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		struct ranges *protocols = &rule->fields[family][RULE_PROTOCOL];

		if (protocols->n == 0) {
			r = ranges_add(protocols, range_of_numbers(IPPROTO_TCP, IPPROTO_TCP));
			if (r == 0)
				r = ranges_add(protocols,
					       range_of_numbers(IPPROTO_UDP, IPPROTO_UDP));
		}
		for (size_t i = 0; i < protocols->n; i++)
			if (!protocol_has_ports((uint8_t)protocols->v[i].first.low))
				return config_mistake(
					source, section, key,
					"not each protocol of the rule has ports: "
					"leave the ports out, or name tcp, udp, sctp, dccp or "
					"udplite only");
	}
	return r < 0 ? config_no_memory(source) : 0;
}

/* The rule may have the family: its lists have addresses of it, and flows come from there. */
static void find_families(const struct ranges *inside, struct rule_conf *rule)
{
	for (enum family family = 0; family < N_FAMILIES; family++) {
		const struct ranges *from = &rule->fields[family][RULE_SOURCE];

		rule->has[family] = inside[family].n > 0;
		for (enum rule_field field = 0; field < N_RULE_FIELDS; field++)
			rule->has[family] &= !is_set(rule, field) || rule->fields[family][field].n;
		if (from->n > 0 && !ranges_overlap(from, &inside[family]))
			rule->has[family] = false;
	}
}

static int check_families(const struct config_source *source, const struct section *section,
			  const struct ranges *inside, const struct rule_conf *rule)
{
	if (rule->has[IPV4] || rule->has[IPV6])
		return 0;
	if (is_set(rule, RULE_SOURCE) &&
	    !ranges_overlap(&rule->fields[IPV4][RULE_SOURCE], &inside[IPV4]) &&
	    !ranges_overlap(&rule->fields[IPV6][RULE_SOURCE], &inside[IPV6]))
		return config_mistake(source, section, "source",
				      "it never matches: no flow from inside has such a source "
				      "(rules see what OPNsense sends, after its NAT)");
	if (is_set(rule, RULE_SOURCE))
		return config_mistake(source, section, "destination",
				      "it never matches: source and destination have no family of "
				      "addresses in common");
	return config_mistake(
		source, section, "destination",
		"it never matches: the LAN link has no IPv6, for [lan] has no prefix6");
}

static int complete(struct config_source *source, const struct section *section,
		    const struct ranges *inside, struct rule_conf *rule)
{
	int r = read_files(source, section, rule);

	for (enum family family = 0; family < N_FAMILIES; family++)
		for (enum rule_field field = 0; field < N_RULE_FIELDS; field++)
			ranges_sort(&rule->fields[family][field]);
	if (r == 0)
		r = check_ports(source, section, rule);
	if (r < 0)
		return r;
	find_families(inside, rule);
	return check_families(source, section, inside, rule);
}

/* ---- policies ---- */

static int add_policy(struct config *config, struct policy policy, size_t *ret)
{
	for (size_t i = 0; i < config->n_policies; i++) {
		const struct policy *other = &config->policies[i];

		if (other->mode != policy.mode || other->unreachable != policy.unreachable ||
		    memcmp(other->wans, policy.wans, config->n_wans * sizeof(*policy.wans)) != 0)
			continue;
		free(policy.wans);
		*ret = i;
		return 0;
	}
	*ret = config->n_policies;
	/* Many WANs are a number in the name, which others may have as well. */
	for (size_t i = 1; i < config->n_policies; i++)
		if (strcmp(config->policies[i].name, policy.name) == 0)
			snprintf(policy.name, sizeof(policy.name), "wans-%zu", *ret);
	if (APPEND(config->policies, config->n_policies, policy) == 0)
		return 0;
	free(policy.wans);
	return -ENOMEM;
}

static int add_balance(struct config *config)
{
	struct policy policy = { .mode = config->balance };
	size_t first;

	policy.wans = calloc(config->n_wans, sizeof(*policy.wans));
	if (!policy.wans)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++)
		policy.wans[i] = true;
	return add_policy(config, policy, &first);
}

static int read_wans(const struct config_source *source, const struct section *section, bool *wans)
{
	const struct config *config = &source->config;
	_cleanup_(freep) char *copy = strdup(section_setting(section, "wans")->value);
	char *rest = copy, *item;

	if (!copy)
		return config_no_memory(source);
	while ((item = parse_item(&rest, ", \t\n"))) {
		size_t wan = config_find_wan(config, item);

		if (wan == config->n_wans)
			return config_mistake(source, section, "wans",
					      "there is no WAN with the name %s", quote(item).s);
		if (wans[wan])
			return config_mistake(source, section, "wans", "%s is there twice",
					      quote(item).s);
		wans[wan] = true;
	}
	return 0;
}

/*
 * The name says what the policy is, so that objects of that name never become another's. Many WANs
 * are a number in it.
 */
static void name_policy(const struct config *config, const bool *wans, struct policy *policy)
{
	static const char *const modes[] = { "flow", "source", "source-destination" };
	uint32_t hash = 2166136261U; /* FNV-1a */
	char names[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < config->n_wans; i++) {
		if (!wans[i])
			continue;
		hash = (hash ^ config->wans[i].mark) * 16777619U;
		n += (size_t)snprintf(n < sizeof(names) ? names + n : NULL,
				      n < sizeof(names) ? sizeof(names) - n : 0, "%s%s",
				      n > 0 ? "." : "", config->wans[i].name);
	}
	if (n >= sizeof(names))
		snprintf(names, sizeof(names), "wans-%08x", hash);
	snprintf(policy->name, sizeof(policy->name), "%s%s%s%s", names,
		 policy->mode != config->balance ? "/" : "",
		 policy->mode != config->balance ? modes[policy->mode] : "",
		 policy->unreachable ? "/unreachable" : "");
}

static int find_policy(struct config_source *source, const struct section *section,
		       struct rule_conf *rule)
{
	struct config *config = &source->config;
	_cleanup_(freep) bool *wans = calloc(config->n_wans, sizeof(*wans));
	struct policy policy = {
		.mode = rule->own_mode ? rule->mode : config->balance,
		.unreachable = rule->unreachable,
	};
	int r;

	if (!wans)
		return config_no_memory(source);
	r = read_wans(source, section, wans);
	if (r < 0)
		return r;
	name_policy(config, wans, &policy);
	policy.wans = TAKE(wans);
	return add_policy(config, policy, &rule->policy) < 0 ? config_no_memory(source) : 0;
}

/* Reads on in each rule, whose keys alone are known so far. */
static int complete_all(struct config_source *source, const struct ranges *inside)
{
	int r = 0;

	for (size_t i = 0; i < source->n_sections && r == 0; i++) {
		const struct section *section = &source->sections[i];
		struct rule_conf *rule = &source->config.rules[section->index];

		if (section->kind != &section_rule)
			continue;
		r = complete(source, section, inside, rule);
		if (r == 0)
			r = find_policy(source, section, rule);
	}
	return r;
}

static int check_rules(struct config_source *source)
{
	struct ranges inside[N_FAMILIES] = {};
	int r = find_inside(&source->config, inside);

	if (r == 0)
		r = add_balance(&source->config);
	r = r < 0 ? config_no_memory(source) : complete_all(source, inside);
	if (r == 0)
		r = check_hidden_rules(source, inside);
	ranges_done(&inside[IPV4]);
	ranges_done(&inside[IPV6]);
	return r;
}

static void done_rule(void *base)
{
	struct rule_conf *rule = base;

	for (enum family family = 0; family < N_FAMILIES; family++)
		for (enum rule_field field = 0; field < N_RULE_FIELDS; field++)
			ranges_done(&rule->fields[family][field]);
	string_list_done(&rule->files[RULE_SOURCE]);
	string_list_done(&rule->files[RULE_DESTINATION]);
}

#define NETWORKS "addresses, prefixes and @FILE"
#define PORTS "a port from 1 to 65535, or a range such as 5060-5061"

/* clang-format off */
static const struct key rule_keys[] = {
	{ "source", set_rule_networks, FIELD(RULE_SOURCE), "", NETWORKS, .min = RULE_SOURCE },
	{ "destination", set_rule_networks, FIELD(RULE_DESTINATION), "", NETWORKS,
	  .min = RULE_DESTINATION },
	{ "protocol", set_rule_protocols, FIELD(RULE_PROTOCOL), "",
	  "tcp, udp, icmp, esp, ah, gre, sctp, dccp, udplite or a number from 0 to 255" },
	{ "sport", set_rule_ports, FIELD(RULE_SPORT), "", PORTS },
	{ "dport", set_rule_ports, FIELD(RULE_DPORT), "", PORTS },
	{ "dscp", set_rule_dscp, FIELD(RULE_DSCP), "",
	  "a class such as ef, cs1 or af41, or a number from 0 to 63" },
	{ "wans", set_rule_wans, 0, NULL, "the names of one or more WANs" },
	{ "mode", set_rule_mode, 0, "",
	  "flow, source or source-destination, or empty",
	  WORDS([BALANCE_FLOW] = "flow", [BALANCE_SOURCE] = "source",
		[BALANCE_SOURCE_DESTINATION] = "source-destination") },
	{ "otherwise", set_switch, RULE(unreachable), "balance",
	  "balance or unreachable", WORDS("balance", "unreachable") },
};

const struct section_kind section_rule = {
	.name = "rule", .keys = rule_keys, .n_keys = ARRAY_SIZE(rule_keys), .example = "voice",
	.offset = offsetof(struct config, rules), .n_offset = offsetof(struct config, n_rules),
	.size = sizeof(struct rule_conf), .check = check_rules, .done = done_rule,
};
/* clang-format on */
