/*
 * The probes of one WAN and family: an echo request to each address of its
 * list, a GET to each URL, all at once, and what came of them.
 *
 * A cycle begins with probe_begin() and is over when nothing is pending or the
 * caller, at the deadline, says probe_end(). Answers arrive through the event loop.
 */
#pragma once

#include "config.h"
#include "health.h"

#include <systemd/sd-event.h>

/* How probes leave: bound to all three, so that none goes over another WAN. */
struct probe_path {
	char interface[IFNAMSIZ];
	uint32_t mark;
	struct addr sources[2]; /* the first that can be bound is used; AF_UNSPEC: none */
};

enum probe_result {
	PROBE_PENDING,
	PROBE_ANSWERED,
	PROBE_FAILED,
};

struct probe_target {
	const char *name; /* the address or URL, as configured; the set owns it */
	struct addr addr; /* of an echo; AF_UNSPEC: it is a URL */
	enum probe_result result;
	uint32_t rtt_us;	     /* of an answer */
	char why[120];		     /* of a failure: what a person can act on */
	struct health_window window; /* the caller's: it adds each cycle's result */
};

struct probe_set {
	struct probe_target *targets; /* owned */
	size_t n_targets;
	size_t n_pending;
};

/* What the sets share: the loop, and libcurl, which is loaded with the first URL. */
struct probes;

int probes_new(sd_event *event, struct probes **ret, struct fault *fault);
void probes_free(struct probes *probes); /* after its sets */

/*
 * Called from the loop, never from within the functions below, when nothing is pending anymore.
 * The next cycle may begin within, but no set may be freed.
 */
typedef void (*probe_done)(struct probe_set *set, void *arg);

/* The targets of one family. conf has to outlive the set. 0 or a negative errno with a fault. */
int probe_set_new(struct probes *probes, const struct health_conf *conf, enum family family,
		  probe_done done, void *arg, struct probe_set **ret, struct fault *fault);
void probe_set_free(struct probe_set *set);

/*
 * How the next cycle's probes leave. Sockets are kept while the path is the same,
 * unless renew: an address or link has changed, and what was bound may be stale.
 */
void probe_set_path(struct probe_set *set, const struct probe_path *path, bool renew);

/*
 * Sends all probes; what is left of a cycle before is dropped. A probe that can't be bound or
 * sent has failed already when this returns, and says why.
 */
void probe_begin(struct probe_set *set);

/* The deadline: what is pending has failed. */
void probe_end(struct probe_set *set);
