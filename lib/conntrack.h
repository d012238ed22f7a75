/*
 * Removes flows whose translation no longer holds from the kernel's table.
 */
#pragma once

#include "facts.h"
#include "nl.h"
#include "npt.h"

/*
 * Deletes the flows that could only leave with an address that is not their WAN's:
 * those with the mark of no WAN, those whose outside address is not one that their
 * WAN has now, and those from inside that are older than the marking, and so without a
 * mark. The router's own are left alone. *deleted counts them. 0 or a negative errno.
 */
int conntrack_audit(struct nl_sock *nfnl, const struct config *config, const struct facts *facts,
		    const struct npt_state *npt, unsigned *deleted, struct fault *fault);

/*
 * The flows that there are, and of those that conntrack_audit() would delete the first, but for
 * those to the router itself, which need no WAN.
 */
struct flow_census {
	size_t (*of)[N_FAMILIES]; /* owned; by the WAN's index */
	size_t n_misplaced;
	uint32_t mark;		     /* of the first */
	struct addr source, outside; /* and its addresses: its sender's, and what answers go to */
};

static inline void flow_census_done(struct flow_census *census)
{
	free(census->of);
	*census = (struct flow_census){};
}

/* Takes it. 0 or a negative errno. */
int conntrack_count(struct nl_sock *nfnl, const struct config *config, const struct facts *facts,
		    const struct npt_state *npt, struct flow_census *ret, struct fault *fault);

/* Deletes all flows of the family that carry the mark, in one message. 0 or a negative errno. */
int conntrack_flush(struct nl_sock *nfnl, uint32_t mark, enum family family, struct fault *fault);
