// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gateways of each WAN: for observe_facts().
 */
#pragma once

#include "kernel/netlink.h"
#include "model/facts.h"

/*
 * Fills in the routers of each WAN, whose links and addresses are known, and chooses its gateways.
 * opinions: NULL: none. 0 or a negative errno; -EAGAIN: something changed meanwhile, ask again.
 */
int observe_gateways(struct nl_sock *sk, const struct config *config,
		     const struct router_opinions *opinions, struct facts *facts);
