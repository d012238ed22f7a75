// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows that the kernel knows, by what a question says of their first packet.
 */
#pragma once

#include "kernel/flow_tuple.h"
#include "kernel/netlink.h"
#include "plan/draw.h"

struct known_flow {
	struct flow_tuple there, back; /* of the first packet, and of an answer */
	uint32_t mark, timeout_s;
	uint16_t zone;
	bool answered;
	uint64_t begin_ns; /* since 1970; 0: the kernel does not keep it */
};

struct known_flows {
	struct known_flow *v; /* owned */
	size_t n;
};

static inline void known_flows_done(struct known_flows *flows)
{
	free(flows->v);
	*flows = (struct known_flows){};
}

/*
 * Those whose first packet, or whose answers, are such as far as the question says. *ret is the
 * caller's. 0 or a negative errno.
 */
int known_flows_find(struct nl_sock *nfnl, const struct flow_query *query, struct known_flows *ret,
		     struct fault *fault);

/* The address of this site that the outside sees. */
struct addr known_flow_outside(const struct known_flow *flow);
