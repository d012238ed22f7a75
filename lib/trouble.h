/*
 * What is wrong with a WAN in one family, in words for somebody who has just been
 * woken up: one line, the cause that comes first, and what to do about it. Pure.
 */
#pragma once

#include "probe.h"

struct trouble_view {
	const struct config *config;
	const struct facts *facts;
	const struct npt_state *npt;
	size_t wan;
	enum family family; /* one that the WAN is configured for */
	const struct health_state *health;
	const struct probe_set *probes; /* NULL: none */
	bool eligible;
};

/* The line (owned by the caller), or NULL in *ret when nothing is wrong. 0 or -ENOMEM. */
int trouble_describe(const struct trouble_view *view, char **ret);
