/*
 * When to run: at once after what happens in quiet times, spaced out in a storm of
 * events, again soon after a run that failed, and now and then in any case.
 */
#pragma once

#include <systemd/sd-event.h>

enum runner_result {
	RUNNER_DONE,
	RUNNER_BUSY, /* it is somebody else's turn */
	RUNNER_FAILED,
};

struct runner;

typedef enum runner_result (*runner_run)(void *arg);

/* The first run is as soon as the loop runs. 0 or a negative errno. */
int runner_new(sd_event *event, runner_run run, void *arg, struct runner **ret);
void runner_free(struct runner *runner);

/* Something changed: a run, soon. Never runs from within. */
void runner_request(struct runner *runner);
/* A decision was made: a run, next. */
void runner_request_now(struct runner *runner);
/* Look again, no later than in so many microseconds. */
void runner_request_in(struct runner *runner, uint64_t delay_us);
