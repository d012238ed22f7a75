/*
 * The addresses, routes and rules that this site wants in the kernel. Pure.
 */
#pragma once

#include "object.h"
#include "select.h"

#define PREF_MARK 100	 /* + MARK: packets of a flow */
#define PREF_SOURCE 1000 /* + MARK: the router's own packets with a WAN's address */

/* selections: one for each family. 0 or -ENOMEM. */
int desired_net(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct selection selections[N_FAMILIES], struct object_set *ret);
