// SPDX-License-Identifier: GPL-2.0-or-later
// recovery_hold: how long a WAN that is back waits for new flows.
// An outage is noted when it begins; the hold begins when it is over.

#include "model/hold.h"

static uint64_t length_us(const struct hold *hold, uint64_t base_us)
{
	return base_us * hold->times;
}

bool hold_is_on(const struct hold *hold, uint64_t base_us, uint64_t now_us)
{
	if (base_us == 0)
		return false;
	/* A clock that was set back, or a shorter recovery_hold, does not make it longer. */
	return hold->lost ||
	       (now_us < hold->until_us && hold->until_us - now_us <= length_us(hold, base_us));
}

static void begin_outage(struct hold *hold, const struct hold_view *view)
{
	bool flaps =
		hold->times > 0 && view->now_us < hold->until_us + length_us(hold, view->base_us);

	hold->lost = true;
	if (!flaps)
		hold->times = 1;
	else if (hold->times < HOLD_TIMES)
		hold->times *= 2;
}

bool hold_step(struct hold *hold, const struct hold_view *view)
{
	if (view->out) {
		if (hold->seen && !hold->lost)
			begin_outage(hold, view);
		return false;
	}
	hold->seen |= view->well;
	if (hold->lost) {
		hold->lost = false;
		hold->until_us = view->now_us + length_us(hold, view->base_us);
		return view->base_us > 0;
	}
	/* It has been quiet for long enough. */
	if (view->now_us >= hold->until_us + length_us(hold, view->base_us))
		hold->times = 0;
	return false;
}
