// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The facts: links, addresses and default routes, from the kernel.
 */
#pragma once

#include "kernel/netlink.h"
#include "model/facts.h"

/*
 * Fills *ret, for facts_done(), but for router6_linklocal: see observe_router6(). opinions of the
 * WANs' routers, or NULL. 0 or a negative errno; -EAGAIN: something changed meanwhile, ask again.
 */
int observe_facts(struct nl_sock *sk, const struct config *config,
		  const struct router_opinions *opinions, struct facts *ret, struct fault *fault);
