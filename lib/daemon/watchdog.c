// SPDX-License-Identifier: GPL-2.0-or-later
// When systemd's watchdog is fed: as long as the daemon does its work, not as long as it lives.
// A timer looks, and each run. What a new daemon would meet as well is no reason to start one.

#include "daemon/state.h"

#include "base/duration.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* Later than the cycles' own timer, so that what was due meanwhile is done first. */
#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

/*
 * True for what may be of this process alone: its memory, its descriptors, its sockets. All else
 * that makes a run fail, such as a base ruleset that is not there, would make a restart loop.
 */
static bool is_of_this_process(int r)
{
	static const int errors[] = { ENOMEM, ENOBUFS, EMFILE, EBADF, ENOTSOCK };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (r == -errors[i])
			return true;
	return false;
}

/* Why it is not fed; NULL: it is. */
static const char *trouble(const struct daemon *d)
{
	if (is_of_this_process(d->result))
		return strerror(-d->result);
	return cycles_stand_still(d->cycles) ? "the probes stand still" : NULL;
}

/* Where runs are slow and many, the timer may have no turn in time: they feed it as well. */
void daemon_feed_watchdog(const struct daemon *d)
{
	if (d->watchdog && !trouble(d))
		sd_notify(0, "WATCHDOG=1");
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct daemon *d = arg;
	const char *why = trouble(d);

	daemon_feed_watchdog(d);
	if (why && !d->hungry_us)
		log_event(LOG_ERR, EVENT_WATCHDOG_HUNGRY, NULL,
			  "%s: unless that changes, systemd starts the daemon anew", why);
	if (!why && d->hungry_us) {
		uint64_t seconds = daemon_lasted(d->hungry_us);

		log_event(LOG_NOTICE, EVENT_WATCHDOG_FED, FIELDS(log_seconds(seconds)),
			  "the daemon works again%s", after_str(seconds).s);
	}
	if (!why != !d->hungry_us)
		d->hungry_us = why ? clock_us(CLOCK_MONOTONIC) : 0;
	sd_event_source_set_time_relative(source, d->watchdog_us / 2);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int daemon_start_watchdog(struct daemon *d)
{
	int r = sd_watchdog_enabled(0, &d->watchdog_us);

	if (r <= 0)
		return r;
	r = sd_event_add_time_relative(d->event, &d->watchdog, CLOCK_MONOTONIC, d->watchdog_us / 2,
				       1, on_time, d);
	return r < 0 ? r : sd_event_source_set_priority(d->watchdog, PRIORITY);
}
