// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries out steps on addresses, routes and rules.
 */
#pragma once

#include "kernel/netlink.h"
#include "plan/plan.h"

/*
 * Carries out steps first to last-1, all of them or none: when the kernel refuses one, those
 * before it are undone in reverse, and its errno comes back with *refused pointing at the step.
 * It is no error when what is to be deleted has gone already.
 */
int apply_net(struct nl_sock *sk, const struct plan *plan, size_t first, size_t last,
	      const struct step **refused, struct fault *fault);

/* Undoes the steps first to last-1, as far as the kernel lets us. */
void undo_net(struct nl_sock *sk, const struct plan *plan, size_t first, size_t last);
