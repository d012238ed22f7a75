// SPDX-License-Identifier: GPL-2.0-or-later
// [map4]: the 1:1 map between addresses of the LAN link and public ones.
// Lines are kept as they are read, and resolved when all WANs are known.

#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

/* A map4 line as its mistakes name it. */
#define MISTAKE(source, line4, ...)                                                                \
	config_mistake_at(source, (line4)->line, "map4", addr_str((line4)->inside).s, __VA_ARGS__)

static int read_item(const struct config_source *source, struct map4_line *line, char *text)
{
	struct quoted written = quote(text);
	const char *wan = parse_item(&text, " \t");
	const char *public = parse_item(&text, " \t");
	struct map4_item item = {};

	if (!public || parse_item(&text, " \t"))
		return MISTAKE(
			source, line,
			"%s is not a WAN and its public address: write WAN ADDRESS, WAN ADDRESS",
			written.s);
	if (strlen(wan) >= sizeof(item.wan))
		return MISTAKE(source, line, "there is no WAN with the name %s", quote(wan).s);
	if (addr_parse(public, AF_INET, &item.public) < 0 || !addr_is_host(item.public))
		return MISTAKE(source, line, "%s is not an IPv4 address that a host can have",
			       quote(public).s);
	memcpy(item.wan, wan, strlen(wan) + 1);
	return APPEND(line->items, line->n_items, item) < 0 ? config_no_memory(source) : 0;
}

static int read_line(struct config_source *source, unsigned line, const char *name,
		     const char *value)
{
	_cleanup_(freep) char *copy = strdup(value);
	struct map4_line read = { .line = line }, *added;
	char *rest = copy, *item;
	int r = 0;

	if (addr_parse(name, AF_INET, &read.inside) < 0)
		return config_mistake_at(source, line, "map4", NULL,
					 "%s is not an IPv4 address of the LAN link",
					 quote(name).s);
	if (!copy || APPEND(source->map4, source->n_map4, read) < 0)
		return config_no_memory(source);
	added = &source->map4[source->n_map4 - 1];
	while (r == 0 && (item = parse_item(&rest, ",\n")))
		r = read_item(source, added, item);
	if (r == 0 && added->n_items == 0)
		return MISTAKE(source, added,
			       "it has no public address: write WAN ADDRESS, WAN ADDRESS");
	return r;
}

static int check_inside(const struct config_source *source, const struct map4_line *line)
{
	struct prefix lan = source->config.lan.prefix4;

	if (config_inside_of(&source->config, line->inside).len == 0)
		return MISTAKE(source, line, "it is not in prefix4 of [lan], %s%s",
			       prefix_str(lan).s,
			       source->config.lan.inside4.n > 0 ? ", or inside4" : "");
	if (prefix_contains(lan, line->inside) && !prefix_has_host(lan, line->inside))
		return MISTAKE(source, line,
			       "it is the first or last address of prefix4 of [lan], %s: "
			       "no host can have it",
			       prefix_str(lan).s);
	for (const struct map4_line *other = source->map4; other < line; other++)
		if (addr_cmp(other->inside, line->inside) == 0)
			return MISTAKE(source, line, "the address is there twice, first in line %u",
				       other->line);
	return 0;
}

static int check_unused(const struct config_source *source, const struct map4_line *line,
			const struct map4_item *item)
{
	const struct config *config = &source->config;

	for (size_t i = 0; i < config->n_map4; i++)
		for (size_t w = 0; w < config->n_wans; w++)
			if (addr_cmp(config->map4[i].public[w], item -> public) == 0)
				return MISTAKE(
					source, line,
					"%s of %s is already in use, for %s in line %u on %s",
					addr_str(item->public).s, item->wan,
					addr_str(config->map4[i].inside).s, source->map4[i].line,
					config->wans[w].name);
	return 0;
}

static int resolve_item(const struct config_source *source, const struct map4_line *line,
			const struct map4_item *item, struct addr *public)
{
	const struct config *config = &source->config;
	const struct wan_conf *wan = config->wans;
	struct addr_text text = addr_str(item->public);
	size_t i = config_find_wan(config, item->wan);
	struct prefix inside;

	if (i == config->n_wans)
		return MISTAKE(source, line, "there is no WAN with the name %s",
			       quote(item->wan).s);
	wan += i;
	if (wan->masquerade4)
		return MISTAKE(source, line, "%s has no effect: [wan %s] has nat4 = masquerade",
			       text.s, wan->name);
	if (public[i].family != AF_UNSPEC)
		return MISTAKE(source, line, "it has two addresses on %s, %s and %s", wan->name,
			       addr_str(public[i]).s, text.s);
	inside = config_inside_of(config, item->public);
	if (inside.len > 0)
		return MISTAKE(source, line, "the public address %s is in %s of [lan], %s", text.s,
			       prefix_cmp(inside, config->lan.prefix4) == 0 ? "prefix4" : "inside4",
			       prefix_str(inside).s);
	if (addr_cmp(item->public, wan->gateway[IPV4]) == 0)
		return MISTAKE(source, line, "%s is already gateway4 of [wan %s]", text.s,
			       wan->name);
	if (check_unused(source, line, item) < 0)
		return -EINVAL;
	public[i] = item->public;
	return 0;
}

/* A flow may leave by any WAN that maps: each address needs a public one on all of them. */
static int resolve_line(struct config_source *source, const struct map4_line *line)
{
	struct config *config = &source->config;
	struct addr *public = calloc(config->n_wans, sizeof(*public));
	int r = check_inside(source, line);

	if (!public)
		return config_no_memory(source);
	config->map4[config->n_map4++] = (struct map4){ line->line, line->inside, public };
	for (size_t i = 0; i < line->n_items && r == 0; i++)
		r = resolve_item(source, line, &line->items[i], public);
	for (size_t i = 0; i < config->n_wans && r == 0; i++)
		if (wan_maps4(&config->wans[i]) && public[i].family == AF_UNSPEC)
			r = MISTAKE(source, line,
				    "it has no address on %s: every WAN with nat4 = map needs one",
				    config->wans[i].name);
	return r;
}

/* Without a map, a WAN that maps would carry nothing. */
static int check_empty(const struct config_source *source)
{
	const struct section *map4 = config_section(source, &section_map4, 0);

	for (size_t i = 0; i < source->config.n_wans; i++) {
		if (!wan_maps4(&source->config.wans[i]))
			continue;
		if (map4)
			return config_mistake(source, map4, NULL,
					      "the section is empty, but [wan %s] has nat4 = map",
					      source->config.wans[i].name);
		return config_mistake(source, config_section(source, &section_wan, i), "nat4",
				      "it is map, but there is no [map4]: "
				      "write one, or nat4 = masquerade");
	}
	return 0;
}

static int check_map4(struct config_source *source)
{
	struct config *config = &source->config;
	int r = 0;

	if (source->n_map4 == 0)
		return check_empty(source);
	config->map4 = calloc(source->n_map4, sizeof(*config->map4));
	if (!config->map4)
		return config_no_memory(source);
	for (size_t i = 0; i < source->n_map4 && r == 0; i++)
		r = resolve_line(source, &source->map4[i]);
	return r;
}

static void done_map4(void *base)
{
	struct config *config = base;

	for (size_t i = 0; i < config->n_map4; i++)
		free(config->map4[i].public);
	free(config->map4);
}

const struct section_kind section_map4 = {
	.name = "map4",
	.read = read_line,
	.check = check_map4,
	.done = done_map4,
};
