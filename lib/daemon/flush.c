// SPDX-License-Identifier: GPL-2.0-or-later
// When the flows of a WAN are removed, so that they begin anew on another one.
// A step for each run; it remembers since when the WAN is unusable, and whether its flows went.

#include "daemon/flush.h"

bool flush_step(struct flush *flush, const struct flush_view *view, uint64_t now_us,
		uint64_t *again_us)
{
	uint64_t end_us;

	if (view->usable)
		flush->unusable_us = 0;
	else if (flush->unusable_us == 0)
		flush->unusable_us = now_us;
	end_us = flush->unusable_us + FLUSH_GRACE_US;

	if (view->carrier && !view->condemned && (view->usable || now_us < end_us)) {
		if (!view->usable)
			*again_us = end_us;
		flush->flushed = false;
		return false;
	}
	if (flush->flushed || !view->replaced)
		return false;
	flush->flushed = true;
	return true;
}
