// SPDX-License-Identifier: GPL-2.0-or-later
// Questions to the links of this site, as they were seen, and the choice of their gateways.
// Each walks the list of one link's addresses, or of its routers.

#include "model/facts.h"

#include "base/util.h"

#include <errno.h>
#include <string.h>

int facts_new(const struct config *config, struct facts *ret)
{
	_cleanup_(facts_done) struct facts facts = {
		.wans = calloc(config->n_wans, sizeof(*facts.wans)),
		.directs = calloc(config->n_directs, sizeof(*facts.directs)),
	};

	if (!facts.wans || (config->n_directs > 0 && !facts.directs))
		return -ENOMEM;
	facts.n_wans = config->n_wans;
	facts.n_directs = config->n_directs;
	for (size_t i = 0; i < config->n_directs; i++) {
		facts.directs[i].routes =
			calloc(config->directs[i].networks.n, sizeof(*facts.directs[i].routes));
		if (!facts.directs[i].routes)
			return -ENOMEM;
	}
	*ret = TAKE(facts);
	return 0;
}

void facts_done(struct facts *facts)
{
	for (size_t i = 0; i < facts->n_directs; i++)
		free(facts->directs[i].routes);
	free(facts->directs);
	for (size_t i = 0; i < facts->n_wans; i++) {
		free(facts->wans[i].link.addresses);
		free(facts->wans[i].link.own);
		free(facts->wans[i].onlink6);
		for (enum family family = 0; family < N_FAMILIES; family++)
			free(facts->wans[i].routers[family].v);
	}
	free(facts->wans);
	free(facts->lan.addresses);
	free(facts->lan.own);
	*facts = (struct facts){};
}

int facts_check_shared(const struct facts *facts, struct fault *fault)
{
	struct addr_text shared = addr_str(facts->shared_router);
	struct addr linklocal = facts->router6_linklocal;

	if (!facts->shared_router.family)
		return 0;
	if (linklocal.family)
		fault_set(fault, -EADDRNOTAVAIL,
			  "%s is shared by a pair (CARP or VRRP), and IPv6 goes to one of its "
			  "machines, %s: it is lost when the other takes over",
			  shared.s, addr_str(linklocal).s);
	else
		fault_set(fault, -EADDRNOTAVAIL,
			  "%s is shared by a pair (CARP or VRRP), and no link-local address is "
			  "known that moves with it, so nothing inside is reached by IPv6",
			  shared.s);
	return fault_fix(fault, -EADDRNOTAVAIL,
			 "give the pair a shared link-local address (OPNsense: Interfaces, Virtual "
			 "IPs, CARP), and set router6_linklocal to it in mwan.conf");
}

struct link_fact *facts_link(const struct facts *facts, unsigned index)
{
	if (facts->lan.link.index == index)
		return (struct link_fact *)&facts->lan;
	for (size_t i = 0; i < facts->n_wans; i++)
		if (facts->wans[i].link.link.index == index)
			return &facts->wans[i].link;
	return NULL;
}

static void name_link(struct link_ref link, const char written[IFNAMSIZ], char ret[IFNAMSIZ])
{
	memcpy(ret, link.index ? link.name : written, IFNAMSIZ);
}

void facts_name_links(const struct facts *facts, struct config *config)
{
	name_link(facts->lan.link, config->lan.written, config->lan.interface);
	for (size_t i = 0; i < config->n_wans; i++)
		name_link(facts->wans[i].link.link, config->wans[i].written,
			  config->wans[i].interface);
	for (size_t i = 0; i < config->n_directs; i++)
		name_link(facts->directs[i].link, config->directs[i].written,
			  config->directs[i].interface);
}

bool router_is_preferred(const struct gateway_fact *a, const struct gateway_fact *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric;
	if (a->preference != b->preference)
		return a->preference > b->preference;
	return addr_cmp(a->via, b->via) < 0;
}

int router_list_add(struct router_list *routers, struct gateway_fact gateway)
{
	for (size_t i = 0; i < routers->n; i++) {
		struct gateway_fact *known = &routers->v[i].gateway;

		if (addr_cmp(known->via, gateway.via) != 0)
			continue;
		if (router_is_preferred(&gateway, known))
			*known = gateway;
		return 0;
	}
	return APPEND(routers->v, routers->n, (struct router){ .gateway = gateway });
}

/* One that is avoided may serve. Of one that is silent, nothing is to be expected. */
static unsigned doubts(const struct router *router, struct router_id id,
		       const struct router_opinions *opinions)
{
	return 2 * router->silent + (opinions && router_ids_have(opinions->avoided, id));
}

static struct gateway_fact choose_gateway(const struct facts *facts, size_t wan, enum family family,
					  const struct router_opinions *opinions)
{
	const struct router_list *routers = &facts->wans[wan].routers[family];
	struct gateway_fact best = {};
	unsigned least = 0;

	for (size_t i = 0; i < routers->n; i++) {
		const struct router *router = &routers->v[i];
		struct router_id id = { wan, family, router->gateway.via };
		unsigned its = doubts(router, id, opinions);

		if (opinions && router_ids_have(opinions->refused, id))
			continue;
		if (best.present &&
		    (its > least ||
		     (its == least && !router_is_preferred(&router->gateway, &best))))
			continue;
		best = router->gateway;
		best.sourceless = opinions && router_ids_have(opinions->sourceless, id);
		least = its;
	}
	return best;
}

void facts_choose_gateways(struct facts *facts, const struct router_opinions *opinions)
{
	for (size_t i = 0; i < facts->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			facts->wans[i].gateway[family] = choose_gateway(facts, i, family, opinions);
}

/* Of those that are known. */
static unsigned least_of(const unsigned *mtus, size_t n)
{
	unsigned least = 0;

	for (size_t i = 0; i < n; i++)
		if (mtus[i] > 0 && (least == 0 || mtus[i] < least))
			least = mtus[i];
	return least;
}

unsigned facts_mtu(const struct facts *facts, size_t wan, enum family family)
{
	unsigned mtus[] = { facts->wans[wan].link.mtu[family], facts->wans[wan].gateway[family].mtu,
			    facts->lan.mtu[family] };

	return least_of(mtus, ARRAY_SIZE(mtus));
}

unsigned facts_direct_mtu(const struct facts *facts, size_t direct, enum family family)
{
	unsigned mtus[] = { facts->directs[direct].mtu, facts->lan.mtu[family] };

	return facts->directs[direct].mtu ? least_of(mtus, ARRAY_SIZE(mtus)) : 0;
}

bool facts_share(const struct facts *facts, size_t wan, struct addr addr)
{
	for (size_t i = 0; i < facts->n_wans; i++)
		if (i != wan && link_has_address(&facts->wans[i].link, addr))
			return true;
	return false;
}

const struct router *facts_passed_over(const struct facts *facts, size_t wan, enum family family,
				       size_t n)
{
	const struct router_list *list = &facts->wans[wan].routers[family];
	const struct gateway_fact *used = &facts->wans[wan].gateway[family];

	for (size_t i = 0; used->present && i < list->n; i++)
		if (router_is_preferred(&list->v[i].gateway, used) && n-- == 0)
			return &list->v[i];
	return NULL;
}

bool link_has_address(const struct link_fact *link, struct addr addr)
{
	for (size_t i = 0; i < link->n_addresses; i++)
		if (addr_cmp(link->addresses[i].addr, addr) == 0)
			return true;
	return false;
}

bool link_has_own(const struct link_fact *link, struct addr addr)
{
	for (size_t i = 0; i < link->n_own; i++)
		if (addr_cmp(link->own[i], addr) == 0)
			return true;
	return false;
}

bool link_reaches(const struct link_fact *link, struct addr gateway)
{
	if (addr_is_linklocal(gateway) && gateway.family == AF_INET6)
		return true;
	for (size_t i = 0; i < link->n_addresses; i++)
		if (prefix_contains(link->addresses[i], gateway))
			return true;
	return false;
}

bool link_has_family(const struct link_fact *link, int family)
{
	for (size_t i = 0; i < link->n_addresses; i++)
		if (link->addresses[i].addr.family == family)
			return true;
	return false;
}
