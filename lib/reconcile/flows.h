// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a run does to flows that may not go on: once early, where that is quick, and once
 * thoroughly.
 */
#pragma once

#include "kernel/netlink.h"
#include "plan/plan.h"

/*
 * Ends the masqueraded flows of addresses that the plan finds gone, before there are routes for
 * them again. Not all kernels can: flows_audit() comes later.
 */
void flows_forget(struct nl_sock *nfnl, const struct site *site, const struct plan *plan);

/* Removes the misplaced flows (kernel/conntrack.h), and logs how many. 0 or a negative errno. */
int flows_audit(struct nl_sock *nfnl, const struct site *site, struct fault *fault);
