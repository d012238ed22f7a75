/*
 * The facts: links, addresses and default routes, from the kernel.
 */
#pragma once

#include "facts.h"
#include "nl.h"

/*
 * 0, or a negative errno; -EAGAIN: something changed meanwhile, ask again.
 * router6_linklocal is left to observe_router6().
 */
int observe_facts(struct nl_sock *sk, const struct config *config, struct facts *ret,
		  struct fault *fault);
