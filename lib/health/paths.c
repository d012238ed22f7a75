// SPDX-License-Identifier: GPL-2.0-or-later
// How the probes of a WAN leave: by its interface, with its mark, from an address that comes back.
// Sources are listed in the order in which they are tried.

#include "health/paths.h"

#include "model/conflict.h"

/* A link without an address of its own has those of [map4] that are answered for there. */
static struct addr mapped_source(const struct site *site, size_t wan)
{
	const struct config *config = site->config;

	for (size_t i = 0; config->wans[wan].onlink4 && i < config->n_map4; i++)
		if (map4_is_usable(config, &site->facts, i, wan))
			return config->map4[i].publics[wan].addr;
	return (struct addr){};
}

static struct addr *add_sources(const struct site *site, size_t wan, enum family family,
				struct addr *to)
{
	/* The internet reaches AT&T's own /128 in part only, but all of the delegated prefix. */
	if (family == IPV6 && npt_active(site->config, &site->npt, wan))
		*to++ = npt_edge(site->config, &site->npt, wan);
	*to = site->facts.wans[wan].link.source[family];
	if (family == IPV4 && !to->family)
		*to = mapped_source(site, wan);
	return to + 1;
}

struct probe_path probe_path_of(const struct site *site, size_t wan, enum family family)
{
	const struct wan_conf *conf = &site->config->wans[wan];
	struct probe_path path = { .mark = conf->mark };
	struct addr *next = add_sources(site, wan, family, path.sources);

	snprintf(path.interface, sizeof(path.interface), "%s", conf->interface);
	/* A name server may be of the other family. */
	add_sources(site, wan, family == IPV4 ? IPV6 : IPV4, next);
	return path;
}
