/*
 * [map4]: the 1:1 map between addresses of the LAN link and public ones.
 */
#include "config_source.h"
#include "parse.h"

#include <errno.h>
#include <string.h>

static int read_item(const struct config_source *source, unsigned line, const char *name,
		     char *text, struct map4_item *ret, struct fault *fault)
{
	struct quoted written = quote(text);
	const char *wan = parse_item(&text, " \t");
	const char *public = parse_item(&text, " \t");
	struct map4_item item = {};

	if (!public || parse_item(&text, " \t"))
		return config_mistake_at(
			source, line, "map4", name, fault,
			"%s is not a WAN and its public address; commas stand between several",
			written.s);
	if (strlen(wan) >= sizeof(item.wan))
		return config_mistake_at(source, line, "map4", name, fault,
					 "there is no WAN with the name %s", quote(wan).s);
	if (addr_parse(public, AF_INET, &item.public) < 0 || !addr_is_host(item.public))
		return config_mistake_at(source, line, "map4", name, fault,
					 "%s is not an IPv4 address of a machine", quote(public).s);

	memcpy(item.wan, wan, strlen(wan) + 1);
	*ret = item;
	return 0;
}

int map4_read(struct config_source *source, unsigned line, const char *name, const char *value,
	      struct fault *fault)
{
	struct map4_line read = { .line = line }, *map4;
	_cleanup_(freep) struct map4_item *items = NULL;
	_cleanup_(freep) char *copy = NULL;
	char *rest, *item;
	int r;

	if (addr_parse(name, AF_INET, &read.inside) < 0)
		return config_mistake_at(source, line, "map4", NULL, fault,
					 "%s is not an IPv4 address of the LAN link",
					 quote(name).s);

	copy = strdup(value);
	items = calloc(strlen(value) / 2 + 1, sizeof(*items));
	map4 = reallocarray(source->map4, source->n_map4 + 1, sizeof(*map4));
	if (map4)
		source->map4 = map4;
	if (!copy || !items || !map4)
		return config_no_memory(source, fault);

	for (rest = copy; (item = parse_item(&rest, ",\n")); read.n_items++) {
		r = read_item(source, line, name, item, &items[read.n_items], fault);
		if (r < 0)
			return r;
	}
	if (read.n_items == 0)
		return config_mistake_at(
			source, line, "map4", name, fault,
			"it has no public address: write WAN ADDRESS, WAN ADDRESS");

	read.items = TAKE(items);
	map4[source->n_map4++] = read;
	return 0;
}

/* An address of the map and where it stands. */
struct use {
	struct addr addr;
	size_t line; /* index in source->map4 */
	size_t wan;
};

static int use_cmp(const void *va, const void *vb)
{
	const struct use *a = va, *b = vb;
	int c = addr_cmp(a->addr, b->addr);

	if (c != 0)
		return c;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->wan < b->wan ? -1 : a->wan > b->wan;
}

/*
 * Of the addresses that are in use twice, the one whose second use comes first
 * in the file: true with both uses. Sorts v.
 */
static bool used_twice(struct use *v, size_t n, struct use *ret_first, struct use *ret_second)
{
	bool found = false;

	if (n > 1)
		qsort(v, n, sizeof(*v), use_cmp);
	for (size_t i = 1; i < n; i++) {
		if (addr_cmp(v[i - 1].addr, v[i].addr) != 0)
			continue;
		if (found && ret_second->line <= v[i].line)
			continue;
		*ret_first = v[i - 1];
		*ret_second = v[i];
		found = true;
	}
	return found;
}

/* A map4 line as its mistakes name it. */
#define MISTAKE(source, line4, fault, ...)                                                         \
	config_mistake_at(source, (line4)->line, "map4", addr_str((line4)->inside).s, fault,       \
			  __VA_ARGS__)

static int check_inside(const struct config *config, const struct config_source *source,
			struct fault *fault)
{
	_cleanup_(freep) struct use *uses = calloc(source->n_map4 + 1, sizeof(*uses));
	struct prefix lan = config->lan.prefix4;
	struct use first, second;

	if (!uses)
		return config_no_memory(source, fault);

	for (size_t i = 0; i < source->n_map4; i++) {
		const struct map4_line *line = &source->map4[i];

		if (!prefix_contains(lan, line->inside))
			return MISTAKE(source, line, fault,
				       "the address is not in prefix4 of [lan], %s",
				       prefix_str(lan).s);
		if (!prefix_has_host(lan, line->inside))
			return MISTAKE(source, line, fault,
				       "the first and last address of prefix4 of [lan], %s, "
				       "belong to no machine",
				       prefix_str(lan).s);
		uses[i] = (struct use){ .addr = line->inside, .line = i };
	}

	if (used_twice(uses, source->n_map4, &first, &second))
		return MISTAKE(source, &source->map4[second.line], fault,
			       "the address is there twice, first in line %u",
			       source->map4[first.line].line);
	return 0;
}

/* A WAN whose packets need an entry of the map to leave. */
static bool needs_map(const struct wan_conf *wan)
{
	return !wan->masquerade4 && wan->gateway_mode[IPV4] != GATEWAY_NONE;
}

static int resolve_item(const struct config *config, const struct config_source *source,
			const struct map4_line *line, const struct map4_item *item,
			struct map4 *map4, struct use *ret, struct fault *fault)
{
	struct addr_text public = addr_str(item->public);
	const struct wan_conf *wan = config->wans;
	size_t i = 0;

	while (i < config->n_wans && strcmp(wan[i].name, item->wan) != 0)
		i++;
	if (i == config->n_wans)
		return MISTAKE(source, line, fault, "there is no WAN with the name %s",
			       quote(item->wan).s);
	wan += i;

	if (wan->masquerade4)
		return MISTAKE(source, line, fault,
			       "%s has no effect: [wan %s] has nat4 = masquerade", public.s,
			       wan->name);
	if (map4->public[i].family != AF_UNSPEC)
		return MISTAKE(source, line, fault, "it has two addresses on %s, %s and %s",
			       wan->name, addr_str(map4->public[i]).s, public.s);
	if (prefix_contains(config->lan.prefix4, item->public))
		return MISTAKE(source, line, fault,
			       "%s is to be public, but is in prefix4 of [lan], %s", public.s,
			       prefix_str(config->lan.prefix4).s);
	if (addr_cmp(item->public, wan->gateway[IPV4]) == 0)
		return MISTAKE(source, line, fault, "%s is gateway4 of [wan %s] already", public.s,
			       wan->name);

	map4->public[i] = item->public;
	*ret = (struct use){ .addr = item->public,
			     .line = (size_t)(line - source->map4),
			     .wan = i };
	return 0;
}

/* A flow may leave by any WAN that maps, so each address needs an outside on all of them. */
static int check_line(const struct config *config, const struct config_source *source,
		      const struct map4_line *line, const struct map4 *map4, struct fault *fault)
{
	for (size_t i = 0; i < config->n_wans; i++) {
		if (needs_map(&config->wans[i]) && map4->public[i].family == AF_UNSPEC)
			return MISTAKE(
				source, line, fault,
				"it has no address on %s: every WAN with nat4 = map needs one",
				config->wans[i].name);
	}
	return 0;
}

static int resolve_lines(struct config *config, const struct config_source *source,
			 struct fault *fault)
{
	_cleanup_(freep) struct use *uses = NULL;
	struct use first, second;
	size_t n = 0, room = 1;
	int r;

	for (size_t i = 0; i < source->n_map4; i++)
		room += source->map4[i].n_items;
	uses = calloc(room, sizeof(*uses));
	config->map4 = calloc(source->n_map4 + 1, sizeof(*config->map4));
	if (!uses || !config->map4)
		return config_no_memory(source, fault);

	for (size_t i = 0; i < source->n_map4; i++) {
		const struct map4_line *line = &source->map4[i];
		struct map4 *map4 = &config->map4[config->n_map4++];

		map4->inside = line->inside;
		map4->public = calloc(config->n_wans, sizeof(*map4->public));
		if (!map4->public)
			return config_no_memory(source, fault);

		for (size_t j = 0; j < line->n_items; j++) {
			r = resolve_item(config, source, line, &line->items[j], map4, &uses[n++],
					 fault);
			if (r < 0)
				return r;
		}

		r = check_line(config, source, line, map4, fault);
		if (r < 0)
			return r;
	}

	if (used_twice(uses, n, &first, &second))
		return MISTAKE(source, &source->map4[second.line], fault,
			       "%s of %s is in use already, for %s in line %u on %s",
			       addr_str(second.addr).s, config->wans[second.wan].name,
			       addr_str(source->map4[first.line].inside).s,
			       source->map4[first.line].line, config->wans[first.wan].name);
	return 0;
}

/* Without a map, a WAN that maps would carry nothing. */
static int check_empty(const struct config *config, const struct config_source *source,
		       struct fault *fault)
{
	const struct section *map4 = config_section(source, SECTION_MAP4);

	for (size_t i = 0; i < config->n_wans; i++) {
		if (!needs_map(&config->wans[i]))
			continue;
		if (map4)
			return config_mistake(source, map4, NULL, fault,
					      "the section is empty, but [wan %s] has nat4 = map",
					      config->wans[i].name);
		return config_mistake(source, config_wan_section(source, i), "nat4", fault,
				      "it is map, but there is no [map4]: "
				      "write one, or nat4 = masquerade");
	}
	return 0;
}

int map4_resolve(struct config *config, const struct config_source *source, struct fault *fault)
{
	int r;

	if (source->n_map4 == 0)
		return check_empty(config, source, fault);

	r = check_inside(config, source, fault);
	if (r < 0)
		return r;
	return resolve_lines(config, source, fault);
}
