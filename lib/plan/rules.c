// SPDX-License-Identifier: GPL-2.0-or-later
// Writes rules as nft text: maps, what is in them, and the look-ups of a new flow.
// A block of one map leads to a policy at once; one of several finds a rank first.

#include "plan/rules.h"

#include "plan/desired_nft.h"
#include "plan/elements.h"

#define TABLE "inet mangle"

struct policy_chain policy_chain(const struct config *config, size_t policy)
{
	struct policy_chain chain = { "balance" };

	if (policy > 0)
		snprintf(chain.s, sizeof(chain.s), "policy/%s", config->policies[policy].name);
	return chain;
}

static struct policy_chain chain_of(const struct config *config, size_t rule)
{
	return policy_chain(config, config->rules[rule].policy);
}

/*
 * The order of a key's fields: what differs most between rules comes first. The kernel goes on with
 * each element that has matched so far, one by one: a thousand have the same protocol.
 */
static const enum rule_field in_order[] = { RULE_DESTINATION, RULE_DPORT, RULE_SPORT, RULE_SOURCE,
					    RULE_PROTOCOL };

/* The fields of a map's key, as nft has them; last the rank. */
static void write_key(const struct rule_map *map, FILE *f)
{
	static const char *const words[N_FAMILIES][N_RULE_FIELDS] = {
		{ "ip saddr", "ip daddr", "meta l4proto", "th sport", "th dport", "ip dscp" },
		{ "ip6 saddr", "ip6 daddr", "meta l4proto", "th sport", "th dport", "ip6 dscp" },
	};
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_SIZE(in_order); i++) {
		if (!(map->keys & RULE_BIT(in_order[i])))
			continue;
		fprintf(f, "%s%s", separator, words[map->family][in_order[i]]);
		separator = " . ";
	}
	if (map->ranked)
		fprintf(f, "%smeta mark", separator);
}

static void write_range(const struct range *range, enum family family, unsigned field, FILE *f)
{
	int af = family_af(family);

	if (field == RULE_SOURCE || field == RULE_DESTINATION) {
		fputs(addr_str(point_addr(range->first, af)).s, f);
		if (point_cmp(range->first, range->last) != 0)
			fprintf(f, "-%s", addr_str(point_addr(range->last, af)).s);
		return;
	}
	fprintf(f, "%ju", (uintmax_t)range->first.low);
	if (point_cmp(range->first, range->last) != 0)
		fprintf(f, "-%ju", (uintmax_t)range->last.low);
}

static bool has_map(const struct rule_map *map)
{
	return map->keys != 0;
}

/* ---- maps ---- */

void rules_declare(const struct config *config, const struct rule_maps *maps, FILE *f)
{
	for (size_t i = 0; i < config->n_policies && config->n_rules > 0; i++)
		fprintf(f, "add chain " TABLE " %s\n", policy_chain(config, i).s);
	for (size_t i = 0; i < maps->n; i++) {
		const struct rule_map *map = &maps->v[i];
		bool is_mark = rule_map_shares_block(maps, map);

		if (is_mark && !map->ranked)
			fprintf(f, "add map " TABLE " %s { type mark : verdict; }\n", map->ranks);
		if (!has_map(map))
			continue;
		fprintf(f, "add map " TABLE " %s { typeof ", map->name);
		write_key(map, f);
		fprintf(f, " : %s; flags interval; }\n", is_mark ? "meta mark" : "verdict");
	}
}

/* "inet mangle rules4_…" */
struct map_path {
	char s[128];
};

static struct map_path path_of(const char *map)
{
	struct map_path path;

	snprintf(path.s, sizeof(path.s), TABLE " %s", map);
	return path;
}

static void write_box(const struct config *config, const struct rule_map *map,
		      const struct rule_box *box, bool is_mark, FILE *f)
{
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_SIZE(in_order); i++) {
		enum rule_field field = in_order[i];

		if (!(map->keys & RULE_BIT(field)))
			continue;
		fputs(separator, f);
		write_range(&box->v[field], map->family, field, f);
		separator = " . ";
	}
	if (map->ranked)
		fprintf(f, "%s%u-%u", separator, rule_rank(box->rule) + 1, RANK_NONE);
	if (is_mark)
		fprintf(f, " : %u", rule_rank(box->rule));
	else
		fprintf(f, " : goto %s", chain_of(config, box->rule).s);
}

static void fill_map(const struct config *config, const struct rule_map *map, bool is_mark, FILE *f)
{
	struct map_path path = path_of(map->name);
	struct elements elements = { f, path.s };

	fprintf(f, "# map %s\n", path.s);
	for (size_t i = 0; i < map->boxes.n; i++) {
		elements_next(&elements);
		write_box(config, map, &map->boxes.v[i], is_mark, f);
	}
	elements_end(&elements);
}

/* True when a map of the block that begins with this one has the rule. */
static bool is_in_block(const struct rule_maps *maps, const struct rule_map *first, size_t rule)
{
	const struct rule_map *end = maps->v + maps->n;

	for (const struct rule_map *map = first; map < end && map->block == first->block; map++)
		if (map->first <= rule && rule <= map->last)
			return true;
	return false;
}

/* Where each rank leads that the maps of a block may find. */
static void fill_ranks(const struct config *config, const struct rule_maps *maps,
		       const struct rule_map *first, FILE *f)
{
	struct map_path path = path_of(first->ranks);
	struct elements elements = { f, path.s };

	fprintf(f, "# map %s\n", path.s);
	for (size_t i = 0; i < config->n_rules; i++) {
		if (is_in_block(maps, first, i))
			elements_add(&elements, "%u : goto %s", rule_rank(i),
				     chain_of(config, i).s);
	}
	elements_end(&elements);
}

void rules_write_maps(const struct config *config, const struct rule_maps *maps, FILE *f)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct rule_map *map = &maps->v[i];
		bool is_mark = rule_map_shares_block(maps, map);

		if (has_map(map))
			fill_map(config, map, is_mark, f);
		if (is_mark && !map->ranked)
			fill_ranks(config, maps, map, f);
	}
}

/* ---- look-ups ---- */

/* The words that a packet has to match before it is looked up. */
static void write_guards(const struct config *config, const struct rule_map *map, FILE *f)
{
	static const char *const words[N_RULE_FIELDS] = { "saddr",    "daddr",	  "meta l4proto",
							  "th sport", "th dport", "dscp" };
	rule_fields of_ip =
		RULE_BIT(RULE_SOURCE) | RULE_BIT(RULE_DESTINATION) | RULE_BIT(RULE_DSCP);
	const struct rule_conf *rule = &config->rules[map->first];

	if (((map->guards | map->keys) & of_ip) == 0)
		fprintf(f, "meta nfproto %s ", family_word(map->family));
	for (unsigned field = 0; field < N_RULE_FIELDS; field++) {
		const struct ranges *ranges = &rule->fields[map->family][field];
		const char *ip = map->family == IPV4 ? "ip " : "ip6 ";

		if (!(map->guards & RULE_BIT(field)))
			continue;
		fprintf(f, "%s%s { ", of_ip & RULE_BIT(field) ? ip : "", words[field]);
		for (size_t i = 0; i < ranges->n; i++) {
			fputs(i > 0 ? ", " : "", f);
			write_range(&ranges->v[i], map->family, field, f);
		}
		fputs(" } ", f);
	}
}

/* One map alone: what it has leads to a policy. */
static void look_up(const struct config *config, const struct rule_map *map, const char *rule,
		    FILE *f)
{
	fprintf(f, "%s ", rule);
	write_guards(config, map, f);
	if (has_map(map)) {
		write_key(map, f);
		fprintf(f, " vmap @%s\n", map->name);
	} else {
		fprintf(f, "goto %s\n", chain_of(config, map->first).s);
	}
}

/* One map of several: it may find an earlier rule than the maps before it have. */
static void look_up_rank(const struct config *config, const struct rule_map *map, const char *rule,
			 FILE *f)
{
	unsigned rank = rule_rank(map->first);

	fprintf(f, "%s ", rule);
	write_guards(config, map, f);
	if (has_map(map)) {
		fputs("meta mark set ", f);
		write_key(map, f);
		fprintf(f, " map @%s\n", map->name);
	} else {
		if (map->ranked)
			fprintf(f, "meta mark > %u ", rank);
		fprintf(f, "meta mark set %u\n", rank);
	}
}

void rules_write_lookups(const struct config *config, const struct rule_maps *maps,
			 const char *rule, FILE *f)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct rule_map *map = &maps->v[i];
		const char *family = family_word(map->family);
		bool ends = i + 1 == maps->n || map[1].block != map->block;

		if (!rule_map_shares_block(maps, map)) {
			look_up(config, map, rule, f);
			continue;
		}
		if (!map->ranked)
			fprintf(f, "%s meta nfproto %s meta mark set %u\n", rule, family,
				RANK_NONE);
		look_up_rank(config, map, rule, f);
		if (!ends)
			continue;
		fprintf(f, "%s meta nfproto %s meta mark != %u meta mark vmap @%s\n", rule, family,
			RANK_NONE, map->ranks);
		fprintf(f, "%s meta nfproto %s meta mark set %d\n", rule, family, MARK_SEEN);
	}
}
