// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flows in the kernel's connection tracking: those that can't go on are deleted, others
 * counted.
 */
#pragma once

#include "kernel/flow_tuple.h"
#include "kernel/netlink.h"
#include "model/site.h"

/* Hands each flow to `each`, a message with CTA_… attributes. 0 or a negative errno. */
int conntrack_dump(struct nl_sock *nfnl, netlink_each each, void *arg);

/*
 * Deletes the misplaced flows, which could only leave with an address that is not their WAN's:
 * those with the mark of no WAN, those whose outside address is not one that their WAN has now, and
 * those from inside without a mark, which are older than the marking. The router's own stay, and
 * those that are turned round on the LAN (model/hairpin.h) as they would be now; what has gone to a
 * WAN instead is misplaced.
 * *deleted: how many. 0 or a negative errno.
 */
int conntrack_audit(struct nl_sock *nfnl, const struct site *site, unsigned *deleted,
		    struct fault *fault);

/* True when a flow may go on. there: its CTA_TUPLE_ORIG. */
typedef bool (*conntrack_keeps)(const struct site *site, size_t wan, struct nlattr *there);

/* Flows that conntrack_release() has deleted, by what their answers come with. */
struct released_flows {
	struct flow_tuple *v; /* sorted, owned */
	size_t n;
};

static inline void released_flows_done(struct released_flows *flows)
{
	free(flows->v);
	*flows = (struct released_flows){};
}

/*
 * Deletes the flows of the family that hosts inside have begun over the WAN, but for those that are
 * to be kept: they begin anew where new flows go now. Those that came in on it stay: only their
 * other end could begin them anew. *deleted: how many. Adds them to *released. 0 or a negative
 * errno.
 */
int conntrack_release(struct nl_sock *nfnl, const struct site *site, size_t wan, enum family family,
		      conntrack_keeps keeps, unsigned *deleted, struct released_flows *released,
		      struct fault *fault);

/*
 * Deletes those that an answer which was on its way has begun anew meanwhile, from outside: they
 * would stay where they were. 0 or a negative errno.
 */
int conntrack_release_again(struct nl_sock *nfnl, const struct released_flows *released,
			    struct fault *fault);

/*
 * How many flows there are, and how many conntrack_audit() would delete, without those to the
 * router itself, which need no WAN.
 */
struct flow_census {
	size_t (*of)[N_FAMILIES]; /* owned; by the WAN's index */
	size_t n_misplaced;
	uint32_t mark;		     /* of the first misplaced flow */
	struct addr source, outside; /* its sender's address, and the one that answers go to */
};

static inline void flow_census_done(struct flow_census *census)
{
	free(census->of);
	*census = (struct flow_census){};
}

/* *ret is the caller's, for flow_census_done(). 0 or a negative errno. */
int conntrack_count(struct nl_sock *nfnl, const struct site *site, struct flow_census *ret,
		    struct fault *fault);

/*
 * Deletes the flows with that mark whose answers go to the address. 0 or a negative errno; older
 * kernels than 6.8 refuse.
 */
int conntrack_forget(struct nl_sock *nfnl, uint32_t mark, struct addr outside);

/* Deletes all flows of the family with that mark, in one message. 0 or a negative errno. */
int conntrack_flush(struct nl_sock *nfnl, uint32_t mark, enum family family, struct fault *fault);
