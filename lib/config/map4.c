// SPDX-License-Identifier: GPL-2.0-or-later
// [map4]: which public addresses what is inside has on each WAN.
// Lines are kept as they are read, and resolved when all WANs are known.

#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

/* A line as its mistakes name it: by its address, or by its prefix. */
#define MISTAKE(source, line4, ...)                                                                \
	config_mistake_at(source, (line4)->line, "map4", prefix_brief_str((line4)->inside).s,      \
			  __VA_ARGS__)

#define LEASE "lease"

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
	item.public.lease = strcmp(public, LEASE) == 0;
	if (!item.public.lease &&
	    (addr_parse(public, AF_INET, &item.public.addr) < 0 || !addr_is_host(item.public.addr)))
		return MISTAKE(source, line,
			       "%s is not " LEASE " or an IPv4 address that a host can have",
			       quote(public).s);
	memcpy(item.wan, wan, strlen(wan) + 1);
	return APPEND(line->items, line->n_items, item) < 0 ? config_no_memory(source) : 0;
}

static int read_inside(const struct config_source *source, unsigned line, const char *name,
		       struct prefix *ret)
{
	struct prefix prefix = { .len = 32 };

	if (addr_parse(name, AF_INET, &prefix.addr) == 0) {
		*ret = prefix;
		return 0;
	}
	if (prefix_parse(name, AF_INET, &prefix) < 0)
		return config_mistake_at(source, line, "map4", NULL,
					 "%s is not an IPv4 address or prefix of the inside",
					 quote(name).s);
	if (prefix.len == 32)
		return config_mistake_at(source, line, "map4", NULL,
					 "%s is a single address: write %s", quote(name).s,
					 addr_str(prefix.addr).s);
	if (!prefix_is_network(prefix))
		return config_mistake_at(source, line, "map4", NULL,
					 "%s has bits beyond its length: write %s", quote(name).s,
					 prefix_str(prefix_network(prefix)).s);
	*ret = prefix;
	return 0;
}

static int read_line(struct config_source *source, unsigned line, const char *name,
		     const char *value)
{
	_cleanup_(freep) char *copy = strdup(value);
	struct map4_line read = { .line = line }, *added;
	char *rest = copy, *item;
	int r = read_inside(source, line, name, &read.inside);

	if (r < 0)
		return r;
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

static bool is_inside(const struct config *config, struct prefix inside)
{
	for (size_t i = 0; i < config_n_inside4(config); i++) {
		struct prefix network = config_inside4(config, i);

		if (inside.len >= network.len && prefix_contains(network, inside.addr))
			return true;
	}
	return false;
}

static int check_inside(const struct config_source *source, const struct map4_line *line)
{
	struct prefix lan = source->config.lan.prefix4;

	if (!is_inside(&source->config, line->inside))
		return MISTAKE(source, line, "it is not in prefix4 of [lan], %s%s",
			       prefix_str(lan).s,
			       source->config.lan.inside4.n > 0 ? ", or inside4" : "");
	if (line->inside.len == 32 && prefix_contains(lan, line->inside.addr) &&
	    !prefix_has_host(lan, line->inside.addr))
		return MISTAKE(source, line,
			       "it is the first or last address of prefix4 of [lan], %s: "
			       "no host can have it",
			       prefix_str(lan).s);
	return 0;
}

/* What a WAN that masquerades does with each address: only the lease can lead somebody in. */
static int check_masqueraded(const struct config_source *source, const struct map4_line *line,
			     const struct map4_item *item)
{
	if (!item->public.lease)
		return MISTAKE(source, line,
			       "%s has no effect: [wan %s] has nat4 = masquerade, where only "
			       "lease has",
			       addr_str(item->public.addr).s, item->wan);
	if (line->inside.len < 32)
		return MISTAKE(source, line,
			       "lease has no effect for a prefix: [wan %s] has nat4 = masquerade",
			       item->wan);
	return 0;
}

static int check_public(const struct config_source *source, const struct map4_line *line,
			const struct wan_conf *wan, struct addr public)
{
	const struct config *config = &source->config;
	struct prefix inside = config_inside_of(config, public);
	struct addr_text text = addr_str(public);

	if (inside.len > 0)
		return MISTAKE(source, line, "the public address %s is in %s of [lan], %s", text.s,
			       prefix_cmp(inside, config->lan.prefix4) == 0 ? "prefix4" : "inside4",
			       prefix_str(inside).s);
	if (addr_cmp(public, wan->gateway[IPV4]) == 0)
		return MISTAKE(source, line, "%s is already gateway4 of [wan %s]", text.s,
			       wan->name);
	return 0;
}

static const char *public_str(const struct map4_public *public, struct addr_text *text)
{
	*text = addr_str(public->addr);
	return public->lease ? LEASE : text->s;
}

static int resolve_item(const struct config_source *source, const struct map4_line *line,
			const struct map4_item *item, struct map4_public *publics)
{
	const struct config *config = &source->config;
	size_t i = config_find_wan(config, item->wan);
	const struct wan_conf *wan = config->wans + i;
	struct addr_text first, second;
	int r = 0;

	if (i == config->n_wans)
		return MISTAKE(source, line, "there is no WAN with the name %s",
			       quote(item->wan).s);
	if (wan->masquerade4)
		r = check_masqueraded(source, line, item);
	if (r < 0)
		return r;
	if (publics[i].lease || publics[i].addr.family)
		return MISTAKE(source, line, "it has two addresses on %s, %s and %s", wan->name,
			       public_str(&publics[i], &first), public_str(&item->public, &second));
	if (!item->public.lease)
		r = check_public(source, line, wan, item->public.addr);
	publics[i] = item->public;
	return r;
}

/* A flow may leave by any WAN that maps: each line needs a public address on all of them. */
static int resolve_line(struct config_source *source, const struct map4_line *line)
{
	struct config *config = &source->config;
	struct map4_public *publics = calloc(config->n_wans, sizeof(*publics));
	int r = check_inside(source, line);

	if (!publics)
		return config_no_memory(source);
	config->map4[config->n_map4++] = (struct map4){ line->line, line->inside, publics };
	for (size_t i = 0; i < line->n_items && r == 0; i++)
		r = resolve_item(source, line, &line->items[i], publics);
	for (size_t i = 0; i < config->n_wans && r == 0; i++)
		if (wan_maps4(&config->wans[i]) && !publics[i].lease && !publics[i].addr.family)
			r = MISTAKE(source, line,
				    "it has no address on %s: every WAN with nat4 = map needs one",
				    config->wans[i].name);
	return r;
}

/* ---- what is there twice ---- */

/* Something that only one line may have: an inside, a public address, a WAN's lease. */
struct map4_claim {
	struct prefix what; /* a lease: len 0, and the WAN */
	size_t wan;	    /* of a lease, and of a public address */
	const struct map4 *map4;
};

static int compare_what(const struct map4_claim *a, const struct map4_claim *b)
{
	int order = prefix_cmp(a->what, b->what);

	if (order != 0 || a->what.addr.family)
		return order;
	return a->wan < b->wan ? -1 : a->wan > b->wan;
}

static int compare_claims(const void *a, const void *b)
{
	const struct map4_claim *x = a, *y = b;
	int order = compare_what(x, y);

	if (order != 0)
		return order;
	if (x->map4 == y->map4)
		return x->wan < y->wan ? -1 : x->wan > y->wan;
	return x->map4->line < y->map4->line ? -1 : 1;
}

/* The first line of the file that has what one before it has, which is then at *ret[-1]. */
static const struct map4_claim *find_twice(struct map4_claim *claims, size_t n)
{
	const struct map4_claim *found = NULL;

	if (n > 0)
		qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < n; i++)
		if (compare_what(&claims[i - 1], &claims[i]) == 0 &&
		    (!found || claims[i].map4->line < found->map4->line))
			found = &claims[i];
	return found;
}

static int check_insides(const struct config_source *source)
{
	const struct config *config = &source->config;
	_cleanup_(freep) struct map4_claim *claims = calloc(config->n_map4, sizeof(*claims));
	const struct map4_claim *twice;

	if (!claims)
		return config_no_memory(source);
	for (size_t i = 0; i < config->n_map4; i++)
		claims[i] = (struct map4_claim){ config->map4[i].inside, 0, &config->map4[i] };
	twice = find_twice(claims, config->n_map4);
	if (!twice)
		return 0;
	return MISTAKE(source, twice->map4, "the %s is there twice, first in line %u",
		       map4_is_host(twice->map4) ? "address" : "prefix", twice[-1].map4->line);
}

/* What comes in for a public address is for one host. Prefixes only send from theirs. */
static int check_publics(const struct config_source *source)
{
	const struct config *config = &source->config;
	size_t n = 0;
	_cleanup_(freep) struct map4_claim *claims =
		calloc(config->n_map4_hosts * config->n_wans + 1, sizeof(*claims));
	const struct map4_claim *twice;

	if (!claims)
		return config_no_memory(source);
	for (size_t i = 0; i < config->n_map4_hosts; i++) {
		for (size_t w = 0; w < config->n_wans; w++) {
			const struct map4_public *public = &config->map4[i].publics[w];

			if (public->addr.family)
				claims[n++] = (struct map4_claim){ prefix_host(public->addr), w,
								   &config->map4[i] };
			else if (public->lease)
				claims[n++] = (struct map4_claim){ {}, w, &config->map4[i] };
		}
	}
	twice = find_twice(claims, n);
	if (!twice)
		return 0;
	return MISTAKE(source, twice->map4, "%s of %s is already in use, for %s in line %u on %s",
		       twice->what.addr.family ? addr_str(twice->what.addr).s : "the " LEASE,
		       config->wans[twice->wan].name, addr_str(twice[-1].map4->inside.addr).s,
		       twice[-1].map4->line, config->wans[twice[-1].wan].name);
}

/* Hosts come first, then prefixes, the longest first: the first line that fits is the one. */
static int compare_lines(const void *a, const void *b)
{
	const struct map4 *x = a, *y = b;

	if (x->inside.len != y->inside.len)
		return x->inside.len > y->inside.len ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void sort_lines(struct config *config)
{
	qsort(config->map4, config->n_map4, sizeof(*config->map4), compare_lines);
	while (config->n_map4_hosts < config->n_map4 &&
	       map4_is_host(&config->map4[config->n_map4_hosts]))
		config->n_map4_hosts++;
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
	if (r < 0)
		return r;
	sort_lines(config);
	r = check_insides(source);
	return r < 0 ? r : check_publics(source);
}

static void done_map4(void *base)
{
	struct config *config = base;

	for (size_t i = 0; i < config->n_map4; i++)
		free(config->map4[i].publics);
	free(config->map4);
}

const struct section_kind section_map4 = {
	.name = "map4",
	.read = read_line,
	.check = check_map4,
	.done = done_map4,
};
