// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the probes say of a WAN in one family.
 */
#pragma once

#include "model/routers.h"

#include <string.h>

enum verdict {
	VERDICT_UNKNOWN, /* counts as up */
	VERDICT_UP,
	VERDICT_DOWN,
};

struct verdicts {
	enum verdict (*v)[N_FAMILIES]; /* owned; by the WAN's index */
	struct router_ids avoided;     /* over which nothing came back */
};

static inline void verdicts_done(struct verdicts *verdicts)
{
	free(verdicts->v);
	router_ids_done(&verdicts->avoided);
	*verdicts = (struct verdicts){};
}

/* Fills *ret, which is empty, with those of so many WANs. 0 or -ENOMEM. */
static inline int verdicts_copy(const struct verdicts *verdicts, size_t n_wans,
				struct verdicts *ret)
{
	ret->v = calloc(n_wans, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	memcpy(ret->v, verdicts->v, n_wans * sizeof(*ret->v));
	return router_ids_copy(&verdicts->avoided, &ret->avoided);
}

/* "unknown", "up" or "down": for files, logs and tables. */
static inline const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = { "unknown", "up", "down" };

	return names[verdict];
}
