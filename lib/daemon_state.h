/*
 * The daemon's state, and its parts: what it tells (daemon_tell.c), what a run is
 * (daemon_run.c), its events and its life (daemon.c). Private to them.
 */
#pragma once

#include "config_file.h"
#include "cycles.h"
#include "lost.h"
#include "networkd_watch.h"
#include "notify.h"
#include "reconcile.h"
#include "runner.h"
#include "watch.h"

struct daemon {
	struct config_file file;
	struct config *config; /* owned; what it is made of points to it */
	bool reload;	       /* somebody asks for it */
	struct fault refused;  /* why the last version of it was; empty: it was not */

	sd_event *event;
	sd_event_source *nft_idle;
	struct runner *runner;
	struct watch *watch;
	struct networkd_watch *networkd;
	struct notify *notify;
	struct cycles *cycles;

	struct kernel kernel;
	struct outcome outcome;		 /* of the last run; facts.wans NULL: none yet */
	struct lost (*lost)[N_FAMILIES]; /* owned; by the WAN's index */
	struct report report;	/* the last one; at first, what was kept of an earlier daemon */
	struct fault fault;	/* what the last run failed of */
	struct fault unwritten; /* the last error of writing the report */
	bool moved;		/* links or addresses, since the last run */
	bool decided;		/* a verdict, since the last run */
	bool ready;		/* and our manager knows */
	uint64_t waits_us;	/* since when it is somebody else's turn; 0: it is not */
	uint64_t started_us;	/* the first run's end */
	unsigned router6_tries; /* in a row, in vain */
};

/* ---- telling ---- */

/* Makes the report of the last run and the last cycles, and writes it to HEALTH_PATH. */
void daemon_make_report(struct daemon *d);
void daemon_write_report(struct daemon *d, const char *path);
/* The service manager: how we are, and, once, that we are ready. */
void daemon_tell_status(struct daemon *d);
void daemon_tell_ready(struct daemon *d);
extern const struct cycles_handlers daemon_cycles_handlers;

/* ---- running ---- */

/*
 * Reads the configuration if there is a new one in force (`asked`: there is by somebody's word),
 * and puts everything on it. 1 when there is; 0; a negative errno with a fault, and all as it was.
 */
int daemon_load(struct daemon *d, bool asked, struct fault *fault);
enum runner_result daemon_on_run(void *daemon);
