// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How answers to probes become a verdict: a window of each target's last probes, and a step with
 * hysteresis for each cycle. Pure.
 */
#pragma once

#include "config/config.h"
#include "model/verdict.h"

/* Probes of a target that max_loss and max_rtt are judged over. */
#define HEALTH_WINDOW 20

struct health_window {
	unsigned n;    /* probes in it, at most HEALTH_WINDOW */
	uint32_t lost; /* bit 0: the latest probe was lost; bit 1: the one before */
	uint32_t rtt_us[HEALTH_WINDOW]; /* in the same order; no meaning for a lost probe */
};

void health_window_add(struct health_window *window, bool answered, uint32_t rtt_us);

/* The share of lost probes, 0 to 1; 0 without any probe. */
double health_window_loss(const struct health_window *window);
/* The mean over the answered ones in microseconds; 0 without any. */
double health_window_rtt(const struct health_window *window);

/*
 * False when a full window has more loss than max_loss or is slower than max_rtt: then its target
 * does not count as answering. A window that is not full judges nothing.
 */
bool health_window_passes(const struct health_window *window, const struct health_conf *conf);

/* Why a probe was not answered: by it one knows whose fault that can be. */
enum probe_failure {
	FAILURE_UNKNOWN,     /* not probed yet, or an older daemon has not written it */
	FAILURE_LOCAL,	     /* it could not leave: no link, no address, no route */
	FAILURE_FILTERED,    /* a filter of this machine dropped it */
	FAILURE_FULL,	     /* the kernel's table of flows has no room for it */
	FAILURE_BUSY,	     /* the kernel has no room to send it */
	FAILURE_UNSUPPORTED, /* it lacks something on this machine, as libcurl */
	FAILURE_RESOLVER,    /* who looks names up for this machine does not do so */
	FAILURE_UNRESOLVED,  /* its name has no address, or nobody over this WAN says it */
	FAILURE_UNREACHABLE, /* a router says that there is no way */
	FAILURE_REFUSED,     /* the target, or somebody in its place, refused or hung up */
	FAILURE_SILENT,	     /* nothing came in time */
	FAILURE_WRONG,	     /* an answer that will not do, as a certificate */
	FAILURE_STATUS,	     /* a status that will not do */
	FAILURE_PORTAL,	     /* somebody in its place wants to be seen first */
	FAILURE_SLOW,	     /* it took the connection, and no answer came in time */
	FAILURE_MALFORMED,   /* its URL is a mistake in mwan.conf */
	N_FAILURES,
};

/* Something came back from where the target is: the WAN carries packets. */
static inline bool probe_failure_is_reply(enum probe_failure failure)
{
	return failure == FAILURE_REFUSED || failure == FAILURE_WRONG ||
	       failure == FAILURE_STATUS || failure == FAILURE_PORTAL || failure == FAILURE_SLOW;
}

/* It never left this machine, which says nothing of the WAN. */
static inline bool probe_failure_is_own(enum probe_failure failure)
{
	return failure == FAILURE_LOCAL || failure == FAILURE_FILTERED || failure == FAILURE_FULL ||
	       failure == FAILURE_BUSY || failure == FAILURE_RESOLVER ||
	       failure == FAILURE_UNSUPPORTED || failure == FAILURE_MALFORMED;
}

/* "local", "silent", as in health.json. */
const char *probe_failure_name(enum probe_failure failure);

struct health_state {
	enum verdict state;
	unsigned failures, successes; /* cycles in a row, up to now; one of both is 0 */
	unsigned transitions;	      /* changes of state so far */
	uint64_t since;		      /* of the last change; seconds since 1970 */
};

/*
 * Takes in one cycle, which is good when at least min_targets answered. failure_threshold failed
 * cycles in a row lead to down, recovery_threshold good ones from down to up, and the first good
 * one from unknown to up. now: seconds since 1970. True when the state changed.
 */
bool health_step(struct health_state *health, bool good, const struct health_conf *conf,
		 uint64_t now);
