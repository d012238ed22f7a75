/*
 * The addresses, routes and rules that carry our mark, from the kernel.
 */
#pragma once

#include "facts.h"
#include "nl.h"

/* Links of `facts` are named as there. 0, or a negative errno; -EAGAIN: something changed
 * meanwhile, ask again. */
int observe_net(struct nl_sock *sk, const struct facts *facts, struct object_set *ret,
		struct fault *fault);
