#include "runner.h"

#include "util.h"

#include <errno.h>

/* The first run of a storm is at once, the second after the first gap; then they get wider. */
#define FIRST_GAP_US 10000
#define WIDEST_GAP_US 500000
#define QUIET_US 2000000

#define FIRST_WAIT_FOR_TURN_US 2000
#define LONGEST_WAIT_FOR_TURN_US 50000

#define FIRST_RETRY_US 1000000
#define LONGEST_RETRY_US 60000000

/* The net under the events. */
#define FULL_CHECK_US 60000000

struct runner {
	sd_event_source *timer;
	runner_run run;
	void *arg;
	uint64_t at_us;	   /* when the next run is due */
	uint64_t ended_us; /* when the last one ended; 0: none has */
	uint64_t gap_us, turn_us, retry_us;
};

static void run_at(struct runner *runner, uint64_t at_us)
{
	if (at_us >= runner->at_us)
		return;
	runner->at_us = at_us;
	sd_event_source_set_time(runner->timer, at_us);
	sd_event_source_set_enabled(runner->timer, SD_EVENT_ONESHOT);
}

static uint64_t widen(uint64_t *delay_us, uint64_t widest_us)
{
	uint64_t now = *delay_us;

	*delay_us = 2 * now < widest_us ? 2 * now : widest_us;
	return now;
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct runner *runner = arg;
	enum runner_result result;
	uint64_t now;

	runner->at_us = UINT64_MAX;
	result = runner->run(runner->arg);
	now = clock_us(CLOCK_MONOTONIC);
	if (result == RUNNER_BUSY) {
		run_at(runner, now + widen(&runner->turn_us, LONGEST_WAIT_FOR_TURN_US));
		return 0;
	}

	runner->turn_us = FIRST_WAIT_FOR_TURN_US;
	if (now - runner->ended_us > QUIET_US)
		runner->gap_us = FIRST_GAP_US;
	else
		widen(&runner->gap_us, WIDEST_GAP_US);
	runner->ended_us = now;
	if (result == RUNNER_FAILED) {
		run_at(runner, now + widen(&runner->retry_us, LONGEST_RETRY_US));
	} else {
		runner->retry_us = FIRST_RETRY_US;
		run_at(runner, now + FULL_CHECK_US);
	}
	return 0;
}

void runner_request(struct runner *runner)
{
	/* A time that has passed is now. */
	run_at(runner, runner->ended_us + runner->gap_us);
}

void runner_request_now(struct runner *runner)
{
	run_at(runner, 0);
}

void runner_request_in(struct runner *runner, uint64_t delay_us)
{
	run_at(runner, clock_us(CLOCK_MONOTONIC) + delay_us);
}

int runner_new(sd_event *event, runner_run run, void *arg, struct runner **ret)
{
	struct runner *runner = calloc(1, sizeof(*runner));
	int r;

	if (!runner)
		return -ENOMEM;
	*runner = (struct runner){
		.run = run,
		.arg = arg,
		.gap_us = FIRST_GAP_US,
		.turn_us = FIRST_WAIT_FOR_TURN_US,
		.retry_us = FIRST_RETRY_US,
	};
	r = sd_event_add_time(event, &runner->timer, CLOCK_MONOTONIC, 0, 1, on_time, runner);
	/* However much there is to probe: what is decided is carried out. */
	if (r >= 0)
		r = sd_event_source_set_priority(runner->timer, SD_EVENT_PRIORITY_NORMAL - 5);
	if (r < 0) {
		runner_free(runner);
		return r;
	}
	*ret = runner;
	return 0;
}

void runner_free(struct runner *runner)
{
	if (runner)
		sd_event_source_unref(runner->timer);
	free(runner);
}
