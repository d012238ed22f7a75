// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the flows of a WAN are removed, so that they begin anew on another one. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How long a WAN may be without gateway or translation before its flows are removed: a restart of
 * systemd-networkd takes its routes away for a moment.
 */
#define FLUSH_GRACE_US 3000000

/* The state of one WAN and family; zero at first. */
struct flush {
	uint64_t unusable_us; /* since when, by the caller's clock; 0: it is usable */
	bool flushed;	      /* its flows went already, this time */
};

/* What a run has found and decided. */
struct flush_view {
	bool carrier;
	bool usable;	/* carrier, gateway and translation are there */
	bool condemned; /* probed down, and down_flows = flush */
	bool replaced;	/* new flows go to other WANs, and none to this one */
};

/*
 * failback_flows = flush: true for flows of a WAN of that tier when a better one takes new flows
 * again. before, now: the tiers that took them before the run, and do now; 0: none.
 */
static inline bool flush_is_failback(uint32_t before, uint32_t now, uint32_t tier)
{
	return now > 0 && now < before && now < tier;
}

/*
 * True when the flows have to go now: once each time that the WAN is lost, and not before another
 * WAN can take them. *again_us: when to look again if nothing happens before; else untouched.
 */
bool flush_step(struct flush *flush, const struct flush_view *view, uint64_t now_us,
		uint64_t *again_us);
