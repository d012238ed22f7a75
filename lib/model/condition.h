// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What keeps new flows of a family away from a WAN, since when, and since when it is out at all.
 * Pure.
 */
#pragma once

#include "model/health.h"
#include "model/site.h"

/* An earlier one explains a later one. */
enum obstacle {
	OBSTACLE_NONE,
	OBSTACLE_NO_INTERFACE,
	OBSTACLE_SWITCHED_OFF,
	OBSTACLE_NO_CARRIER,
	OBSTACLE_NO_GATEWAY,
	OBSTACLE_NO_PREFIX,  /* none that NPT can use */
	OBSTACLE_NO_ADDRESS, /* to masquerade behind */
	OBSTACLE_DOWN,	     /* the probes say so; flows may use it all the same, as last resort */
	OBSTACLE_DRAINED,    /* by hand, or */
	OBSTACLE_HELD,	     /* by recovery_hold: it would carry, and does where nobody else can */
	OBSTACLE_OTHER,	     /* a file names one that this version does not know */
	N_OBSTACLES,
};

/* "no carrier", "down": for health.json, tables and logs; "none". */
const char *obstacle_name(enum obstacle obstacle);
/* The one of that name; NULL, and a name that is not known: OBSTACLE_OTHER. */
enum obstacle obstacle_parse(const char *name);

/* True for an outage: the WAN can't carry, or nobody knows that it can. */
static inline bool obstacle_is_outage(enum obstacle obstacle)
{
	return obstacle != OBSTACLE_NONE && obstacle != OBSTACLE_DRAINED &&
	       obstacle != OBSTACLE_HELD;
}

/* The first obstacle, by the verdicts of the site. A family that is not configured has one. */
enum obstacle obstacle_find(const struct site *site, size_t wan, enum family family);
/* OBSTACLE_NO_PREFIX, OBSTACLE_NO_ADDRESS or OBSTACLE_NONE, whatever others there are. */
enum obstacle obstacle_of_translation(const struct site *site, size_t wan, enum family family);

struct condition {
	enum obstacle obstacle;
	uint64_t since; /* it is so; seconds since 1970; 0: not known */
	uint64_t out;	/* since when there is an obstacle, whichever; 0: there is none */
};

/*
 * The condition that follows on `before`, which is empty if nothing is known. health: what the
 * probes say, whose age is the one of OBSTACLE_DOWN. now: seconds since 1970.
 */
struct condition condition_step(const struct condition *before, enum obstacle obstacle,
				const struct health_state *health, uint64_t now);
