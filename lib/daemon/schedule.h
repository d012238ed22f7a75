// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When to run: as pace.h says, and once a minute in any case.
 */
#pragma once

#include "daemon/pace.h"

#include <systemd/sd-event.h>

struct schedule;

typedef enum pace_result (*schedule_run)(void *arg);

/* The first run is as soon as the loop runs. 0 or a negative errno. */
int schedule_new(sd_event *event, schedule_run run, void *arg, struct schedule **ret);
void schedule_free(struct schedule *schedule);

/* Something happened: run soon, or next. Never runs from within. */
void schedule_request(struct schedule *schedule, enum pace_urgency urgency);
/* Run again in at most so many microseconds. */
void schedule_request_in(struct schedule *schedule, uint64_t delay_us);
