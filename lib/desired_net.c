#include "desired_net.h"

#include "util.h"

#include <linux/rtnetlink.h>
#include <string.h>

/* What the helpers below need; r keeps the first error. */
struct build {
	const struct config *config;
	const struct facts *facts;
	const struct npt_state *npt;
	struct object_set set;
	int r;
};

static void add(struct build *b, struct object object)
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

static struct object default_route(const struct build *b, size_t wan, enum family family,
				   uint32_t table)
{
	const struct wan_facts *fact = &b->facts->wans[wan];
	struct addr via = fact->gateway[family].via;
	struct object object;

	object = route(family_af(family), table, family == IPV4 ? anywhere4 : anywhere6,
		       fact->link.link, via);
	object.onlink = via.family && !link_reaches(&fact->link, via);
	return object;
}

/* True when routes of the family can lead over the link. */
static bool takes(const struct link_fact *link, enum family family)
{
	return link->up && (family == IPV4 || link->inet6);
}

static bool has_gateway(const struct build *b, size_t wan, enum family family)
{
	const struct wan_facts *fact = &b->facts->wans[wan];

	return b->config->wans[wan].gateway_mode[family] != GATEWAY_NONE &&
	       takes(&fact->link, family) && fact->gateway[family].present;
}

/* A table with only a default would shadow what is connected. */
static void add_link_routes(struct build *b, size_t wan, uint32_t table)
{
	const struct link_fact *link = &b->facts->wans[wan].link;

	for (size_t i = 0; link->up && i < link->n_addresses; i++) {
		struct prefix at = link->addresses[i];

		/* Of the delegated prefix, only what is translated is for somebody here. */
		if (at.len < addr_bits(at.addr.family) &&
		    !prefix_contains(b->npt->delegated[wan], at.addr))
			add(b, route(at.addr.family, table, prefix_network(at), link->link,
				     (struct addr){}));
	}
}

/* The internal prefix is behind OPNsense, never on the link. */
static void add_inside6(struct build *b, uint32_t table)
{
	const struct config *config = b->config;
	const struct link_fact *lan = &b->facts->lan;

	if (config->lan.prefix6.len > 0 && b->facts->router6_linklocal.family && takes(lan, IPV6))
		add(b, route(AF_INET6, table, config->lan.prefix6, lan->link,
			     b->facts->router6_linklocal));
}

/* With the LAN gone, what is for it must not find the default, and leave. */
static void add_last_resorts(struct build *b, uint32_t table)
{
	const struct config *config = b->config;

	add(b, unreachable(AF_INET, table, anywhere4, METRIC_LAST));
	add(b, unreachable(AF_INET6, table, anywhere6, METRIC_LAST));
	add(b, unreachable(AF_INET, table, config->lan.prefix4, METRIC_LAST));
	if (config->lan.prefix6.len > 0)
		add(b, unreachable(AF_INET6, table, config->lan.prefix6, METRIC_LAST));
	if (config->lan.router6.family)
		add(b, unreachable(AF_INET6, table, prefix_host(config->lan.router6), METRIC_LAST));
}

static void add_table(struct build *b, size_t wan)
{
	const struct config *config = b->config;
	const struct link_fact *lan = &b->facts->lan;
	uint32_t table = config->wans[wan].table;

	for (enum family family = 0; family < N_FAMILIES; family++)
		if (has_gateway(b, wan, family))
			add(b, default_route(b, wan, family, table));
	add_last_resorts(b, table);

	add_link_routes(b, wan, table);
	if (lan->up)
		add(b, route(AF_INET, table, config->lan.prefix4, lan->link, (struct addr){}));

	add_inside6(b, table);
	if (config->lan.router6.family && takes(lan, IPV6))
		add(b, route(AF_INET6, table, prefix_host(config->lan.router6), lan->link,
			     (struct addr){}));
	/* Without a DNPT rule, what the ISP sends to its prefix would bounce back. */
	if (b->npt->delegated[wan].len > 0)
		add(b, unreachable(AF_INET6, table, b->npt->delegated[wan], METRIC_OURS));
}

static void add_source_rule(struct build *b, size_t wan, struct prefix from)
{
	add(b, (struct object){
		       .kind = OBJECT_RULE,
		       .family = from.addr.family,
		       .pref = PREF_SOURCE + b->config->wans[wan].mark,
		       .prefix = from,
		       .table = b->config->wans[wan].table,
	       });
}

static void add_rules(struct build *b, size_t wan)
{
	const struct wan_conf *conf = &b->config->wans[wan];
	const struct link_fact *link = &b->facts->wans[wan].link;

	for (enum family family = 0; family < N_FAMILIES; family++)
		add(b, (struct object){
			       .kind = OBJECT_RULE,
			       .family = family_af(family),
			       .pref = PREF_MARK + conf->mark,
			       .mark = conf->mark,
			       .table = conf->table,
		       });

	for (size_t i = 0; i < link->n_addresses; i++)
		add_source_rule(b, wan, prefix_host(link->addresses[i].addr));
	if (b->npt->delegated[wan].len > 0)
		add_source_rule(b, wan, b->npt->delegated[wan]);
}

static void add_address(struct build *b, size_t wan, struct addr addr)
{
	const struct link_fact *link = &b->facts->wans[wan].link;

	if (link->link.index && !link_has_address(link, addr))
		add(b, (struct object){
			       .kind = OBJECT_ADDRESS,
			       .family = addr.family,
			       .prefix = prefix_host(addr),
			       .link = link->link,
		       });
}

static void add_addresses(struct build *b, size_t wan)
{
	const struct config *config = b->config;

	for (size_t i = 0; config->wans[wan].onlink4 && i < config->n_map4; i++)
		if (config->map4[i].public[wan].family)
			add_address(b, wan, config->map4[i].public[wan]);
	if (npt_active(config, b->npt, wan) && b->facts->wans[wan].link.inet6)
		add_address(b, wan, npt_edge(config, b->npt, wan));
}

/* Where the router's own traffic goes, ahead of what DHCP and RA left. */
static void add_main_default(struct build *b, const struct wan_conf *best, enum family family)
{
	struct object object;

	if (!best)
		return;
	object = default_route(b, best - b->config->wans, family, RT_TABLE_MAIN);
	object.metric = METRIC_OURS;
	add(b, object);
}

int desired_net(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct selection selections[N_FAMILIES], struct object_set *ret)
{
	struct build b = { .config = config, .facts = facts, .npt = npt };

	for (size_t i = 0; i < config->n_wans; i++) {
		add_addresses(&b, i);
		add_table(&b, i);
		add_rules(&b, i);
	}
	add_inside6(&b, RT_TABLE_MAIN);
	for (enum family family = 0; family < N_FAMILIES; family++)
		add_main_default(&b, selections[family].best, family);

	if (b.r < 0)
		object_set_done(&b.set);
	else
		*ret = b.set;
	return b.r;
}
