// SPDX-License-Identifier: GPL-2.0-or-later
// What a new flow from inside would get, and why.
// Finds its group and what it draws, and says of each WAN why it is in or out.

#include "plan/explained.h"

#include "model/condition.h"
#include "model/source.h"
#include "plan/hairpin.h"
#include "plan/modems.h"

#include <string.h>

static const struct selection *find_group(const struct explaining *it, const char *name)
{
	const struct selections *selections = &it->site->selections;
	size_t policy = it->ret->rule ? it->ret->rule->policy : 0;

	for (size_t i = 0; i < selections->n; i++) {
		const struct flow_group *group = &selections->v[i].group;

		if (group->policy == policy && group->family == it->family &&
		    strcmp(group->name, name) == 0)
			return &selections->v[i];
	}
	return NULL;
}

const struct selection *explain_group(const struct explaining *it)
{
	const struct config *config = it->site->config;
	struct addr source = it->query->flow.source;
	const struct selection *own = NULL;
	size_t map4 = 0;

	while (map4 < config->n_map4 && !prefix_contains(config->map4[map4].inside, source))
		map4++;
	if (it->family == IPV4 && map4 == config->n_map4 &&
	    !config_any_wan(config, wan_masquerades4))
		return NULL;
	if (it->family == IPV4)
		own = find_group(it, map4 < config->n_map4
					     ? prefix_brief_str(config->map4[map4].inside).s
					     : "unmapped");
	return own ? own : find_group(it, "");
}

/* A group that no WAN takes: what is wrong with each. */
static void refuse_group(struct explaining *it, const struct selection *selection)
{
	const struct config *config = it->site->config;

	if (it->ret->rule)
		explain_refuse(it,
			       "no WAN of [rule %s] takes new flows: it is refused with an ICMP "
			       "error (otherwise = unreachable)",
			       it->ret->rule->name);
	else
		explain_refuse(it, "no WAN takes new flows: it is refused with an ICMP error");
	for (size_t i = 0; i < config->n_wans; i++)
		if (selection->members[i])
			explain_say(it, "%s: %s", config->wans[i].name,
				    obstacle_name(obstacle_find(it->site, i, it->family)));
}

/* What the number follows from. */
static const char *words_of_draw(const struct flow_query *query, enum balance_mode mode)
{
	static const char *const words[] = {
		[BALANCE_FLOW] = "both addresses and its ports (mode = flow)",
		[BALANCE_SOURCE] = "its source (mode = source)",
		[BALANCE_SOURCE_DESTINATION] = "both addresses (mode = source-destination)",
	};

	return mode == BALANCE_FLOW && !query->has_dport ? "both addresses and its id (mode = flow)"
							 : words[mode];
}

static size_t wan_of_mark(const struct config *config, uint32_t mark)
{
	size_t i = 0;

	while (config->wans[i].mark != mark)
		i++;
	return i;
}

static void add_drawn(struct explaining *it, const struct selection *selection)
{
	const struct config *config = it->site->config;

	for (size_t i = 0; i < selection->n_ranges; i++) {
		const struct slot_range *range = &selection->ranges[i];
		size_t wan = wan_of_mark(config, range->mark);

		if (it->ret->number < range->first || it->ret->number > range->last)
			continue;
		explain_add_way(it, wan, SLOTS,
				source_outside(it->site, wan, it->query->flow.source));
		explain_say(it, "it draws %u of %d by %s, and %s has %u to %u", it->ret->number,
			    SLOTS, words_of_draw(it->query, selection->group.mode),
			    config->wans[wan].name, range->first, range->last);
	}
}

/* What has to be known besides. */
static const char *words_of_unknown(const struct flow_query *query)
{
	if (!query->has_protocol)
		return "by its ports, too: PROTO, SPORT and DPORT say which";
	if (query->flow.protocol == IPPROTO_ICMP || query->flow.protocol == IPPROTO_ICMPV6)
		return "by the id of its echo requests, too: a number after PROTO says which";
	return protocol_has_ports(query->flow.protocol)
		       ? "by its ports, too: SPORT and DPORT say which"
		       : "by the first four bytes behind its IP header, too: they are not known";
}

static void add_all(struct explaining *it, const struct selection *selection)
{
	const struct config *config = it->site->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_wans; i++) {
		if (selection->slots[i] == 0)
			continue;
		explain_add_way(it, i, selection->slots[i],
				source_outside(it->site, i, it->query->flow.source));
		n++;
	}
	if (n > 1)
		explain_say(it, "each flow draws for itself, %s", words_of_unknown(it->query));
	else
		explain_say(it, "no other WAN takes new flows");
}

static bool is_outside_rule(const struct explaining *it, size_t wan)
{
	const struct rule_conf *rule = it->ret->rule;

	return rule && !it->site->config->policies[rule->policy].wans[wan];
}

/* Why others of the group are out. */
static void say_others(struct explaining *it, const struct selection *selection)
{
	const struct config *config = it->site->config;

	for (size_t i = 0; i < config->n_wans; i++) {
		enum obstacle obstacle = obstacle_find(it->site, i, it->family);

		if (!selection->members[i] && is_outside_rule(it, i))
			explain_say(it, "not %s: [rule %s] does not name it", config->wans[i].name,
				    it->ret->rule->name);
		else if (!selection->members[i])
			explain_say(it, "not %s: it does not translate %s", config->wans[i].name,
				    addr_str(it->query->flow.source).s);
		else if (selection->slots[i] > 0 && obstacle != OBSTACLE_NONE)
			explain_say(it, "%s carries as last resort: %s", config->wans[i].name,
				    obstacle_name(obstacle));
		else if (!selection->eligible[i])
			explain_say(it, "not %s: %s", config->wans[i].name,
				    obstacle_name(obstacle));
		else if (selection->slots[i] == 0)
			explain_say(it, "not %s: it waits in tier %u", config->wans[i].name,
				    config->wans[i].tier);
	}
}

/* What of a WAN's prefix leads to nobody is unreachable in the WAN's table. */
static bool is_unreachable(const struct explaining *it, size_t wan)
{
	struct prefix delegated = it->site->npt.delegated[wan];

	return delegated.len > 0 && prefix_contains(delegated, it->query->flow.destination);
}

static void say_exits(struct explaining *it)
{
	const struct config *config = it->site->config;

	for (size_t i = 0; i < it->ret->n_ways; i++) {
		size_t wan = it->ret->ways[i].wan;

		if (!is_unreachable(it, wan))
			explain_say_exit(it, &it->ret->ways[i]);
		else if (it->ret->n_ways > 1)
			explain_say(it, "%s: unreachable, for it is in the WAN's own prefix",
				    config->wans[wan].name);
		else
			explain_refuse(it, "%s is in the prefix of %s, and leads to nobody",
				       addr_str(it->query->flow.destination).s,
				       config->wans[wan].name);
	}
	if (it->ret->kind == EXPLAIN_REFUSED)
		it->ret->n_ways = 0;
}

/* What the kernel's masquerade takes on the LAN. */
static struct addr lan_source(const struct site *site, enum family family)
{
	const struct link_fact *lan = &site->facts.lan;

	for (size_t i = 0; i < lan->n_addresses; i++)
		if (lan->addresses[i].addr.family == family_af(family))
			return lan->addresses[i].addr;
	return (struct addr){};
}

/* The router leads it back inside, by an address that a host inside has on a WAN. */
static void explain_turned(struct explaining *it, const struct hairpin *hairpin)
{
	const struct site *site = it->site;
	struct addr shown = hairpin_source(site, hairpin, it->query->flow.source);

	it->ret->inside = hairpin_inside(hairpin, it->query->flow.destination);
	if (!explain_leads_inside(it))
		return;
	it->ret->kind = EXPLAIN_TURNED;
	it->ret->source = shown.family ? shown : lan_source(site, it->family);
	explain_say(it, "%s is an address of %s, and leads inside: the router turns the flow round",
		    addr_str(it->query->flow.destination).s, site->config->wans[hairpin->wan].name);
	explain_say(it, "it is translated to %s, and no WAN has to be there",
		    addr_str(it->ret->inside).s);
	if (!shown.family)
		explain_say(it, "%s has no address on %s, so the router shows its own",
			    addr_str(it->query->flow.source).s,
			    site->config->wans[hairpin->wan].name);
}

/* To a modem, over its own WAN in whatever state that is; false: it is none. */
static bool explain_modem(struct explaining *it)
{
	const struct config *config = it->site->config;
	struct addr modem = it->query->flow.destination, source;
	size_t wan = config_modem_of(config, modem);

	if (wan == config->n_wans)
		return false;
	if (!modem_is_usable(it->site, wan, modem)) {
		explain_refuse(it, "%s is the modem of %s, which has no address to ask it from",
			       addr_str(modem).s, config->wans[wan].name);
		return true;
	}
	source = modem_neighbour(it->site, wan, modem);
	if (!source.family)
		source = source_outside(it->site, wan, it->query->flow.source);
	it->ret->kind = EXPLAIN_OUT;
	explain_add_way(it, wan, SLOTS, source);
	explain_say(it, "%s is the modem of %s: only this WAN reaches it, in whatever state it is",
		    addr_str(modem).s, config->wans[wan].name);
	return true;
}

void explain_from_inside(struct explaining *it)
{
	struct addr source = it->query->flow.source, destination = it->query->flow.destination;
	const struct selection *selection;
	const struct hairpin *hairpin = hairpins_find(&it->site->hairpins, destination);

	if (explain_modem(it))
		return;
	if (hairpin) {
		explain_turned(it, hairpin);
		return;
	}
	if (site_is_routers(it->site, destination)) {
		it->ret->kind = EXPLAIN_NO_WAN;
		explain_say(it, "%s is the router's own: table inet filter decides",
			    addr_str(destination).s);
		return;
	}
	if (site_is_inside(it->site, destination)) {
		explain_refuse(it,
			       "both ends are inside: this router forwards nothing between them");
		return;
	}
	it->ret->rule = explain_rule(it);
	selection = explain_group(it);
	if (!selection) {
		explain_refuse(it,
			       "%s is in no line of [map4] and no WAN masquerades: it is refused "
			       "with an ICMP error",
			       addr_str(source).s);
		return;
	}
	if (selection->n_ranges == 0) {
		refuse_group(it, selection);
		return;
	}
	it->ret->kind = EXPLAIN_OUT;
	if (is_outside_rule(it, wan_of_mark(it->site->config, selection->ranges[0].mark)))
		explain_say(it, "none of them takes new flows, so others do (otherwise = balance)");
	it->ret->drawn = draw_number(it->query, selection->group.mode, &it->ret->number);
	if (it->ret->drawn)
		add_drawn(it, selection);
	else
		add_all(it, selection);
	say_others(it, selection);
	say_exits(it);
}
