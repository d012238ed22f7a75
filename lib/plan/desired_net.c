// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses, routes and rules that are desired for a site.
// Adds what each WAN needs to a sorted set, and keeps the first error until the end.

#include "plan/desired_net.h"

#include "base/ranges.h"
#include "model/conflict.h"
#include "model/source.h"
#include "plan/directs.h"
#include "plan/modems.h"

#include <linux/rtnetlink.h>
#include <string.h>

struct net_build {
	const struct site *site;
	struct object_set set;
	int r; /* the first error */
};

static void add(struct net_build *b, struct object object)
{
	if (b->r == 0)
		b->r = object_set_add(&b->set, object);
}

static const struct prefix anywhere4 = { .addr = { .family = AF_INET } };
static const struct prefix anywhere6 = { .addr = { .family = AF_INET6 } };

static struct object route(int family, uint32_t table, struct prefix to, struct link_ref link,
			   struct addr via)
{
	return (struct object){
		.kind = OBJECT_ROUTE,
		.family = family,
		.type = RTN_UNICAST,
		.table = table,
		.prefix = to,
		.link = link,
		.via = via,
		.metric = family == AF_INET6 ? METRIC_OURS : 0,
	};
}

static struct object unreachable(int family, uint32_t table, struct prefix to, uint32_t metric)
{
	struct object object = route(family, table, to, (struct link_ref){}, (struct addr){});

	object.type = RTN_UNREACHABLE;
	object.metric = metric;
	return object;
}

static struct object default_route(const struct net_build *b, size_t wan, enum family family,
				   uint32_t table)
{
	const struct wan_facts *fact = &b->site->facts.wans[wan];
	struct addr via = fact->gateway[family].via;
	struct object object;

	object = route(family_af(family), table, family == IPV4 ? anywhere4 : anywhere6,
		       fact->link.link, via);
	object.onlink = via.family && !link_reaches(&fact->link, via);
	if (!fact->gateway[family].sourceless)
		object.source = source_of(b->site, wan, family);
	return object;
}

/* True when routes of the family can lead over the link. */
static bool takes(const struct link_fact *link, enum family family)
{
	return link->up && (family == IPV4 || link->inet6);
}

static bool has_gateway(const struct net_build *b, size_t wan, enum family family)
{
	const struct wan_facts *fact = &b->site->facts.wans[wan];

	return b->site->config->wans[wan].gateway_mode[family] != GATEWAY_NONE &&
	       takes(&fact->link, family) && fact->gateway[family].present;
}

/* A table with only a default would shadow what is connected. */
static void add_link_routes(struct net_build *b, size_t wan, uint32_t table)
{
	const struct link_fact *link = &b->site->facts.wans[wan].link;

	for (size_t i = 0; link->up && i < link->n_addresses; i++) {
		struct prefix at = link->addresses[i];

		/* Only translated packets of the delegated prefix are for somebody here. */
		if (at.len < addr_bits(at.addr.family) &&
		    !prefix_contains(b->site->npt.delegated[wan], at.addr))
			add(b, route(at.addr.family, table, prefix_network(at), link->link,
				     (struct addr){}));
	}
}

/* The internal prefix is behind the router inside, and on the link itself only without one. */
static void add_inside6(struct net_build *b, uint32_t table)
{
	const struct config *config = b->site->config;
	const struct link_fact *lan = &b->site->facts.lan;
	struct addr via = b->site->facts.router6_linklocal;

	if (config->lan.prefix6.len > 0 && takes(lan, IPV6) &&
	    (via.family || !config_has_router6(config)))
		add(b, route(AF_INET6, table, config->lan.prefix6, lan->link, via));
}

/* Networks that the router inside leads to. */
static void add_inside4(struct net_build *b, uint32_t table, uint32_t metric)
{
	const struct config *config = b->site->config;
	const struct link_fact *lan = &b->site->facts.lan;

	for (size_t i = 0; lan->up && i < config->lan.inside4.n; i++) {
		struct object object = route(AF_INET, table, config->lan.inside4.v[i], lan->link,
					     config->lan.router4);

		object.metric = metric;
		object.onlink = !link_reaches(lan, config->lan.router4);
		add(b, object);
	}
}

/* With the LAN gone, packets for it must not find the default route and leave by a WAN. */
static void add_last_resorts(struct net_build *b, uint32_t table)
{
	const struct config *config = b->site->config;

	add(b, unreachable(AF_INET, table, anywhere4, METRIC_LAST));
	add(b, unreachable(AF_INET6, table, anywhere6, METRIC_LAST));
	for (size_t i = 0; i < config_n_inside4(config); i++)
		add(b, unreachable(AF_INET, table, config_inside4(config, i), METRIC_LAST));
	if (config->lan.prefix6.len > 0)
		add(b, unreachable(AF_INET6, table, config->lan.prefix6, METRIC_LAST));
	if (config->lan.router6.family)
		add(b, unreachable(AF_INET6, table, prefix_host(config->lan.router6), METRIC_LAST));
}

static void add_table(struct net_build *b, size_t wan)
{
	const struct config *config = b->site->config;
	const struct link_fact *lan = &b->site->facts.lan;
	uint32_t table = config->wans[wan].table;

	for (enum family family = 0; family < N_FAMILIES; family++)
		if (has_gateway(b, wan, family))
			add(b, default_route(b, wan, family, table));
	add_last_resorts(b, table);

	add_link_routes(b, wan, table);
	if (lan->up)
		add(b, route(AF_INET, table, config->lan.prefix4, lan->link, (struct addr){}));
	add_inside4(b, table, 0);

	add_inside6(b, table);
	if (config->lan.router6.family && takes(lan, IPV6))
		add(b, route(AF_INET6, table, prefix_host(config->lan.router6), lan->link,
			     (struct addr){}));
	/* Without a DNPT rule, packets that the ISP sends to its prefix would bounce back to it. */
	if (b->site->npt.delegated[wan].len > 0)
		add(b, unreachable(AF_INET6, table, b->site->npt.delegated[wan], METRIC_OURS));
}

static void add_source_rule(struct net_build *b, size_t wan, struct prefix from)
{
	add(b, (struct object){
		       .kind = OBJECT_RULE,
		       .family = from.addr.family,
		       .pref = PREF_SOURCE + b->site->config->wans[wan].mark,
		       .prefix = from,
		       .table = b->site->config->wans[wan].table,
	       });
}

/* Of several WANs with that address, the one that the router's own packets with it leave by. */
static size_t owner_of(const struct site *site, struct addr addr)
{
	const struct selection *selection = site_selection(site, family_of_af(addr.family));
	size_t owner = 0;
	int best = -1;

	for (size_t i = 0; i < site->config->n_wans; i++) {
		int rank = selection->usable[i] + selection->eligible[i] +
			   (selection->best == &site->config->wans[i]);

		if (rank > best && link_has_address(&site->facts.wans[i].link, addr)) {
			owner = i;
			best = rank;
		}
	}
	return owner;
}

bool desired_source_owner(const struct site *site, struct addr addr, size_t *ret)
{
	*ret = owner_of(site, addr);
	if (link_has_address(&site->facts.wans[*ret].link, addr))
		return true;
	for (*ret = 0; *ret < site->config->n_wans; (*ret)++)
		if (site->npt.delegated[*ret].len > 0 &&
		    prefix_contains(site->npt.delegated[*ret], addr))
			return true;
	return false;
}

static void add_rules(struct net_build *b, size_t wan)
{
	const struct wan_conf *conf = &b->site->config->wans[wan];
	const struct link_fact *link = &b->site->facts.wans[wan].link;

	for (enum family family = 0; family < N_FAMILIES; family++)
		add(b, (struct object){
			       .kind = OBJECT_RULE,
			       .family = family_af(family),
			       .pref = PREF_MARK + conf->mark,
			       .mark = conf->mark,
			       .table = conf->table,
		       });

	for (size_t i = 0; i < link->n_addresses; i++)
		if (owner_of(b->site, link->addresses[i].addr) == wan)
			add_source_rule(b, wan, prefix_host(link->addresses[i].addr));
	if (b->site->npt.delegated[wan].len > 0)
		add_source_rule(b, wan, b->site->npt.delegated[wan]);
}

static void add_address(struct net_build *b, size_t wan, struct addr addr)
{
	const struct link_fact *link = &b->site->facts.wans[wan].link;

	if (link->link.index && !link_has_address(link, addr))
		add(b, (struct object){
			       .kind = OBJECT_ADDRESS,
			       .family = addr.family,
			       .prefix = prefix_host(addr),
			       .link = link->link,
		       });
}

/*
 * While the rules that translate them are lost, the router itself answers for addresses of [map4].
 * A rule leads each largest block of them by their own WAN.
 */
static void add_public_rules(struct net_build *b, size_t wan, struct ranges *publics)
{
	size_t n;

	ranges_sort(publics);
	for (size_t i = 0; i < publics->n; i += n) {
		const struct range *at = &publics->v[i];
		unsigned len = 32;

		for (n = 1; len > 0 && at->first.low % (2 * n) == 0 && i + 2 * n <= publics->n &&
			    at[2 * n - 1].first.low == at->first.low + 2 * n - 1;
		     n *= 2)
			len--;
		add_source_rule(b, wan, (struct prefix){ point_addr(at->first, AF_INET), len });
	}
}

static void add_public(struct net_build *b, size_t wan, struct addr public, struct ranges *publics)
{
	add_address(b, wan, public);
	if (b->r == 0 && !link_has_address(&b->site->facts.wans[wan].link, public))
		b->r = ranges_add(publics, range_of_prefix(prefix_host(public)));
}

static void add_addresses(struct net_build *b, size_t wan)
{
	_cleanup_(ranges_done) struct ranges publics = {};
	const struct config *config = b->site->config;
	const struct facts *facts = &b->site->facts;

	for (size_t i = 0; config->wans[wan].onlink4 && i < config->n_map4; i++) {
		struct addr public = config->map4[i].publics[wan].addr; /* a lease is there */

		/* Which addresses are free to take is only known with the gateway's. */
		if (public.family && map4_is_usable(config, facts, i, wan) &&
		    (facts->wans[wan].gateway[IPV4].present ||
		     config->wans[wan].gateway_mode[IPV4] == GATEWAY_FIXED ||
		     link_has_own(&facts->wans[wan].link, public)))
			add_public(b, wan, public, &publics);
	}
	add_public_rules(b, wan, &publics);
	if (npt_active(config, &b->site->npt, wan) && b->site->facts.wans[wan].link.inet6)
		add_address(b, wan, npt_edge(config, &b->site->npt, wan));
}

/* The default route of the router's own traffic, ahead of those of DHCP and RA. */
static void add_main_default(struct net_build *b, const struct wan_conf *best, enum family family)
{
	struct object object;

	if (!best)
		return;
	object = default_route(b, best - b->site->config->wans, family, RT_TABLE_MAIN);
	object.metric = METRIC_OURS;
	add(b, object);
}

/* The kernel checks IPv4 sources by the packet's mark, as the sysctl src_valid_mark says. */
static bool check_by_mark(const struct facts *facts)
{
	for (size_t i = 0; i < facts->n_wans; i++)
		if (facts->wans[i].link.unmarked_check)
			return false;
	return !facts->lan.unmarked_check;
}

/*
 * Rules of nftables leave no packet without a mark that may be forwarded. One without has met no
 * rules: while they are lost, it has no translation, and main's default would lead it out of a WAN.
 */
static void add_guard(struct net_build *b, enum family family)
{
	int af = family_af(family);

	/* The answers of every flow would fail the check. */
	if (family == IPV4 && !check_by_mark(&b->site->facts))
		return;
	add(b, (struct object){
		       .kind = OBJECT_RULE,
		       .family = af,
		       .pref = PREF_OWN,
		       .own = true,
		       .skip_to = PREF_SEEN,
	       });
	add(b, (struct object){
		       .kind = OBJECT_RULE,
		       .family = af,
		       .pref = PREF_UNSEEN,
		       .unmarked = true,
		       .drops = true,
	       });
	add(b, (struct object){ .kind = OBJECT_RULE, .family = af, .pref = PREF_SEEN });
}

int desired_net(const struct site *site, struct object_set *ret)
{
	struct net_build b = { .site = site };

	for (size_t i = 0; i < site->config->n_wans; i++) {
		add_addresses(&b, i);
		add_table(&b, i);
		add_rules(&b, i);
	}
	add_inside4(&b, RT_TABLE_MAIN, METRIC_OURS);
	add_inside6(&b, RT_TABLE_MAIN);
	for (enum family family = 0; family < N_FAMILIES; family++) {
		add_main_default(&b, site_selection(site, family)->best, family);
		add_guard(&b, family);
	}
	if (b.r == 0)
		b.r = directs_net(site, &b.set);
	if (b.r == 0)
		b.r = modems_net(site, &b.set);

	if (b.r < 0)
		object_set_done(&b.set);
	else
		*ret = b.set;
	return b.r;
}
