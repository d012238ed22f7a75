// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries out steps on addresses, routes and rules.
 */
#pragma once

#include "kernel/netlink.h"
#include "plan/plan.h"

/*
 * Carries out the additions, all of them or none: when the kernel refuses one, those before it are
 * undone in reverse, and its errno comes back with *refused pointing at the step.
 */
int apply_additions(struct nl_sock *sk, const struct plan *plan, const struct step **refused,
		    struct fault *fault);

/*
 * Carries out the deletions, up to the first one that the kernel refuses: their order is such that
 * no flow finds less than it needs. It is no error when what is to be deleted has gone already.
 */
int apply_deletions(struct nl_sock *sk, const struct plan *plan, struct fault *fault);

/* Undoes the additions, as far as the kernel lets us. */
void undo_additions(struct nl_sock *sk, const struct plan *plan);
