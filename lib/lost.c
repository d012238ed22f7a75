#include "lost.h"

bool lost_step(struct lost *lost, const struct lost_view *view, uint64_t now_us, uint64_t *again_us)
{
	uint64_t end_us;

	if (view->usable)
		lost->unusable_us = 0;
	else if (lost->unusable_us == 0)
		lost->unusable_us = now_us;
	end_us = lost->unusable_us + LOST_GRACE_US;

	if (view->carrier && !view->condemned && (view->usable || now_us < end_us)) {
		if (!view->usable)
			*again_us = end_us;
		lost->flushed = false;
		return false;
	}
	if (lost->flushed || !view->replaced)
		return false;
	return lost->flushed = true;
}
