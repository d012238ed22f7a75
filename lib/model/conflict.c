// SPDX-License-Identifier: GPL-2.0-or-later
// What the ISP gives to one and mwan.conf to another: who loses it, and the words for it.
// Each kind compares a part of the configuration with the facts of one WAN.

#include "model/conflict.h"

#include "base/fileio.h"
#include "base/util.h"

#include <errno.h>

/* ---- [map4] ---- */

static bool is_router(const struct wan_facts *wan, struct addr addr)
{
	for (size_t i = 0; i < wan->routers[IPV4].n; i++)
		if (addr_cmp(wan->routers[IPV4].v[i].gateway.via, addr) == 0)
			return true;
	return false;
}

/* The network on the link that the address is the first or last of; NULL: none. */
static const struct prefix *find_end(const struct link_fact *link, struct addr addr)
{
	for (size_t i = 0; i < link->n_addresses; i++) {
		const struct prefix *at = &link->addresses[i];

		if (at->addr.family == AF_INET && at->len <= 30 && prefix_contains(*at, addr) &&
		    !prefix_has_host(*at, addr))
			return at;
	}
	return NULL;
}

struct addr map4_public(const struct config *config, const struct facts *facts, size_t map4,
			size_t wan)
{
	const struct map4_public *public = &config->map4[map4].publics[wan];

	return public->lease ? facts->wans[wan].link.source[IPV4] : public->addr;
}

/* The other host whose line has the address that this one's lease is; NULL: none. */
static const struct map4 *find_owner(const struct config *config, const struct map4 *map4,
				     size_t wan, struct addr lease)
{
	for (size_t i = 0; map4_is_host(map4) && i < config->n_map4_hosts; i++)
		if (addr_cmp(config->map4[i].publics[wan].addr, lease) == 0)
			return &config->map4[i];
	return NULL;
}

/* True when there is a conflict, which is then in *ret. */
static bool find_map4(const struct config *config, const struct facts *facts, size_t map4,
		      size_t wan, struct conflict *ret)
{
	const struct wan_facts *fact = &facts->wans[wan];
	struct addr public = map4_public(config, facts, map4, wan);
	const struct map4 *owner;
	const struct prefix *end = NULL;

	if (!wan_maps4(&config->wans[wan]) || !public.family)
		return false;
	if (config->map4[map4].publics[wan].lease) {
		owner = find_owner(config, &config->map4[map4], wan, public);
		if (owner)
			*ret = (struct conflict){ .kind = CONFLICT_MAP4_LEASE,
						  .wan = wan,
						  .family = IPV4,
						  .map4 = map4,
						  .addr = public,
						  .network = owner->inside };
		return owner;
	}
	*ret = (struct conflict){ CONFLICT_MAP4_GATEWAY, wan, IPV4, map4, public };
	if (is_router(fact, public))
		return true;
	/* All addresses of a block that is routed to us are ours. */
	if (config->wans[wan].onlink4)
		end = find_end(&fact->link, public);
	if (!end)
		return false;
	ret->kind = CONFLICT_MAP4_END;
	ret->network = prefix_network(*end);
	return true;
}

bool map4_is_usable(const struct config *config, const struct facts *facts, size_t map4, size_t wan)
{
	struct conflict conflict;

	return config_has_family(config, wan, IPV4) &&
	       map4_public(config, facts, map4, wan).family &&
	       !find_map4(config, facts, map4, wan, &conflict);
}

/* Without a gateway, the WAN is nobody's, and there is nothing to leave out. */
static bool awaits_lease(const struct config *config, const struct facts *facts, size_t map4,
			 size_t wan)
{
	return wan_maps4(&config->wans[wan]) && config->map4[map4].publics[wan].lease &&
	       !map4_public(config, facts, map4, wan).family &&
	       facts->wans[wan].gateway[IPV4].present;
}

bool map4_is_left_out(const struct config *config, const struct facts *facts, size_t map4)
{
	struct conflict conflict;

	for (size_t i = 0; i < config->n_wans; i++)
		if (find_map4(config, facts, map4, i, &conflict) ||
		    awaits_lease(config, facts, map4, i))
			return true;
	return false;
}

/* ---- inside ---- */

static bool is_inside(const struct config *config, struct addr addr)
{
	return config_inside_of(config, addr).len > 0;
}

static struct addr find_inside(const struct config *config, const struct wan_facts *wan,
			       enum family family)
{
	for (size_t i = 0; i < wan->link.n_addresses; i++)
		if (wan->link.addresses[i].addr.family == family_af(family) &&
		    is_inside(config, wan->link.addresses[i].addr))
			return wan->link.addresses[i].addr;
	if (wan->gateway[family].present && is_inside(config, wan->gateway[family].via))
		return wan->gateway[family].via;
	return (struct addr){};
}

static void drop_addresses(struct link_fact *link, enum family family)
{
	size_t n = 0;

	for (size_t i = 0; i < link->n_addresses; i++)
		if (link->addresses[i].addr.family != family_af(family))
			link->addresses[n++] = link->addresses[i];
	link->n_addresses = n;
	link->source[family] = (struct addr){};
}

void facts_refuse_inside(const struct config *config, struct facts *facts)
{
	for (size_t i = 0; i < facts->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct wan_facts *wan = &facts->wans[i];

			wan->inside[family] = find_inside(config, wan, family);
			if (!wan->inside[family].family)
				continue;
			drop_addresses(&wan->link, family);
			wan->gateway[family].present = false;
		}
	}
}

/* ---- prefixes ---- */

/*
 * A prefix that a router advertises as on-link is so, whoever delegates it. From a delegation the
 * DHCPv6 client may have taken an address for the link, which says nothing.
 */
const struct prefix *facts_onlink6(const struct config *config, const struct facts *facts,
				   size_t wan, struct prefix prefix)
{
	unsigned len = config->lan.prefix6.len;
	/* Of a larger delegation, the link may have what is not used (RFC 6603). */
	struct prefix used = prefix.len <= config_longest6(config, wan)
				     ? prefix_block(prefix, len, config->wans[wan].prefix6_block)
				     : prefix;

	for (size_t i = 0; prefix.len > 0 && i < facts->wans[wan].n_onlink6; i++) {
		const struct onlink6 *onlink = &facts->wans[wan].onlink6[i];

		if ((onlink->advertised || config->wans[wan].fixed6) &&
		    prefix_overlaps(onlink->prefix, used))
			return &onlink->prefix;
	}
	return NULL;
}

#define ONLINK_WORDS                                                                               \
	"prefix %s is not routed to us: %s is on the link itself, and no answer would come back"

int npt_check_onlink(const struct config *config, const struct facts *facts, size_t wan,
		     struct prefix delegated, struct fault *fault)
{
	const struct prefix *onlink = facts_onlink6(config, facts, wan, delegated);

	if (!onlink)
		return 0;
	return fault_set(fault, -EINVAL, ONLINK_WORDS, prefix_str(delegated).s,
			 prefix_str(*onlink).s);
}

void npt_refuse_onlink(const struct config *config, const struct facts *facts,
		       const struct npt_state *resolved, struct npt_state *npt)
{
	const struct prefix none = {};

	for (size_t i = 0; i < facts->n_wans; i++) {
		bool refused = facts_onlink6(config, facts, i, resolved->delegated[i]);
		bool lost = !facts_onlink6(config, facts, i, resolved->lost[i]);

		npt->lost[i] = lost ? resolved->lost[i] : none;
		npt->delegated[i] = refused ? none : resolved->delegated[i];
		npt->refused[i] = refused ? resolved->delegated[i] : resolved->refused[i];
	}
}

/* ---- all of them ---- */

static int find_of_wan(const struct site *site, size_t wan, struct conflicts *ret)
{
	const struct config *config = site->config;
	const struct prefix *onlink =
		site->npt.refused ? facts_onlink6(config, &site->facts, wan, site->npt.refused[wan])
				  : NULL;
	struct conflict found;
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		struct addr inside = site->facts.wans[wan].inside[family];

		if (inside.family && config_has_family(config, wan, family))
			r = APPEND(
				ret->v, ret->n,
				(struct conflict){ .kind = CONFLICT_INSIDE,
						   .wan = wan,
						   .family = family,
						   .addr = inside,
						   .network = config_inside_of(config, inside) });
	}
	for (size_t i = 0; i < config->n_map4 && r == 0; i++)
		if (find_map4(config, &site->facts, i, wan, &found))
			r = APPEND(ret->v, ret->n, found);
	if (onlink && r == 0)
		r = APPEND(ret->v, ret->n,
			   (struct conflict){ .kind = CONFLICT_ONLINK6,
					      .wan = wan,
					      .family = IPV6,
					      .prefix = site->npt.refused[wan],
					      .network = *onlink });
	return r;
}

int conflicts_find(const struct site *site, struct conflicts *ret)
{
	_cleanup_(conflicts_done) struct conflicts found = {};
	int r = 0;

	for (size_t i = 0; i < site->config->n_wans && r == 0; i++)
		r = find_of_wan(site, i, &found);
	if (r == 0)
		*ret = TAKE(found);
	return r;
}

/* ---- words ---- */

const char *conflict_kind_name(enum conflict_kind kind)
{
	static const char *const names[] = {
		[CONFLICT_MAP4_GATEWAY] = "map4-gateway", [CONFLICT_MAP4_END] = "map4-no-host",
		[CONFLICT_MAP4_LEASE] = "map4-lease",	  [CONFLICT_INSIDE] = "address-inside",
		[CONFLICT_ONLINK6] = "prefix-onlink",
	};

	return names[kind];
}

static void write_map4(const struct config *config, const struct conflict *conflict, FILE *what,
		       FILE *fix)
{
	const struct map4 *map4 = &config->map4[conflict->map4];
	struct addr_text public = addr_str(conflict->addr);
	struct prefix network = conflict->network;
	struct prefix_text inside = prefix_brief_str(map4->inside);

	fprintf(what, "%s:%u: map4: %s: ", config->path, map4->line, inside.s);
	if (conflict->kind == CONFLICT_MAP4_GATEWAY)
		fprintf(what, "%s is the ISP's gateway", public.s);
	else if (conflict->kind == CONFLICT_MAP4_LEASE)
		fprintf(what, "the lease is %s, which is that of %s", public.s,
			addr_str(network.addr).s);
	else
		fprintf(what, "%s is the first or last address of %s, which no host can have",
			public.s, prefix_str(network).s);
	fprintf(what, "; left out, so %s does not use this WAN", inside.s);
	if (conflict->kind == CONFLICT_MAP4_LEASE) {
		fprintf(fix, "give %s another address on this WAN, or let it have the lease",
			addr_str(network.addr).s);
		return;
	}
	fputs("name an address that the ISP has given to you", fix);
	if (conflict->kind == CONFLICT_MAP4_END) {
		struct addr last = prefix_last(network);

		last.bytes[3]--;
		fprintf(fix, ", from %s to %s", addr_str(prefix_nth(network, 1)).s,
			addr_str(last).s);
	}
}

void conflict_write(const struct config *config, const struct conflict *conflict, FILE *what,
		    FILE *fix)
{
	struct prefix_text network = prefix_str(conflict->network);
	struct addr_text addr = addr_str(conflict->addr);

	switch (conflict->kind) {
	case CONFLICT_MAP4_GATEWAY:
	case CONFLICT_MAP4_END:
	case CONFLICT_MAP4_LEASE:
		write_map4(config, conflict, what, fix);
		break;
	case CONFLICT_INSIDE:
		fprintf(what,
			"the ISP has given %s, which is inside: [lan] of %s has %s; not used, for "
			"packets to one of both would find the other",
			addr.s, config->path, network.s);
		fputs("give the LAN link, or the ISP's router, another network", fix);
		break;
	case CONFLICT_ONLINK6:
		fprintf(what, ONLINK_WORDS, prefix_str(conflict->prefix).s, network.s);
		fputs("ask the ISP for a prefix that it delegates or routes; until then, nat6 = "
		      "masquerade",
		      fix);
		break;
	}
}

int conflict_describe(const struct config *config, const struct conflict *conflict, char **what,
		      char **fix)
{
	_cleanup_(freep) char *is = NULL, *advice = NULL;
	struct memory a = {}, b = {};
	int r = memory_open(&a) < 0 || memory_open(&b) < 0 ? -ENOMEM : 0;

	if (r == 0)
		conflict_write(config, conflict, a.f, b.f);
	if (memory_close(&a, &is) < 0)
		r = -ENOMEM;
	if (memory_close(&b, &advice) < 0 || r < 0)
		return -ENOMEM;
	*what = TAKE(is);
	if (fix)
		*fix = TAKE(advice);
	return 0;
}

bool conflict_is_same(const struct conflict *a, const struct conflict *b)
{
	return a->kind == b->kind && a->wan == b->wan && a->family == b->family &&
	       a->map4 == b->map4 && addr_cmp(a->addr, b->addr) == 0 &&
	       prefix_cmp(a->prefix, b->prefix) == 0 && prefix_cmp(a->network, b->network) == 0;
}
