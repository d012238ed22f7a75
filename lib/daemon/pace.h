// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How far apart runs are. Pure: all times are the caller's, in microseconds.
 *
 * In quiet times, a run follows an event at once. In a storm of events, runs are spaced out, more
 * and more; but a WAN that may have been lost never waits for long, and a decision never at all.
 */
#pragma once

#include <stdint.h>

enum pace_urgency {
	PACE_EVENT, /* something has changed */
	PACE_LOSS,  /* a WAN's link, gateway, address or prefix has, and it may be lost */
	PACE_NOW,   /* a decision was made */
};

enum pace_result {
	PACE_DONE,
	PACE_BUSY, /* somebody else has the lock: nothing was done */
	PACE_FAILED,
};

struct pace {
	uint64_t ended_us;		    /* when the last run ended; 0: none has */
	uint64_t gap_us, turn_us, retry_us; /* the next ones */
};

struct pace pace_start(void);

/* When a run is due because of that; a time that has passed is now. */
uint64_t pace_due(const struct pace *pace, enum pace_urgency urgency);

/* A run has ended. When the next one is due if nothing happens before. */
uint64_t pace_ended(struct pace *pace, enum pace_result result, uint64_t now_us);
