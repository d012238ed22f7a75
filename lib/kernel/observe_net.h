// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The addresses, routes and rules that carry our mark, from the kernel.
 */
#pragma once

#include "kernel/netlink.h"
#include "model/facts.h"

/*
 * Fills *ret, for object_set_done(). The names of links are those of the facts. 0 or a negative
 * errno; -EAGAIN: something changed meanwhile, ask again.
 */
int observe_net(struct nl_sock *sk, const struct facts *facts, struct object_set *ret,
		struct fault *fault);
