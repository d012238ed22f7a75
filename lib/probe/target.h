// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The targets of one WAN and family: what is asked, how it leaves and what came of it; and what a
 * kind of probe is, in its own words. It knows none of the kinds.
 */
#pragma once

#include "config/config.h"
#include "model/health.h"

#include <systemd/sd-event.h>

/* How probes leave: bound to all three, so that none goes over another WAN. */
struct probe_path {
	char interface[IFNAMSIZ];
	uint32_t mark;
	struct addr sources[4]; /* of each family, the first that can be bound is used; or none */
};

enum probe_result {
	PROBE_PENDING,
	PROBE_ANSWERED,
	PROBE_FAILED,
};

/* Room for why a target has failed, in words. */
#define PROBE_WHY 240

struct probe_target {
	char *name;		    /* owned; the address or URL, as configured */
	const char *key;	    /* of mwan.conf that names it: "ping4" */
	struct status_range status; /* that will do, if it is a URL */
	enum probe_result result;
	uint32_t rtt_us;	    /* of an answer */
	enum probe_failure failure; /* of the last failure: its kind */
	char why[PROBE_WHY];	    /* and what a person can act on */
	struct addr address; /* that its name had when it answered last; AF_UNSPEC: none known */
	struct health_window window; /* the caller's: it adds each cycle's result, */
	bool unsent;		     /* and says whether its last probe never left */
};

struct probe_set;

/*
 * Called from the loop, never from within a function of the set, when nothing is pending anymore.
 * The next cycle may begin within, but no set may be freed.
 */
typedef void (*probe_done)(struct probe_set *set, void *arg);

struct probe_set {
	struct probe_target *targets; /* owned */
	size_t n_targets;
	size_t n_pending;

	/* The set's own. */
	bool running; /* done() is due when nothing is pending */
	probe_done done;
	void *arg;
};

/* The targets of one kind in a set. */
struct probe_group {
	struct probe_set *set;
	struct probe_target *targets; /* the set's, from the first of this kind on */
	size_t n;
	enum family family;
	const struct probe_path *path; /* the set's; NULL: as any program's, by main's routes */
	bool renew;		     /* in begin(): what a socket was bound to before may be gone */
	uint16_t id;		     /* no other group of the process has it */
	uint64_t timeout_us;	     /* of a cycle */
	const struct config *config; /* NULL: nothing is known of other interfaces */
	sd_event *event;
	void **shared; /* what all groups of the kind share; NULL until one of them sets it */
	void *own;     /* what the kind keeps of this group */
};

/* What has not come by the deadline. */
struct probe_miss {
	enum probe_failure failure;
	const char *what; /* "no answer" */
};

/* A kind of probe: a file that defines one, and a row in set.c. */
struct probe_kind {
	const char *keys[N_FAMILIES]; /* of mwan.conf: "ping4", "ping6" */

	/* Makes `own`. 0, or a negative errno with a fault; free() follows in any case. */
	int (*new)(struct probe_group *group, struct fault *fault);
	/* Sends to all targets, which are pending. What is left of a cycle before is dropped. */
	void (*begin)(struct probe_group *group);
	/* Ends a probe that is pending at the deadline. */
	struct probe_miss (*end)(struct probe_group *group, size_t target);
	void (*free)(struct probe_group *group);
	void (*free_shared)(void *shared); /* after the last group; NULL: nothing is shared */
};

/* For kinds: the result of a target that is pending; others keep theirs. */
void probe_answered(struct probe_set *set, struct probe_target *target, uint32_t rtt_us);
void probe_failed(struct probe_set *set, struct probe_target *target, enum probe_failure failure,
		  const char *format, ...) _printf_(4, 5);
/* The same failure for all targets of the group that are pending. */
void probe_failed_all(struct probe_group *group, enum probe_failure failure, const char *why);

/*
 * Ends each callback from the loop: calls done() when nothing is pending anymore. The next cycle
 * may have begun when it returns.
 */
void probe_woken(struct probe_set *set);
