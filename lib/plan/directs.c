// SPDX-License-Identifier: GPL-2.0-or-later
// What is desired for the networks of [direct] sections.
// A rule leads each to main, where it ends in an unreachable route if nobody has a better one.

#include "plan/directs.h"

#include "plan/ends.h"
#include "plan/modems.h"

#include <linux/rtnetlink.h>

typedef void (*direct_writer)(const struct config *config, const struct direct_conf *direct,
			      struct prefix network, FILE *f);

static void each_network(const struct config *config, enum family family, direct_writer each,
			 FILE *f)
{
	for (size_t i = 0; i < config->n_directs; i++) {
		const struct direct_conf *direct = &config->directs[i];

		for (size_t n = 0; n < direct->networks.n; n++)
			if (direct->networks.v[n].addr.family == family_af(family))
				each(config, direct, direct->networks.v[n], f);
	}
}

static bool has_family(const struct config *config, enum family family)
{
	if (modems_have(config, family))
		return true;
	for (size_t i = 0; i < config->n_directs; i++)
		for (size_t n = 0; n < config->directs[i].networks.n; n++)
			if (config->directs[i].networks.v[n].addr.family == family_af(family))
				return true;
	return false;
}

/* ---- routing ---- */

/*
 * The route of whoever owns the interface is better than ours. Where it is for a larger prefix, it
 * would be hidden by the unreachable one: then ours leads to the same gateway.
 */
static struct object own_route(const struct direct_fact *fact, const struct direct_route *theirs,
			       struct prefix network)
{
	return (struct object){
		.kind = OBJECT_ROUTE,
		.family = network.addr.family,
		.type = RTN_UNICAST,
		.table = RT_TABLE_MAIN,
		.prefix = network,
		.link = fact->link,
		.via = theirs->via,
		.onlink = theirs->via.family != AF_UNSPEC,
		.metric = METRIC_DIRECT,
	};
}

static int add_network(const struct direct_fact *fact, const struct direct_route *theirs,
		       struct prefix network, struct object_set *set)
{
	bool takes = fact->takes[family_of_af(network.addr.family)];
	int r = end_add(network, false, set);

	if (r == 0 && takes && (!theirs->found || theirs->len < network.len))
		r = object_set_add(set, own_route(fact, theirs, network));
	return r;
}

int directs_net(const struct site *site, struct object_set *set)
{
	int r = 0;

	for (size_t i = 0; i < site->config->n_directs; i++) {
		const struct prefix_list *networks = &site->config->directs[i].networks;
		const struct direct_fact *fact = &site->facts.directs[i];

		for (size_t n = 0; n < networks->n && r == 0; n++)
			r = add_network(fact, &fact->routes[n], networks->v[n], set);
	}
	return r;
}

/* ---- marking ---- */

void directs_declare(const struct config *config, FILE *f)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (has_family(config, family))
			fprintf(f,
				"add map inet mangle direct%c { type %s_addr : verdict; flags "
				"interval; }\n",
				family_digit(family), family_word(family));
}

static void write_element(const struct config *config, const struct direct_conf *direct,
			  struct prefix network, FILE *f)
{
	fprintf(f, "add element inet mangle direct%c { %s : accept }\n",
		family_digit(family_of_af(network.addr.family)), prefix_str(network).s);
}

void directs_write_elements(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (enum family family = 0; family < N_FAMILIES; family++)
		if (has_family(config, family)) {
			fprintf(f, "# map inet mangle direct%c\n", family_digit(family));
			each_network(config, family, write_element, f);
			modems_write_elements(site, family, f);
		}
}

void directs_write_lookup(const struct config *config, const char *rule, FILE *f)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (has_family(config, family))
			fprintf(f, "%s %s daddr vmap @direct%c\n", rule, family_nft(family),
				family_digit(family));
}

/* ---- filter ---- */

/* From inside to the network, and back; and what begins there. */
static void write_forward(const struct config *config, const struct direct_conf *direct,
			  struct prefix network, FILE *f)
{
	const char *lan = config->lan.interface;
	struct prefix_text text = prefix_str(network);

	fprintf(f, "add rule inet filter direct iifname \"%s\" oifname \"%s\" %s daddr %s accept\n",
		lan, direct->interface, af_nft(network.addr.family), text.s);
	fprintf(f, "add rule inet filter direct iifname \"%s\" oifname \"%s\" %s saddr %s accept\n",
		direct->interface, lan, af_nft(network.addr.family), text.s);
}

/*
 * A socket that is bound to a WAN passes by all routes that lead elsewhere. Answers may leave by
 * the network's interface with any address that the router has.
 */
static void write_own(const struct config *config, const struct direct_conf *direct,
		      struct prefix network, FILE *f)
{
	const char *rule = "add rule inet filter direct_own";
	struct prefix_text text = prefix_str(network);

	fprintf(f, "%s oifname @wan %s daddr %s counter drop comment \"guard: not for a WAN\"\n",
		rule, af_nft(network.addr.family), text.s);
	fprintf(f, "%s oifname \"%s\" %s daddr %s accept\n", rule, direct->interface,
		af_nft(network.addr.family), text.s);
}

void directs_write_filter(const struct config *config, FILE *f)
{
	fputs("# chain inet filter direct\n", f);
	for (enum family family = 0; family < N_FAMILIES; family++)
		each_network(config, family, write_forward, f);
	fputs("# chain inet filter direct_own\n", f);
	/* A WAN's DHCP server may have an address of such a network as well. */
	if (config->n_directs > 0)
		fputs("add rule inet filter direct_own udp sport 68 udp dport 67 return\n", f);
	for (enum family family = 0; family < N_FAMILIES; family++)
		each_network(config, family, write_own, f);
	modems_write_own(config, f);
}
