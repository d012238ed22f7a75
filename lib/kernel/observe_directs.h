// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The links of [direct] sections, and who else has routes to their networks in main.
 */
#pragma once

#include "kernel/netlink.h"
#include "model/facts.h"

/* Takes what a link's message says, if the link is a section's. */
void observe_direct_link(const struct config *config, struct nlmsghdr *message,
			 const struct netlink_names *names, struct facts *facts);

/* When all links have been seen: the routes over those. 0 or a negative errno. */
int observe_direct_routes(struct nl_sock *sk, const struct config *config, struct facts *facts);
