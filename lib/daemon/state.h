// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's state, and its parts: what it reports (tell.c), what a run is (run.c), its events
 * and its life (daemon.c). Private to them.
 */
#pragma once

#include "base/lock.h"
#include "config/version.h"
#include "daemon/again.h"
#include "daemon/announcer.h"
#include "daemon/flush.h"
#include "daemon/notify.h"
#include "daemon/routers.h"
#include "daemon/schedule.h"
#include "health/cycles.h"
#include "kernel/conntrack.h"
#include "kernel/watch.h"
#include "model/conflict.h"
#include "networkd/watch.h"
#include "reconcile/reconcile.h"
#include "status/drains.h"

/* What was seen of OPNsense so far; stands while the kernel knows nothing newer. */
struct lan_memory {
	enum presence router4, router6;
	uint64_t asked_us; /* when it was last asked for; 0: never */
};

/* What makes a run due. Of those from CAUSES_OF_WANS on, the state of a WAN says more. */
enum cause {
	CAUSE_CONFIG,
	CAUSE_NFT,
	CAUSE_OURS,
	CAUSE_PREFIX_END,
	CAUSE_NEIGHBOUR,
	CAUSE_ROUTER,
	CAUSES_OF_WANS,
	CAUSE_NETWORKD = CAUSES_OF_WANS,
	CAUSE_VERDICT,
	CAUSE_DRAIN,
	CAUSE_ROUTE,
	CAUSE_GATEWAY,
	CAUSE_LINK,
	N_CAUSES,
};

/* Why the last report could not be written, and since when; empty: it was. */
struct unwritten {
	struct fault fault;
	uint64_t since_us;
};

/* Whether a WAN is eligible in a family, as [notify] knows. */
enum eligible_told { TOLD_NOTHING, TOLD_FALSE, TOLD_TRUE };

/* What a WAN has lost, and what was said of it. */
struct wan_losses {
	uint64_t since[N_FAMILIES][N_OBSTACLES]; /* seconds since 1970; 0: it is not lost */
	bool seen[N_FAMILIES];			 /* eligible, since this daemon has begun */
	enum eligible_told told[N_FAMILIES];
};

struct daemon {
	struct config_file file;
	struct config *config; /* owned; what is made of it points to it */
	bool reload;	       /* SIGHUP has asked for it */
	struct fault refused;  /* why the last version of it can't be used; empty: it can */

	struct lock place; /* the only daemon's */

	sd_event *event;
	sd_event_source *removals[2]; /* from RUN_DIR and STATE_DIR */
	sd_event_source *nft_idle;
	sd_event_source *prefix_end; /* of the first prefix in use that ends */
	struct schedule *schedule;
	struct watch *watch;
	struct networkd_watch *networkd;
	struct notify *notify;
	struct announcer *announcer;
	struct cycles *cycles;

	struct kernel kernel;
	struct outcome outcome;		   /* of the last run; site.facts.wans NULL: none yet */
	struct flush (*flush)[N_FAMILIES]; /* owned; by the WAN's index */
	struct wan_losses *losses;	   /* owned; by the WAN's index */
	struct hold (*holds)[N_FAMILIES];  /* owned; by the WAN's index */
	struct missing *missing;	   /* owned; by the WAN's index */
	struct drains drains;		   /* in force */
	struct released_flows released;	   /* that failback has removed lately */
	uint64_t released_us;		   /* when, on CLOCK_MONOTONIC */
	uint32_t (*tiers)[N_FAMILIES];	   /* owned; by the policy's index: that took its new flows
					      last; 0: none has yet */
	struct report report;	       /* the last one; at first, the one of an earlier daemon */
	struct fault fault;	       /* why the last run failed */
	struct unwritten unwritten[2]; /* the reports in /run and in /var/lib */
	unsigned causes;	       /* of the next run: a bit for each enum cause */
	bool moved;		       /* links or addresses have changed since the last run */
	bool decided;		       /* a verdict has changed since the last run */
	bool unkept;		       /* what outlives a reboot has changed since, or is gone */
	bool ready;		       /* and systemd knows it */
	uint64_t waits_us;	       /* since when somebody else has the lock; 0: nobody has */
	bool blocked;		       /* and we have said so */
	uint64_t started_us;	       /* when the first run ended */
	struct routers routers;	       /* of links that have several */
	unsigned router_tries;	       /* how often one that is not used was looked for */
	struct conflicts conflicts;    /* that we have warned of */
	struct flow_table flows;       /* conntrack's, at the last report */
	struct lan_memory lan;
	int lan_lost;	  /* what is wrong with the LAN, and was said; 0: nothing */
	bool lan_awaited; /* and it was said that this is awaited */
	bool lan_seen;	  /* OPNsense, since this daemon has begun */
	/* Since when, on CLOCK_MONOTONIC, of what we have said; 0: all is well. */
	uint64_t lan_lost_us, management_lost_us, networkd_lost_us, flows_full_us, failed_us;
	uint64_t hungry_us;
	int result; /* of the last run: 0 or a negative errno */
	sd_event_source *watchdog;
	uint64_t watchdog_us;	/* how often systemd wants to be told */
	unsigned router6_tries; /* questions in a row that OPNsense has not answered */
};

/* Makes the report of the last run and cycles, and writes it to HEALTH_PATH. 0 or -ENOMEM. */
int daemon_make_report(struct daemon *d);
void daemon_write_report(struct daemon *d, const char *path);
/* To systemd: the status line, and, once, that the daemon is ready. */
void daemon_notify_status(struct daemon *d);
void daemon_notify_ready(struct daemon *d);
extern const struct cycles_handlers daemon_cycles_handlers;

/*
 * Reads the configuration if there is a new one in force (asked: also one that nobody has run
 * with), and puts everything on it. 1 when there is one; 0 when there is none; a negative errno
 * with a fault, and everything as it was.
 */
int daemon_load(struct daemon *d, bool asked, struct fault *fault);

/* Before a run, which may ask for OPNsense anew: what the kernel knows of it until then. */
void daemon_look_at_lan(struct daemon *d);
/* After a run: fills in whether OPNsense was seen. before: the facts of the run before. */
void daemon_judge_lan(struct daemon *d, const struct facts *before);
/* Whether a neighbour's change matters; see struct watch_handlers. */
bool daemon_concerns_neighbour(unsigned ifindex, struct addr addr, bool there, void *daemon);

/* After a cycle: leaves a router over which nothing comes back, if there is another. */
void daemon_judge_routers(struct daemon *d);
/* After a cycle: whether the gateways of those that fail answer on their links. */
void daemon_ask_gateways(struct daemon *d);
/* After a run: which routers are there again, and which are to be looked for. 0 or -ENOMEM. */
int daemon_review_routers(struct daemon *d, const struct site *before);
/* Of a new configuration: what the last report says. 0 or -ENOMEM. */
int daemon_recall_routers(struct daemon *d);
/* True when it is one of several routers of a link, and it was thought otherwise. */
bool daemon_concerns_router(const struct daemon *d, unsigned ifindex, struct addr addr, bool there);

/* After a run: asks for gateways that are missing or about to end. */
void daemon_ask_for_missing(struct daemon *d);

/* After a run: logs what has been lost since the one before, and what is back. 0 or -ENOMEM. */
int daemon_follow_losses(struct daemon *d, const struct site *before);

/* Of the WANs of a new configuration: what the last report says. 0 or -ENOMEM; free() *ret. */
int daemon_recall_losses(const struct report *known, const struct config *config,
			 struct wan_losses **ret);
/* Logs what the WANs have again, and which are eligible, before the report becomes the last one. */
void daemon_follow_wans(struct daemon *d, const struct report *now);

/* Before a run: fills in which WANs are held, and which are drained. 0 or -ENOMEM. */
int daemon_set_aside(struct daemon *d, struct verdicts *verdicts);
/* After a run: which outages have begun, and which holds. */
void daemon_follow_holds(struct daemon *d);
/* Of the WANs of a new configuration: what the last report says. 0 or -ENOMEM; free() *ret. */
int daemon_recall_holds(const struct report *known, const struct config *config,
			struct hold (**ret)[N_FAMILIES]);

/* After a run that is in force: removes flows that are to begin anew on another WAN. */
void daemon_flush_flows(struct daemon *d);
/* Of the policies of a new configuration: which tiers took new flows, by the last report. The same.
 */
int daemon_recall_tiers(const struct report *known, const struct config *config,
			uint32_t (**ret)[N_FAMILIES]);

/* Seconds since a time on CLOCK_MONOTONIC in microseconds. */
static inline uint64_t daemon_lasted(uint64_t since_us)
{
	return (clock_us(CLOCK_MONOTONIC) - since_us) / 1000000;
}
/* A run is due, for this reason. */
static inline void daemon_request(struct daemon *d, enum cause cause, enum pace_urgency urgency)
{
	d->causes |= 1U << cause;
	schedule_request(d->schedule, urgency);
}
/* After a run, before its report: why it was made, the caller's; NULL: no memory. */
char *daemon_causes(const struct daemon *d);
/* How long what has never been there is awaited yet, as after a boot; 0: it is missing. */
uint64_t daemon_awaits_us(const struct daemon *d);
/* Adds that networkd can't be asked, where that matters. 0 or -ENOMEM. */
int daemon_report_networkd(const struct daemon *d, struct report *report);
/* Makes the lock again if it was removed, and has a run follow what is removed beside it. */
void daemon_keep_place(struct daemon *d);
enum pace_result daemon_on_run(void *daemon);

/* From now on, systemd's watchdog is fed, if it wants to be. 0 or a negative errno. */
int daemon_start_watchdog(struct daemon *d);
/* Feeds it, if all is well. */
void daemon_feed_watchdog(const struct daemon *d);
