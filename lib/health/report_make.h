// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report of what a run found and what the probes say. Pure.
 */
#pragma once

#include "dot1x/attempt.h"
#include "health/trouble.h"
#include "model/site.h"
#include "probe/set.h"
#include "status/report.h"

/* Of so many cycles of a WAN that rests, one takes place. */
#define METERED_CYCLES 12

/* What the daemon keeps of each WAN, by its index. */
struct wan_health {
	struct health_state state[N_FAMILIES];
	struct probe_set *probes[N_FAMILIES]; /* NULL: no targets, or not of the family */
	bool undecided[N_FAMILIES];	   /* the last cycle: this machine refused what decides */
	enum presence gateway[N_FAMILIES]; /* while cycles fail: whether it answers on the link */
	bool eligible[N_FAMILIES];	   /* in the last run */
	bool rests[N_FAMILIES];		   /* metered, and not needed now: probed less often */
};

/* The verdicts of these, by the WAN's index: the caller's, verdicts_done(). 0 or -ENOMEM. */
int wan_health_verdicts(const struct wan_health *health, size_t n_wans, struct verdicts *ret);

/*
 * The site by the verdicts of these, with the selections that follow from them. All else in *ret
 * is the given site's: site_judge_done(). 0 or -ENOMEM.
 */
int site_judge(const struct site *site, const struct wan_health *health, struct site *ret);
void site_judge_done(struct site *judged);

/* Of a family that the WAN has, what its trouble is found by. health: of all WANs. */
struct trouble_view trouble_view_of(const struct site *site, size_t wan, enum family family,
				    const struct wan_health *health,
				    const struct dot1x_record *dot1x);

/*
 * now_us: since 1970. before: the report that this one follows, which conditions go on from, by the
 * WANs' names; empty: none. Everything is copied: *ret is the caller's, report_done(). Each family
 * in trouble gets a line that says what is wrong and what to do about it. 0 or -ENOMEM.
 */
int report_make(const struct site *site, const struct wan_health *health,
		const struct report *before, uint64_t now_us, struct report *ret);
