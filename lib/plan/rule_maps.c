// SPDX-License-Identifier: GPL-2.0-or-later
// Deals rules to maps, and maps to blocks.
// Rules that may share a map are a group, whose index finds those that a rule overlaps.

#include "plan/rule_maps.h"

#include "base/util.h"

#include <string.h>

/* A rule with more boxes than this looks up its longest list only, and says the rest in words. */
#define MOST_BOXES 16384
/* Taking earlier rules out of a rule may give so many boxes, for n that it had. */
#define MOST_PIECES(n) (4 * (n) + 64)

#define FEW_NETWORKS 2048

#define ADDRESSES (RULE_BIT(RULE_SOURCE) | RULE_BIT(RULE_DESTINATION))
#define ALL_KEYS (ADDRESSES | RULE_BIT(RULE_PROTOCOL) | RULE_BIT(RULE_SPORT) | RULE_BIT(RULE_DPORT))

/* Rules of a class share a map, also if not all ask for the same fields. */
enum rule_class {
	CLASS_DESTINATION,
	CLASS_DPORT, /* and no destination */
	CLASS_NONE,
};

struct rule_maker {
	const struct config *config;
	enum family family;
	rule_fields of_class[CLASS_NONE]; /* what its rules ask for, all together */
	struct rule_groups groups;  /* owned; by keys and guards: whose rules may share a map */
	struct range_numbers found; /* owned */
	size_t *map_of;		    /* owned; by the rule's index; NO_MAP: not yet in one */
	struct rule_maps *maps;
};

#define NO_MAP SIZE_MAX

void rule_maps_done(struct rule_maps *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		rule_boxes_done(&maps->v[i].boxes);
	free(maps->v);
	*maps = (struct rule_maps){};
}

static const struct ranges *fields_of(const struct rule_maker *maker, size_t rule)
{
	return maker->config->rules[rule].fields[maker->family];
}

/* ---- which map ---- */

static rule_fields fields_asked(const struct rule_maker *maker, size_t rule)
{
	return rule_asks(&maker->config->rules[rule], maker->family);
}

/* Only rules with few boxes; and nft has no more than five fields in a key, with the rank. */
static enum rule_class class_of(const struct rule_maker *maker, size_t rule)
{
	rule_fields asked = fields_asked(maker, rule);

	if (asked & RULE_BIT(RULE_SPORT) ||
	    rule_boxes_count(&maker->config->rules[rule], maker->family, asked) > MOST_BOXES)
		return CLASS_NONE;
	return asked & RULE_BIT(RULE_DESTINATION) ? CLASS_DESTINATION
	       : asked & RULE_BIT(RULE_DPORT)	  ? CLASS_DPORT
						  : CLASS_NONE;
}

/*
 * What the rules of each class ask for in the family. Up to some number of networks, a key of two
 * fields is faster than an address alone: the kernel has another kind of map for it.
 */
static void find_classes(struct rule_maker *maker)
{
	size_t n_networks = 0;

	memset(maker->of_class, 0, sizeof(maker->of_class));
	for (size_t i = 0; i < maker->config->n_rules; i++) {
		enum rule_class class = class_of(maker, i);

		if (maker->config->rules[i].has[maker->family] && class != CLASS_NONE)
			maker->of_class[class] |= fields_asked(maker, i) & ~RULE_BIT(RULE_DSCP);
		n_networks += fields_of(maker, i)[RULE_DESTINATION].n;
	}
	if (maker->of_class[CLASS_DESTINATION] == RULE_BIT(RULE_DESTINATION) &&
	    n_networks <= FEW_NETWORKS)
		maker->of_class[CLASS_DESTINATION] |= RULE_BIT(RULE_PROTOCOL);
}

/* The longest list of the rule, which has too many boxes for all of them. */
static rule_fields longest_of(const struct rule_maker *maker, size_t rule)
{
	const struct ranges *fields = fields_of(maker, rule);
	unsigned longest = 0;

	for (unsigned field = 0; field < N_RULE_FIELDS; field++)
		if (field != RULE_DSCP && fields[field].n > fields[longest].n)
			longest = field;
	return RULE_BIT(longest);
}

static void divide_fields(const struct rule_maker *maker, size_t rule, struct rule_map *ret)
{
	rule_fields asked = fields_asked(maker, rule);
	enum rule_class class = class_of(maker, rule);

	ret->keys = asked & ~RULE_BIT(RULE_DSCP);
	if (ret->keys == ALL_KEYS)
		ret->keys &= ~RULE_BIT(RULE_PROTOCOL);
	if (class != CLASS_NONE)
		ret->keys = maker->of_class[class];
	else if (rule_boxes_count(&maker->config->rules[rule], maker->family, ret->keys) >
		 MOST_BOXES)
		ret->keys = longest_of(maker, rule);
	ret->guards = asked & ~ret->keys;
}

static bool same_ranges(const struct ranges *a, const struct ranges *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++)
		if (point_cmp(a->v[i].first, b->v[i].first) != 0 ||
		    point_cmp(a->v[i].last, b->v[i].last) != 0)
			return false;
	return a->n == b->n;
}

/* True when the rule asks for the same fields as those in the map, and for the same guards. */
static bool is_alike(const struct rule_maker *maker, const struct rule_map *map,
		     const struct rule_map *like, size_t rule)
{
	const struct ranges *a = fields_of(maker, map->first), *b = fields_of(maker, rule);

	if (map->family != maker->family || map->keys != like->keys || map->guards != like->guards)
		return false;
	for (unsigned field = 0; field < N_RULE_FIELDS; field++)
		if (map->guards & RULE_BIT(field) && !same_ranges(&a[field], &b[field]))
			return false;
	return true;
}

/* ---- what is left of a rule in a map ---- */

static bool overlap(const struct rule_maker *maker, size_t a, size_t b, rule_fields keys)
{
	const struct ranges *of_a = fields_of(maker, a), *of_b = fields_of(maker, b);

	for (unsigned field = 0; field < N_RULE_FIELDS; field++)
		if (keys & RULE_BIT(field) && of_a[field].n > 0 && of_b[field].n > 0 &&
		    !ranges_overlap(&of_a[field], &of_b[field]))
			return false;
	return true;
}

/* Takes the earlier rules of the map out of the boxes. 0, -E2BIG or -ENOMEM. */
static int subtract_map(struct rule_maker *maker, size_t map, size_t rule, struct rule_boxes *boxes)
{
	const struct rule_map *of = &maker->maps->v[map];
	const struct rule_group *group = rule_groups_find(&maker->groups, of->keys, of->guards);
	const struct ranges *values = &fields_of(maker, rule)[group->by];
	size_t most = MOST_PIECES(boxes->n);
	int r = rule_group_find(group, ranges_bounds(values), &maker->found);

	for (size_t i = 0; i < maker->found.n && r == 0; i++) {
		size_t other = maker->found.v[i];

		if (maker->map_of[other] == map && overlap(maker, other, rule, of->keys))
			r = rule_boxes_subtract(boxes, &maker->config->rules[other], maker->family,
						of->keys, most);
	}
	return r;
}

/* 0: it is in the map; -E2BIG: it can't be; -ENOMEM. */
static int add_to_map(struct rule_maker *maker, size_t map, size_t rule)
{
	struct rule_map *to = &maker->maps->v[map];
	_cleanup_(rule_boxes_done) struct rule_boxes boxes = {};
	int r = rule_boxes_make(maker->config, rule, maker->family, to->keys, &boxes);

	if (r == 0)
		r = subtract_map(maker, map, rule, &boxes);
	for (size_t i = 0; i < boxes.n && r == 0; i++)
		r = APPEND(to->boxes.v, to->boxes.n, boxes.v[i]);
	if (r < 0)
		return r;
	maker->map_of[rule] = map;
	to->last = rule;
	return 0;
}

static int add_rule(struct rule_maker *maker, size_t rule)
{
	struct rule_map like = { .family = maker->family, .first = rule, .last = rule };
	int r = -E2BIG;

	divide_fields(maker, rule, &like);
	for (size_t i = 0; i < maker->maps->n && r == -E2BIG; i++)
		if (is_alike(maker, &maker->maps->v[i], &like, rule))
			r = add_to_map(maker, i, rule);
	if (r != -E2BIG)
		return r;
	r = APPEND(maker->maps->v, maker->maps->n, like);
	return r < 0 ? r : add_to_map(maker, maker->maps->n - 1, rule);
}

/* ---- blocks and names ---- */

/* Maps have been made in the order of their first rules. */
static void make_blocks(struct rule_maps *maps)
{
	size_t last = 0;

	for (size_t i = 0; i < maps->n; i++) {
		struct rule_map *map = &maps->v[i], *before = i > 0 ? map - 1 : NULL;
		bool joins = before && before->family == map->family && map->first < last;

		map->block = !before ? 0 : before->block + !joins;
		map->ranked = joins;
		if (!joins || map->last > last)
			last = map->last;
	}
}

/* FNV-1a, of 32 bits. */
static uint32_t hash_bytes(uint32_t hash, const void *data, size_t n)
{
	for (const uint8_t *byte = data; n > 0; byte++, n--)
		hash = (hash ^ *byte) * 16777619U;
	return hash;
}

/* Of all that the maps of the block say. */
static uint32_t hash_block(const struct config *config, const struct rule_maps *maps, size_t block)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < maps->n; i++) {
		const struct rule_map *map = &maps->v[i];

		if (map->block != block)
			continue;
		hash = hash_bytes(hash, &map->keys, sizeof(map->keys));
		for (size_t b = 0; b < map->boxes.n; b++) {
			const struct rule_box *box = &map->boxes.v[b];
			const char *policy = config->policies[config->rules[box->rule].policy].name;

			/* The fields that are not of the key are all zero. */
			hash = hash_bytes(hash, box->v, sizeof(box->v));
			hash = hash_bytes(hash, policy, strlen(policy) + 1);
			if (rule_map_shares_block(maps, map))
				hash = hash_bytes(hash, &box->rule, sizeof(box->rule));
		}
	}
	return hash;
}

static void make_name(const struct config *config, const struct rule_maps *maps,
		      struct rule_map *map)
{
	static const char *const words[N_RULE_FIELDS] = { "_saddr", "_daddr", "_l4proto",
							  "_sport", "_dport", "" };
	bool is_mark = rule_map_shares_block(maps, map);
	uint32_t hash = hash_block(config, maps, map->block);
	size_t n = 0, like = 1;

	n += (size_t)snprintf(map->name, sizeof(map->name), "%s%c",
			      map->ranked ? "ranked"
			      : is_mark	  ? "ranks"
					  : "rules",
			      family_digit(map->family));
	for (unsigned field = 0; field < N_RULE_FIELDS; field++)
		if (map->keys & RULE_BIT(field))
			n += (size_t)snprintf(map->name + n, sizeof(map->name) - n, "%s",
					      words[field]);
	n += (size_t)snprintf(map->name + n, sizeof(map->name) - n, ".%08x", hash);
	for (const struct rule_map *other = maps->v; other < map; other++)
		like += strncmp(other->name, map->name, n) == 0;
	if (like > 1)
		snprintf(map->name + n, sizeof(map->name) - n, ".%zu", like);
	if (is_mark)
		snprintf(map->ranks, sizeof(map->ranks), "policies%c.%08x",
			 family_digit(map->family), hash);
}

bool rule_map_shares_block(const struct rule_maps *maps, const struct rule_map *map)
{
	const struct rule_map *end = maps->v + maps->n;

	return (map > maps->v && map[-1].block == map->block) ||
	       (map + 1 < end && map[1].block == map->block);
}

/* Groups the rules of the family, in the order of the file. */
static int make_groups(struct rule_maker *maker)
{
	const struct config *config = maker->config;
	int r = 0;

	rule_groups_done(&maker->groups);
	for (size_t i = 0; i < config->n_rules && r == 0; i++) {
		struct rule_map like = { .family = maker->family };

		maker->map_of[i] = NO_MAP;
		if (!config->rules[i].has[maker->family])
			continue;
		divide_fields(maker, i, &like);
		r = rule_groups_add(&maker->groups, config, maker->family, i, like.keys,
				    like.guards);
	}
	rule_groups_sort(&maker->groups);
	return r;
}

static void maker_done(struct rule_maker *maker)
{
	rule_groups_done(&maker->groups);
	range_numbers_done(&maker->found);
	free(maker->map_of);
}

int rule_maps_make(const struct config *config, struct rule_maps *ret)
{
	_cleanup_(rule_maps_done) struct rule_maps maps = {};
	_cleanup_(maker_done) struct rule_maker maker = { .config = config, .maps = &maps };
	int r = 0;

	maker.map_of = calloc(config->n_rules + 1, sizeof(*maker.map_of));
	if (!maker.map_of)
		return -ENOMEM;
	for (maker.family = 0; maker.family < N_FAMILIES && r == 0; maker.family++) {
		find_classes(&maker);
		r = make_groups(&maker);
		for (size_t i = 0; i < config->n_rules && r == 0; i++)
			if (config->rules[i].has[maker.family])
				r = add_rule(&maker, i);
	}
	if (r < 0)
		return r;
	make_blocks(&maps);
	for (size_t i = 0; i < maps.n; i++)
		make_name(config, &maps, &maps.v[i]);
	*ret = TAKE(maps);
	return 0;
}
