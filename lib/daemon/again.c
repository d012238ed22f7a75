// SPDX-License-Identifier: GPL-2.0-or-later
// When to ask an ISP again for what it gave.
// Each pause is twice the one before; what is there again begins anew.

#include "daemon/again.h"

/* Of what is computed from a clock and the kernel's ticks. */
#define SLACK_US 1000000

/* RFC 7559 */
#define FIRST_SOLICITATION_US 4000000
#define LAST_SOLICITATION_US 3600000000

bool again_is_due(struct again *again, const struct again_pace *pace, uint64_t now_us,
		  uint64_t *next_us)
{
	bool due;

	if (again->due_us == 0)
		again->due_us = now_us + pace->first_us;
	due = now_us >= again->due_us;
	if (due) {
		uint64_t pause_us = pace->pause_us << (again->tries < 20 ? again->tries : 20);

		again->due_us = now_us + (pause_us < pace->last_us ? pause_us : pace->last_us);
		again->tries++;
	}
	if (again->due_us < *next_us)
		*next_us = again->due_us;
	return due;
}

bool advertisement_is_due(struct advertisement *it, uint64_t end_us, uint64_t now_us,
			  uint64_t *next_us)
{
	const struct again_pace pace = {
		.first_us = end_us > now_us ? 0 : FIRST_SOLICITATION_US,
		.pause_us = FIRST_SOLICITATION_US,
		.last_us = LAST_SOLICITATION_US,
	};
	uint64_t begin_us;

	if (end_us > now_us && end_us > it->end_us + SLACK_US) {
		it->lifetime_us = end_us - now_us;
		it->again = (struct again){};
	}
	it->end_us = end_us;
	it->sought &= end_us == 0;
	if (it->sought || end_us == UINT64_MAX)
		return false;
	begin_us = end_us - it->lifetime_us / 3;
	if (end_us > now_us && now_us < begin_us) {
		if (begin_us < *next_us)
			*next_us = begin_us;
		return false;
	}
	return again_is_due(&it->again, &pace, now_us, next_us);
}
