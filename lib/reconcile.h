/*
 * One run: look, decide, change. Every program that changes the kernel does it
 * through here, and brings all of it to what the site wants.
 */
#pragma once

#include "npt_resolve.h"

struct reconcile {
	struct npt_request npt;
	bool dry_run; /* print the plan on stdout instead of carrying it out */
};

enum {
	RECONCILED = 0,	   /* nothing was to be done */
	RECONCILE_CHANGED, /* it was done, or would be */
};

/*
 * The caller holds run_lock(), since before it read the configuration. Repeats when the
 * kernel changes under its hands. On failure the kernel is as it was, as far as addresses, routes
 * and rules could be put back.
 */
int reconcile(const struct config *config, const struct reconcile *request, struct fault *fault);
