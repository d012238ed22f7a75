// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides which prefix each WAN has now: the one given, the fixed one, what a source of live
 * delegations says, or the one last used.
 */
#pragma once

#include "model/delegation.h"
#include "model/npt.h"

/* With all at zero, prefixes are those of mwan.conf and of the last run: nobody is asked. */
struct prefix_request {
	const struct prefix_source *sources; /* asked in this order, until one knows; not owned */
	size_t n_sources;
	bool ended; /* ask only where the lifetime of the last run's prefix has ended */
	const struct wan_conf *only; /* ask for this WAN alone; NULL: for each */
	struct prefix prefix;	     /* with `only`: use this one; len 0: ask */
};

/*
 * So much before its end a prefix is given up: what replaces it takes its time, and is in force
 * when the prefix is not ours any more.
 */
#define PREFIX_EARLY_US 500000

/*
 * kept: the prefixes of the last run; now_us: of CLOCK_BOOTTIME. None is used to its very end,
 * whoever was asked. A prefix that can't be used is left out and named in *bad, the first of
 * several. 0 or -ENOMEM.
 */
int prefixes_resolve(const struct config *config, const struct prefix_request *request,
		     const struct npt_state *kept, uint64_t now_us, struct npt_state *ret,
		     struct fault *bad);
