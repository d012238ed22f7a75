// SPDX-License-Identifier: GPL-2.0-or-later
// Which of its addresses a WAN sends from.
// A candidate's rank has a bit for each thing that speaks for it, the stronger the higher.

#include "model/source.h"

#include "model/conflict.h"

enum source_rank_bit {
	RANK_ANY = 1,
	RANK_PRIVACY = 1 << 1, /* IPv6 */
	RANK_SUBNET = 1 << 2,  /* IPv6: not alone in its prefix */
	RANK_NEAR = 1 << 3,    /* the gateway is in its prefix */
	RANK_GLOBAL = 1 << 4,  /* IPv6: not unique local */
	RANK_LEASED = 1 << 5,  /* IPv4 */
	RANK_PREFERRED = 1 << 6,
	RANK_ROUTE = 1 << 7, /* the default route says so */
};

unsigned source_rank(const struct source_candidate *candidate, const struct gateway_fact *gateway)
{
	struct addr addr = candidate->at.addr;
	unsigned rank = RANK_ANY;

	if (gateway->present && addr_cmp(gateway->source, addr) == 0)
		rank |= RANK_ROUTE;
	if (!candidate->deprecated)
		rank |= RANK_PREFERRED;
	if (gateway->present && prefix_contains(candidate->at, gateway->via))
		rank |= RANK_NEAR;
	if (addr.family == AF_INET)
		return candidate->dynamic ? rank | RANK_LEASED : rank;

	if ((addr.bytes[0] & 0xfe) != 0xfc)
		rank |= RANK_GLOBAL;
	if (candidate->at.len < 128)
		rank |= RANK_SUBNET;
	return candidate->temporary ? rank | RANK_PRIVACY : rank;
}

struct addr source_of(const struct site *site, size_t wan, enum family family)
{
	if (family == IPV6 && npt_active(site->config, &site->npt, wan))
		return npt_edge(site->config, &site->npt, wan);
	return site->facts.wans[wan].link.source[family];
}

struct addr public_of(const struct site *site, size_t wan, enum family family)
{
	const struct config *config = site->config;

	for (size_t i = 0; family == IPV4 && i < config->n_map4_hosts; i++)
		if (addr_cmp(config->map4[i].inside.addr, config->lan.router4) == 0 &&
		    map4_is_usable(config, &site->facts, i, wan))
			return map4_public(config, &site->facts, i, wan);
	return source_of(site, wan, family);
}

struct addr source_outside(const struct site *site, size_t wan, struct addr inside)
{
	const struct config *config = site->config;

	if (inside.family == AF_INET) {
		for (size_t i = 0; i < config->n_map4; i++)
			if (prefix_contains(config->map4[i].inside, inside) &&
			    map4_is_usable(config, &site->facts, i, wan))
				return map4_public(config, &site->facts, i, wan);
		return wan_masquerades4(&config->wans[wan]) ? source_of(site, wan, IPV4)
							    : (struct addr){};
	}
	if (npt_masquerades(config, &site->npt, wan))
		return source_of(site, wan, IPV6);
	if (!npt_active(config, &site->npt, wan))
		return (struct addr){};
	return addr_cmp(inside, config->lan.router6) == 0
		       ? npt_edge(config, &site->npt, wan)
		       : prefix_translate(inside, npt_outside(config, &site->npt, wan));
}
