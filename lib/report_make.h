/*
 * The report of what a run found and what the probes say. Pure.
 */
#pragma once

#include "probe.h"
#include "report.h"

/* What the daemon keeps of each WAN, by its index. */
struct wan_health {
	struct health_state state[N_FAMILIES];
	struct probe_set *probes[N_FAMILIES]; /* NULL: no targets, or not of the family */
};

/*
 * now_us: since 1970. Everything is copied: *ret is the caller's, report_done(). Each family in
 * trouble gets a line that says what is wrong and what to do about it. 0 or -ENOMEM.
 */
int report_make(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct selection selections[N_FAMILIES], const struct wan_health *health,
		uint64_t now_us, struct report *ret);
