// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the probes say of a WAN in one family.
 */
#pragma once

#include "model/hold.h"
#include "model/routers.h"

#include <string.h>

enum verdict {
	VERDICT_UNKNOWN, /* counts as up */
	VERDICT_UP,
	VERDICT_DOWN,
};

/* Why a WAN that could carry new flows leaves them to others, as long as others carry them. */
struct aside {
	bool held; /* recovery_hold lasts, as `hold` says */
	struct hold hold;
	bool drained;	/* somebody has taken it out by hand */
	uint64_t until; /* with drained: so long, in seconds since 1970; 0: without an end */
};

struct verdicts {
	enum verdict (*v)[N_FAMILIES];	   /* owned; by the WAN's index */
	struct aside (*aside)[N_FAMILIES]; /* owned; the same; NULL: nobody is */
	struct router_ids avoided;	   /* over which nothing came back */
};

/* Room for those of so many WANs in *ret, which is empty. 0 or -ENOMEM. */
static inline int verdicts_new(size_t n_wans, struct verdicts *ret)
{
	ret->v = calloc(n_wans, sizeof(*ret->v));
	ret->aside = calloc(n_wans, sizeof(*ret->aside));
	return ret->v && ret->aside ? 0 : -ENOMEM;
}

static inline void verdicts_done(struct verdicts *verdicts)
{
	free(verdicts->v);
	free(verdicts->aside);
	router_ids_done(&verdicts->avoided);
	*verdicts = (struct verdicts){};
}

/* Fills *ret, which is empty, with those of so many WANs. 0 or -ENOMEM. */
static inline int verdicts_copy(const struct verdicts *verdicts, size_t n_wans,
				struct verdicts *ret)
{
	if (verdicts_new(n_wans, ret) < 0)
		return -ENOMEM;
	memcpy(ret->v, verdicts->v, n_wans * sizeof(*ret->v));
	if (verdicts->aside)
		memcpy(ret->aside, verdicts->aside, n_wans * sizeof(*ret->aside));
	return router_ids_copy(&verdicts->avoided, &ret->avoided);
}

/* "unknown", "up" or "down": for files, logs and tables. */
static inline const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = { "unknown", "up", "down" };

	return names[verdict];
}
