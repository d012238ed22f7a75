// SPDX-License-Identifier: GPL-2.0-or-later
// The place of the only daemon, and the folder with what it and the runs keep.
// Whatever somebody removes there is made again by the next run, which follows soon.

#include "daemon/state.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

/* Whoever removes a folder is to be done with it first. */
#define REMOVAL_US 200000

/* What is in STATE_DIR of DRAINS_PATH. */
static const char *const drains_name = DRAINS_PATH + sizeof(STATE_DIR);

static int on_removal(sd_event_source *source, const struct inotify_event *event, void *arg)
{
	struct daemon *d = arg;

	if (event->mask & IN_MOVED_TO) {
		/* Of what is written there, the drains alone are somebody else's. */
		if (event->len > 0 && strcmp(event->name, drains_name) == 0)
			daemon_request(d, CAUSE_DRAIN, PACE_NOW);
		return 0;
	}
	schedule_request_in(d->schedule, REMOVAL_US);
	return 0;
}

static void watch_over(struct daemon *d, const char *folder, sd_event_source **source)
{
	/* Not what is renamed away: our own drafts are, each time. */
	static const uint32_t events =
		IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_MOVED_TO | IN_ONLYDIR;
	int r;

	*source = sd_event_source_disable_unref(*source);
	r = sd_event_add_inotify(d->event, source, folder, events, on_removal, d);
	if (r < 0)
		log_event(LOG_DEBUG, EVENT_FILES_UNWATCHED, NULL, "%s can't be watched: %s", folder,
			  strerror(-r));
}

void daemon_keep_place(struct daemon *d)
{
	struct fault fault = {};
	int r = daemon_lock_keep(&d->place, &fault);

	if (r < 0)
		log_event(LOG_WARNING, EVENT_FILES_REMOVED, NULL,
			  "the daemon's lock can't be made again: %s", fault.text);
	else if (r > 0)
		log_event(LOG_WARNING, EVENT_FILES_REMOVED, NULL,
			  "somebody has removed files of " RUN_DIR " or " STATE_DIR
			  ": they are made again");
	d->unkept |= r > 0;
	if (r > 0 || !d->removals[0]) {
		watch_over(d, RUN_DIR, &d->removals[0]);
		watch_over(d, STATE_DIR, &d->removals[1]);
	}
}
