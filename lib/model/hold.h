// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * recovery_hold: a WAN that is back from an outage takes new flows again only when it has been well
 * for so long. Pure; all times are microseconds.
 *
 * An outage is whatever keeps new flows away, but a drain or the hold itself; what is not there
 * when the daemon starts is none. One that begins during the hold, or before the WAN has taken new
 * flows for as long as the hold lasted, doubles the next hold, up to HOLD_TIMES times
 * recovery_hold. After any other outage, the hold is recovery_hold again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HOLD_TIMES 16

/* Of one WAN and family. */
struct hold {
	uint64_t until_us; /* since 1970: when it is over; stays when that has passed */
	unsigned times;	   /* it lasts so many times recovery_hold; 0: there is nothing to keep */
	bool lost;	   /* an outage goes on, after which a hold begins */
	bool seen;	   /* the WAN was well once since the daemon has started */
};

struct hold_view {
	bool out;	  /* something else keeps new flows away */
	bool well;	  /* nothing else does, and the probes say so if there are any */
	uint64_t base_us; /* recovery_hold */
	uint64_t now_us;  /* since 1970 */
};

/* Whether new flows are kept from the WAN, if nothing else does. */
bool hold_is_on(const struct hold *hold, uint64_t base_us, uint64_t now_us);

/* Takes in what a run has found. True when a hold has begun. */
bool hold_step(struct hold *hold, const struct hold_view *view);
