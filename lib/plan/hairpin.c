// SPDX-License-Identifier: GPL-2.0-or-later
// Which addresses of the WANs lead to hosts inside, also from inside.
// They are those that each WAN translates, sorted, so that one is found quickly among many.

#include "plan/hairpin.h"

#include "base/util.h"
#include "model/conflict.h"
#include "model/source.h"

static bool is_host(const struct hairpin *hairpin)
{
	return hairpin->outside.len == addr_bits(hairpin->outside.addr.family);
}

static int compare(const void *a, const void *b)
{
	const struct hairpin *left = a, *right = b;
	int order = is_host(right) - is_host(left);

	if (order == 0)
		order = prefix_cmp(left->outside, right->outside);
	if (order == 0)
		order = (left->wan > right->wan) - (left->wan < right->wan);
	return order;
}

static int add_host(struct hairpins *hairpins, struct addr outside, struct addr inside, size_t wan)
{
	return APPEND(hairpins->v, hairpins->n,
		      (struct hairpin){ prefix_host(outside), prefix_host(inside), wan });
}

static int add_map4(const struct site *site, size_t wan, struct hairpins *hairpins)
{
	const struct config *config = site->config;
	int r = 0;

	for (size_t i = 0; i < config->n_map4_hosts && r == 0; i++)
		if (map4_is_usable(config, &site->facts, i, wan))
			r = add_host(hairpins, map4_public(config, &site->facts, i, wan),
				     config->map4[i].inside.addr, wan);
	return r;
}

static int add_npt(const struct site *site, size_t wan, struct hairpins *hairpins)
{
	const struct config *config = site->config;
	const struct link_fact *link = &site->facts.wans[wan].link;
	struct prefix block = npt_known(config, &site->npt, wan);
	int r = 0;

	for (size_t i = 0; i < link->n_addresses && r == 0; i++)
		if (npt_leads_own(config, &site->npt, wan, link->addresses[i].addr))
			r = add_host(hairpins, link->addresses[i].addr, config->lan.router6, wan);
	if (r < 0 || block.len == 0)
		return r;
	/* On a link without a router inside, the edge is this one's own. */
	if (config->lan.router6.family || !config->lan.router4.family)
		r = add_host(hairpins, prefix_nth(block, 1), config->lan.router6, wan);
	if (r == 0)
		r = APPEND(hairpins->v, hairpins->n,
			   (struct hairpin){ block, config->lan.prefix6, wan });
	return r;
}

/* True for an address that another WAN's block has. */
static bool is_foreign(const struct hairpins *hairpins, const struct hairpin *host)
{
	for (size_t i = hairpins->n; host->outside.addr.family == AF_INET6 && i-- > 0;) {
		const struct hairpin *block = &hairpins->v[i];

		if (is_host(block))
			return false;
		if (block->wan != host->wan && prefix_contains(block->outside, host->outside.addr))
			return true;
	}
	return false;
}

/* Two WANs may have the same address: the first one's leads inside. */
static void sort(struct hairpins *hairpins)
{
	size_t n = 0;

	qsort(hairpins->v, hairpins->n, sizeof(*hairpins->v), compare);
	for (size_t i = 0; i < hairpins->n; i++) {
		const struct hairpin *at = &hairpins->v[i];

		if ((n > 0 && prefix_cmp(hairpins->v[n - 1].outside, at->outside) == 0) ||
		    (is_host(at) && is_foreign(hairpins, at)))
			continue;
		hairpins->n_hosts += is_host(at);
		hairpins->v[n++] = *at;
	}
	hairpins->n = n;
}

int hairpins_make(struct site *site)
{
	_cleanup_(hairpins_done) struct hairpins hairpins = {};
	int r = 0;

	for (size_t i = 0; site->config->lan.hairpin && i < site->config->n_wans && r == 0; i++) {
		r = add_map4(site, i, &hairpins);
		if (r == 0)
			r = add_npt(site, i, &hairpins);
	}
	if (r < 0)
		return r;
	if (hairpins.n > 0)
		sort(&hairpins);
	hairpins_done(&site->hairpins);
	site->hairpins = TAKE(hairpins);
	return 0;
}

struct addr hairpin_source(const struct site *site, const struct hairpin *hairpin,
			   struct addr source)
{
	const struct hairpin *block = hairpins_block(&site->hairpins, hairpin->wan);

	/* The WAN may have lost it. */
	if (source.family == AF_INET || !block)
		return source_outside(site, hairpin->wan, source);
	return addr_cmp(source, site->config->lan.router6) == 0
		       ? prefix_nth(block->outside, 1)
		       : prefix_translate(source, block->outside);
}
