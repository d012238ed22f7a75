// SPDX-License-Identifier: GPL-2.0-or-later
// What keeps new flows of a family away from a WAN, and since when.
// Looks for obstacles in the order of what explains what; the first one counts.

#include "model/condition.h"

#include "model/source.h"

#include <string.h>

static const char *const obstacle_names[N_OBSTACLES] = {
	[OBSTACLE_NONE] = "none",
	[OBSTACLE_NO_INTERFACE] = "no interface",
	[OBSTACLE_SWITCHED_OFF] = "switched off",
	[OBSTACLE_NO_CARRIER] = "no carrier",
	[OBSTACLE_NO_GATEWAY] = "no gateway",
	[OBSTACLE_NO_PREFIX] = "no prefix",
	[OBSTACLE_NO_ADDRESS] = "no address",
	[OBSTACLE_DOWN] = "down",
	[OBSTACLE_DRAINED] = "drained",
	[OBSTACLE_HELD] = "held",
	[OBSTACLE_OTHER] = "not eligible",
};

const char *obstacle_name(enum obstacle obstacle)
{
	return obstacle_names[obstacle];
}

enum obstacle obstacle_parse(const char *name)
{
	for (enum obstacle obstacle = 0; name && obstacle < N_OBSTACLES; obstacle++)
		if (strcmp(name, obstacle_names[obstacle]) == 0)
			return obstacle;
	return OBSTACLE_OTHER;
}

enum obstacle obstacle_of_translation(const struct site *site, size_t wan, enum family family)
{
	const struct wan_conf *conf = &site->config->wans[wan];
	bool configured = family == IPV4 ? conf->masquerade4 : conf->masquerade6;
	bool masquerades =
		configured || (family == IPV6 && npt_masquerades(site->config, &site->npt, wan));

	/* Masquerade needs an address to hide behind; a map brings its own. */
	if (masquerades && source_of(site, wan, family).family)
		return OBSTACLE_NONE;
	if (configured)
		return OBSTACLE_NO_ADDRESS;
	return family == IPV4 || npt_active(site->config, &site->npt, wan) ? OBSTACLE_NONE
									   : OBSTACLE_NO_PREFIX;
}

/* Of a WAN that is usable. */
static enum obstacle obstacle_of_verdict(const struct site *site, size_t wan, enum family family)
{
	const struct verdicts *verdicts = &site->verdicts;

	if (verdicts->v[wan][family] == VERDICT_DOWN)
		return OBSTACLE_DOWN;
	if (verdicts->aside && verdicts->aside[wan][family].drained)
		return OBSTACLE_DRAINED;
	if (verdicts->aside && verdicts->aside[wan][family].held)
		return OBSTACLE_HELD;
	return OBSTACLE_NONE;
}

enum obstacle obstacle_find(const struct site *site, size_t wan, enum family family)
{
	const struct wan_facts *facts = &site->facts.wans[wan];
	enum obstacle obstacle;

	if (!facts->link.link.index)
		return OBSTACLE_NO_INTERFACE;
	if (!facts->link.up)
		return OBSTACLE_SWITCHED_OFF;
	if (!facts->link.carrier)
		return OBSTACLE_NO_CARRIER;
	if (!facts->gateway[family].present ||
	    site->config->wans[wan].gateway_mode[family] == GATEWAY_NONE)
		return OBSTACLE_NO_GATEWAY;
	obstacle = obstacle_of_translation(site, wan, family);
	return obstacle != OBSTACLE_NONE ? obstacle : obstacle_of_verdict(site, wan, family);
}

struct condition condition_step(const struct condition *before, enum obstacle obstacle,
				const struct health_state *health, uint64_t now)
{
	struct condition next = { .obstacle = obstacle };

	if (obstacle == before->obstacle)
		next.since = before->since;
	/* The probes go on to say so while a carrier comes and goes. */
	if (obstacle == OBSTACLE_DOWN || (obstacle == OBSTACLE_NONE && before->since == 0))
		next.since = health->since;
	if (next.since == 0)
		next.since = now;
	if (obstacle != OBSTACLE_NONE)
		next.out = before->out ? before->out : next.since;
	return next;
}
