// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One cycle of probes without a daemon.
 */
#pragma once

#include "reconcile/reconcile.h"
#include "status/report.h"

/*
 * Probes each WAN once, changing nothing; the verdicts in *ret are those of this one cycle. The
 * caller's: report_done(). 0, or a negative errno with a fault.
 */
int probe_once(struct config *config, struct report *ret, struct fault *fault);

/* The same over a site that a run has found already. */
int probe_site(const struct site *site, struct nl_sock *sk, struct report *ret,
	       struct fault *fault);

/* True when no WAN is down, or could not be asked, in a family that it has. */
bool report_is_all_up(const struct report *report);
