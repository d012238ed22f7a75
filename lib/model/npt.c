// SPDX-License-Identifier: GPL-2.0-or-later
// Which prefix each WAN translates to (RFC 6296), and whether a delegated one can be used.
// Pure questions to configuration and prefixes; of a larger one, a block of lan.prefix6's length.

#include "model/npt.h"

#include <errno.h>
#include <stdio.h>

#define LONGEST_INSIDE 64 /* that prefix6 of [lan] may be */

bool npt_active(const struct config *config, const struct npt_state *npt, size_t wan)
{
	return config->lan.prefix6.len > 0 && !config->wans[wan].masquerade6 &&
	       config->wans[wan].gateway_mode[IPV6] != GATEWAY_NONE && npt->delegated[wan].len > 0;
}

struct prefix npt_outside(const struct config *config, const struct npt_state *npt, size_t wan)
{
	return prefix_block(npt->delegated[wan], config->lan.prefix6.len,
			    config->wans[wan].prefix6_block);
}

struct prefix npt_known(const struct config *config, const struct npt_state *npt, size_t wan)
{
	struct npt_state last = { .delegated = npt->lost };

	if (npt_active(config, npt, wan))
		return npt_outside(config, npt, wan);
	return npt_active(config, &last, wan) ? npt_outside(config, &last, wan) : (struct prefix){};
}

uint64_t npt_blocks(const struct config *config, struct prefix delegated)
{
	unsigned free_bits = config->lan.prefix6.len - delegated.len;

	return 1ULL << (free_bits < 63 ? free_bits : 63);
}

struct npt_use npt_use(const struct config *config, const struct npt_state *npt, size_t wan)
{
	struct prefix_text whole = prefix_str(npt->delegated[wan]);
	struct npt_use use;

	if (npt->delegated[wan].len == config->lan.prefix6.len)
		snprintf(use.s, sizeof(use.s), "%s", whole.s);
	else
		snprintf(use.s, sizeof(use.s), "%s (block %u of %ju of %s)",
			 prefix_str(npt_outside(config, npt, wan)).s,
			 config->wans[wan].prefix6_block,
			 (uintmax_t)npt_blocks(config, npt->delegated[wan]), whole.s);
	return use;
}

struct addr npt_edge(const struct config *config, const struct npt_state *npt, size_t wan)
{
	return prefix_nth(npt_outside(config, npt, wan), 1);
}

bool npt_masquerades(const struct config *config, const struct npt_state *npt, size_t wan)
{
	const struct wan_conf *conf = &config->wans[wan];

	if (config->lan.prefix6.len == 0 || conf->gateway_mode[IPV6] == GATEWAY_NONE)
		return false;
	return conf->masquerade6 || (conf->fallback6 && !npt_active(config, npt, wan));
}

bool npt_leads_own(const struct config *config, const struct npt_state *npt, size_t wan,
		   struct addr own)
{
	struct prefix delegated = npt->delegated[wan];

	return config->wans[wan].hairpin6 && own.family == AF_INET6 &&
	       (delegated.len == 0 || !prefix_contains(delegated, own));
}

int npt_check(const struct config *config, size_t wan, struct prefix delegated, struct fault *fault)
{
	if (config->lan.prefix6.len == 0)
		return fault_set(fault, -EINVAL, "%s: [lan] has no prefix6 to translate",
				 config->path);
	if (!prefix_is_network(delegated))
		return fault_set(fault, -EINVAL, "%s has bits beyond its length: meant is %s",
				 prefix_str(delegated).s, prefix_str(prefix_network(delegated)).s);
	if (!addr_is_host(delegated.addr) || addr_is_linklocal(delegated.addr))
		return fault_set(fault, -EINVAL, "%s is not a prefix that an ISP delegates",
				 prefix_str(delegated).s);
	if (prefix_overlaps(delegated, config->lan.prefix6) ||
	    (config->lan.router6.family && prefix_contains(delegated, config->lan.router6)))
		return fault_set(fault, -EINVAL, "%s is inside: it overlaps [lan] of %s",
				 prefix_str(delegated).s, config->path);
	if (delegated.len == 0 || delegated.len > config->lan.prefix6.len)
		return fault_set(fault, -EINVAL,
				 "prefix %s is a /%u, too small for lan.prefix6, a /%u",
				 prefix_str(delegated).s, delegated.len, config->lan.prefix6.len);
	if (delegated.len > config_longest6(config, wan))
		return fault_set(fault, -EINVAL,
				 "prefix %s has no block %u of a /%u, as prefix6_block says: its "
				 "last is %ju",
				 prefix_str(delegated).s, config->wans[wan].prefix6_block,
				 config->lan.prefix6.len,
				 (uintmax_t)npt_blocks(config, delegated) - 1);
	return 0;
}

struct npt_advice npt_advise(const struct config *config, size_t wan, struct prefix delegated)
{
	const struct wan_conf *conf = &config->wans[wan];
	struct prefix inside = { config->lan.prefix6.addr, delegated.len };
	struct npt_advice advice = {};
	int n;

	if (delegated.len > LONGEST_INSIDE || delegated.len <= config_longest6(config, wan))
		return advice;
	if (delegated.len <= config->lan.prefix6.len) {
		snprintf(advice.s, sizeof(advice.s),
			 "set prefix6_block in [wan %s] to a number from 0 to %ju", conf->name,
			 (uintmax_t)npt_blocks(config, delegated) - 1);
		return advice;
	}
	n = snprintf(advice.s, sizeof(advice.s), "set `prefix6 = %s` in [lan]",
		     prefix_str(prefix_network(inside)).s);
	if (conf->prefix6_block > 0)
		n += snprintf(advice.s + n, sizeof(advice.s) - n,
			      " and `prefix6_block = 0` in [wan %s]", conf->name);
	snprintf(advice.s + n, sizeof(advice.s) - n, ", which fits, if OPNsense needs no more");
	return advice;
}

int npt_check_others(const struct config *config, const struct npt_state *npt, size_t wan,
		     struct prefix delegated, struct fault *fault)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (i != wan && npt->delegated[i].len > 0 &&
		    prefix_overlaps(npt->delegated[i], delegated))
			return fault_set(fault, -EINVAL, "%s overlaps the prefix of %s, %s",
					 prefix_str(delegated).s, config->wans[i].name,
					 prefix_str(npt->delegated[i]).s);
	return 0;
}

int npt_state_new(size_t n_wans, struct npt_state *ret)
{
	struct npt_state npt = {
		.delegated = calloc(n_wans, sizeof(*npt.delegated)),
		.lost = calloc(n_wans, sizeof(*npt.lost)),
		.until_us = calloc(n_wans, sizeof(*npt.until_us)),
		.refused = calloc(n_wans, sizeof(*npt.refused)),
	};

	if (!npt.delegated || !npt.lost || !npt.until_us || !npt.refused) {
		npt_state_done(&npt);
		return -ENOMEM;
	}
	*ret = npt;
	return 0;
}

int npt_state_copy(const struct npt_state *npt, size_t n_wans, struct npt_state *ret)
{
	int r = npt_state_new(n_wans, ret);

	for (size_t i = 0; i < n_wans && r == 0; i++) {
		ret->delegated[i] = npt->delegated[i];
		ret->lost[i] = npt->lost[i];
		ret->until_us[i] = npt->until_us[i];
		ret->refused[i] = npt->refused[i];
	}
	return r;
}
