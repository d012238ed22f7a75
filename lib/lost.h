/*
 * When the flows of a WAN are given up, so that they begin anew on another. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How long a WAN may be without gateway or translation before its flows are given up: a
 * restart of systemd-networkd takes its routes away for a moment.
 */
#define LOST_GRACE_US 3000000

/* Of a WAN and family; zero at first. */
struct lost {
	uint64_t unusable_us; /* since when, by the caller's clock; 0: it is usable */
	bool flushed;	      /* since it is lost */
};

/* What a run has found and decided. */
struct lost_view {
	bool carrier;
	bool usable;	/* carrier, gateway and translation are there */
	bool condemned; /* probed down, and down_flows = flush */
	bool replaced;	/* new flows go to other WANs, and none to this one */
};

/*
 * True when the flows have to go now: once for each time that the WAN is lost, and not before there
 * is another to take them. *again_us: when to look again, if nothing happens before; else
 * untouched.
 */
bool lost_step(struct lost *lost, const struct lost_view *view, uint64_t now_us,
	       uint64_t *again_us);
