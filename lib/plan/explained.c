// SPDX-License-Identifier: GPL-2.0-or-later
// What explaining a flow is made of.
// The translations are those that desired_nat.c writes as rules, here for one address.

#include "plan/explained.h"

#include "model/conflict.h"
#include "model/source.h"

static void add_sentence(struct explaining *it, const char *format, va_list args)
{
	char *text = NULL;

	if (it->r < 0)
		return;
	it->r = vasprintf(&text, format, args) < 0 ? -ENOMEM
						   : string_list_take(&it->ret->why, text);
}

void explain_say(struct explaining *it, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_sentence(it, format, args);
	va_end(args);
}

void explain_refuse(struct explaining *it, const char *format, ...)
{
	va_list args;

	it->ret->kind = EXPLAIN_REFUSED;
	va_start(args, format);
	add_sentence(it, format, args);
	va_end(args);
}

void explain_add_way(struct explaining *it, size_t wan, unsigned slots, struct addr source)
{
	if (it->r == 0)
		it->r = APPEND(it->ret->ways, it->ret->n_ways,
			       (struct explain_way){ wan, slots, source });
}

bool addr_is_unspecified(struct addr addr)
{
	return addr_cmp(addr, (struct addr){ .family = addr.family }) == 0;
}

bool site_is_inside(const struct site *site, struct addr addr)
{
	return config_inside_of(site->config, addr).len > 0;
}

bool site_is_wans(const struct site *site, size_t wan, struct addr addr)
{
	const struct link_fact *link = &site->facts.wans[wan].link;

	return link_has_address(link, addr) || link_has_own(link, addr) ||
	       (npt_active(site->config, &site->npt, wan) &&
		addr_cmp(npt_edge(site->config, &site->npt, wan), addr) == 0);
}

bool site_is_routers(const struct site *site, struct addr addr)
{
	if (link_has_address(&site->facts.lan, addr))
		return true;
	for (size_t i = 0; i < site->config->n_wans; i++)
		if (site_is_wans(site, i, addr))
			return true;
	return false;
}

/* The line of [map4] that translates the address inside on that WAN; n_map4: there is none. */
static size_t find_inside4(const struct site *site, size_t wan, struct addr inside)
{
	const struct config *config = site->config;
	size_t i = 0;

	while (i < config->n_map4 && !(prefix_contains(config->map4[i].inside, inside) &&
				       map4_is_usable(config, &site->facts, i, wan)))
		i++;
	return i;
}

/* The one by which somebody inside is reached at that address; n_map4: there is none. */
static size_t find_public4(const struct site *site, size_t wan, struct addr outside)
{
	const struct config *config = site->config;

	for (size_t i = 0; i < config->n_map4_hosts; i++)
		if (map4_is_usable(config, &site->facts, i, wan) &&
		    addr_cmp(map4_public(config, &site->facts, i, wan), outside) == 0)
			return i;
	return config->n_map4;
}

struct addr site_inside(const struct site *site, size_t wan, struct addr outside)
{
	const struct config *config = site->config;
	bool active = npt_active(config, &site->npt, wan);
	bool edge = active && addr_cmp(npt_edge(config, &site->npt, wan), outside) == 0;
	size_t map4 = find_public4(site, wan, outside);

	if (map4 < config->n_map4)
		return config->map4[map4].inside.addr;
	if (outside.family == AF_INET)
		return (struct addr){};
	if (config->lan.router6.family &&
	    (edge || (link_has_address(&site->facts.wans[wan].link, outside) &&
		      npt_leads_own(config, &site->npt, wan, outside))))
		return config->lan.router6;
	/* With hosts on the LAN link itself, the edge is the router's own. */
	if (edge && !config->lan.router4.family)
		return (struct addr){};
	if (active && prefix_contains(npt_outside(config, &site->npt, wan), outside))
		return prefix_translate(outside, config->lan.prefix6);
	return (struct addr){};
}

/* " ([map4], line 33)", or how else. */
static void say_how(const struct explaining *it, const struct explain_way *way, FILE *f)
{
	const struct config *config = it->site->config;
	struct addr inside = it->query->flow.source;
	size_t map4 = find_inside4(it->site, way->wan, inside);

	if (map4 < config->n_map4)
		fprintf(f, "[map4], line %u%s", config->map4[map4].line,
			config->map4[map4].publics[way->wan].lease ? ": the lease" : "");
	else if (it->family == IPV4 || npt_masquerades(config, &it->site->npt, way->wan))
		fputs("masqueraded", f);
	else if (config->lan.router6.family && addr_cmp(config->lan.router6, inside) == 0)
		fputs("router6 is the edge address", f);
	else
		fprintf(f, "prefix6 is %s",
			prefix_str(npt_outside(config, &it->site->npt, way->wan)).s);
}

void explain_say_exit(struct explaining *it, const struct explain_way *way)
{
	const struct wan_conf *wan = &it->site->config->wans[way->wan];
	const struct wan_facts *facts = &it->site->facts.wans[way->wan];
	struct addr via = facts->gateway[it->family].via;
	_cleanup_(freep) char *how = NULL;
	size_t size;
	FILE *f = open_memstream(&how, &size);

	if (!f) {
		it->r = -ENOMEM;
		return;
	}
	say_how(it, way, f);
	if (fclose(f) != 0 || !how) {
		it->r = -ENOMEM;
		return;
	}
	if (!via.family || link_reaches(&facts->link, it->query->flow.destination))
		explain_say(it, "%s: it leaves by %s as %s (%s)", wan->name, wan->interface,
			    addr_str(way->source).s, how);
	else
		explain_say(it, "%s: it leaves by %s to %s as %s (%s)", wan->name, wan->interface,
			    addr_str(via).s, addr_str(way->source).s, how);
}

bool explain_leads_inside(struct explaining *it)
{
	const struct facts *facts = &it->site->facts;

	if (!facts->lan.up || !facts->lan.carrier) {
		explain_refuse(it, "the LAN link, %s, is away", it->site->config->lan.interface);
		return false;
	}
	if (it->family == IPV6 && config_has_router6(it->site->config) &&
	    !facts->router6_linklocal.family &&
	    addr_cmp(it->ret->inside, it->site->config->lan.router6) != 0) {
		explain_refuse(it,
			       "OPNsense's link-local address is not known, so %s is not reached",
			       addr_str(it->ret->inside).s);
		return false;
	}
	return true;
}
