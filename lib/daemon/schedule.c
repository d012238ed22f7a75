// SPDX-License-Identifier: GPL-2.0-or-later
// When to run: one timer on the event loop.
// It is set to the earliest of all that asks for a run.

#include "daemon/schedule.h"

#include "base/util.h"

#include <errno.h>

struct schedule {
	sd_event_source *timer;
	schedule_run run;
	void *arg;
	uint64_t at_us; /* when the next run is due */
	struct pace pace;
};

static void run_at(struct schedule *schedule, uint64_t at_us)
{
	if (at_us >= schedule->at_us)
		return;
	schedule->at_us = at_us;
	sd_event_source_set_time(schedule->timer, at_us);
	sd_event_source_set_enabled(schedule->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct schedule *schedule = arg;
	enum pace_result result;

	schedule->at_us = UINT64_MAX;
	result = schedule->run(schedule->arg);
	run_at(schedule, pace_ended(&schedule->pace, result, clock_us(CLOCK_MONOTONIC)));
	return 0;
}

void schedule_request(struct schedule *schedule, enum pace_urgency urgency)
{
	run_at(schedule, pace_due(&schedule->pace, urgency));
}

void schedule_request_in(struct schedule *schedule, uint64_t delay_us)
{
	run_at(schedule, clock_us(CLOCK_MONOTONIC) + delay_us);
}

int schedule_new(sd_event *event, schedule_run run, void *arg, struct schedule **ret)
{
	struct schedule *schedule = calloc(1, sizeof(*schedule));
	int r;

	if (!schedule)
		return -ENOMEM;
	*schedule = (struct schedule){ .run = run, .arg = arg, .pace = pace_start() };
	r = sd_event_add_time(event, &schedule->timer, CLOCK_MONOTONIC, 0, 1, on_time, schedule);
	/* Ahead of the probes, however many there are: carry out what is decided. */
	if (r >= 0)
		r = sd_event_source_set_priority(schedule->timer, SD_EVENT_PRIORITY_NORMAL - 5);
	if (r < 0) {
		schedule_free(schedule);
		return r;
	}
	*ret = schedule;
	return 0;
}

void schedule_free(struct schedule *schedule)
{
	if (schedule)
		sd_event_source_unref(schedule->timer);
	free(schedule);
}
