/*
 * One cycle of probes without a daemon.
 */
#pragma once

#include "reconcile.h"
#include "report.h"

/*
 * Probes each WAN once, changing nothing; the verdicts in *ret are those of this one cycle. The
 * caller's: report_done(). 0, or a negative errno with a fault.
 */
int probe_once(const struct config *config, struct report *ret, struct fault *fault);

/* The same over what a run has found already. */
int probe_outcome(const struct config *config, const struct outcome *outcome, struct report *ret,
		  struct fault *fault);

/* True when no WAN is down in a family that it has; what is not probed is not. */
bool report_is_all_up(const struct report *report);
