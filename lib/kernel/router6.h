// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * OPNsense's link-local address on the LAN link: where downstream IPv6 goes.
 */
#pragma once

#include "kernel/asker.h"
#include "model/facts.h"

#define ROUTER6_WAIT_MS 2000
#define ROUTER6_GLANCE_MS 5

/* The machine that is OPNsense: the neighbour with router4 or router6; NULL: none is known. */
const struct neighbour *router6_machine(const struct config *config,
					const struct neighbours *neighbours);

/*
 * The link-local address of that machine. If several share it (CARP, VRRP), the only link-local
 * address that is shared, too: the one of any single machine does not move with router4. AF_UNSPEC:
 * none is known, or no machine.
 */
struct addr router6_linklocal(const struct neighbours *neighbours, const struct neighbour *machine);

/*
 * Fills facts->router6_linklocal with the configured address, else with that of the machine that
 * is OPNsense, else with `current`: the one that our routes use now, or AF_UNSPEC. Where the kernel
 * does not know it, or takes another machine to have it, everybody on the link is asked; one that
 * does not answer is not taken. With `wait`, answers are awaited for at most ROUTER6_WAIT_MS,
 * without it, for ROUTER6_GLANCE_MS. Then 1 says that it is worth to look again soon, with the same
 * *asker: it has what has come since. *asker is NULL at first, and for asker_free(). That there is
 * none is no error. 0, 1 or a negative errno.
 */
int observe_router6(struct nl_sock *sk, const struct config *config, struct addr current, bool wait,
		    struct asker **asker, struct facts *facts, struct fault *fault);
