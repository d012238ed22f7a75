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

/* What comes first explains what comes after it. */
enum trouble {
	TROUBLE_LINK,
	TROUBLE_GATEWAY,
	TROUBLE_REFUSED, /* what the ISP delegates can't be used */
	TROUBLE_TRANSLATION,
	TROUBLE_NO_TARGETS,
	TROUBLE_FAILURE,
	TROUBLE_FALLBACK,      /* the family is up all the same */
	TROUBLE_SINGLE_TARGET, /* as well */
	N_TROUBLES,
};

/*
 * One kind of it, whatever others there are. The first four, and the fallback, need no health and
 * no probes. Results as below.
 */
int trouble_find(const struct trouble_view *view, enum trouble kind, char **ret);

/* The line (owned by the caller), or NULL in *ret when nothing is wrong. 0 or -ENOMEM. */
int trouble_describe(const struct trouble_view *view, char **ret);
