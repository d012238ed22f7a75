// SPDX-License-Identifier: GPL-2.0-or-later
// How far apart runs are: little in quiet times, more in a storm of events.
// Gaps and retries double up to a limit, and begin anew when it is quiet, or when a run succeeds.

#include "daemon/pace.h"

/*
 * The first run of a storm is at once, the second after the first gap; each next gap is wider. The
 * limits are the longest delays: a lost WAN is to be left within 50 ms, and somebody's change of
 * our rules repaired within 100. They bound the CPU time, too: a run takes 1 to 5 ms.
 */
#define FIRST_GAP_US 10000
#define WIDEST_LOSS_GAP_US 20000
#define WIDEST_GAP_US 80000
#define QUIET_US 2000000

#define FIRST_TURN_US 2000
#define LONGEST_TURN_US 20000

/* What has failed once may succeed at once; what fails again and again has to be waited for. */
#define FIRST_RETRY_US 10000
#define LONGEST_RETRY_US 60000000

/* In case an event was missed. */
#define FULL_CHECK_US 60000000

struct pace pace_start(void)
{
	return (struct pace){
		.gap_us = FIRST_GAP_US,
		.turn_us = FIRST_TURN_US,
		.retry_us = FIRST_RETRY_US,
	};
}

uint64_t pace_due(const struct pace *pace, enum pace_urgency urgency)
{
	uint64_t gap_us = pace->gap_us;

	if (urgency == PACE_NOW)
		return 0;
	if (urgency == PACE_LOSS && gap_us > WIDEST_LOSS_GAP_US)
		gap_us = WIDEST_LOSS_GAP_US;
	return pace->ended_us + gap_us;
}

static uint64_t widen(uint64_t *delay_us, uint64_t widest_us)
{
	uint64_t now = *delay_us;

	*delay_us = 2 * now < widest_us ? 2 * now : widest_us;
	return now;
}

uint64_t pace_ended(struct pace *pace, enum pace_result result, uint64_t now_us)
{
	if (result == PACE_BUSY)
		return now_us + widen(&pace->turn_us, LONGEST_TURN_US);

	pace->turn_us = FIRST_TURN_US;
	if (now_us - pace->ended_us > QUIET_US)
		pace->gap_us = FIRST_GAP_US;
	else
		widen(&pace->gap_us, WIDEST_GAP_US);
	pace->ended_us = now_us;
	if (result == PACE_FAILED)
		return now_us + widen(&pace->retry_us, LONGEST_RETRY_US);
	pace->retry_us = FIRST_RETRY_US;
	return now_us + FULL_CHECK_US;
}
