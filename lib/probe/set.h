// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probes of one WAN and family: all its targets are asked at once, each by its kind.
 *
 * A cycle begins with probe_begin(). It is over when nothing is pending or when the
 * caller, at the deadline, says probe_end(). Answers arrive through the event loop.
 */
#pragma once

#include "probe/target.h"

/* What sets share: the loop, and what their kinds share. */
struct probes;

/* config: of the site, which outlives it; NULL: unknown. */
int probes_new(sd_event *event, const struct config *config, struct probes **ret,
	       struct fault *fault);
void probes_free(struct probes *probes); /* after its sets */

/* The targets of one family, which are copied. 0 or a negative errno with a fault. */
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

/*
 * Begins no cycle, as there is no way out; ends one that is open. Told the interface, the kernel
 * would take the targets for neighbours, and ask the link for them.
 */
void probe_skip(struct probe_set *set);

/* The deadline: what is pending has failed. */
void probe_end(struct probe_set *set);

/* What a cycle says of the WAN: of so many targets, so many were asked, and are good. */
struct probe_tally {
	unsigned asked, good;
};

/* After a cycle, once: adds it to the targets' windows, and counts. */
struct probe_tally probe_count(struct probe_set *set, const struct health_conf *conf);

/* The windows are empty again. */
void probe_forget(struct probe_set *set);
