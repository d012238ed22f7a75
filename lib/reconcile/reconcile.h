// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One run: look, decide, change. Every program that changes the kernel does it here, and brings all
 * of it to what is desired for the site.
 */
#pragma once

#include "kernel/asker.h"
#include "kernel/netlink.h"
#include "kernel/nft.h"
#include "plan/desired.h"
#include "plan/plan.h"
#include "reconcile/changes.h"
#include "reconcile/prefixes.h"
#include "reconcile/warnings.h"

enum reconcile_mode {
	RECONCILE_APPLY,
	RECONCILE_PLAN, /* find out what there is and what a run would change, and warn like one */
	RECONCILE_LOOK, /* the same without warnings */
};

struct reconcile {
	enum reconcile_mode mode;
	struct awaited awaited;
	struct prefix_request prefixes;
	const struct verdicts *verdicts; /* NULL: those of health.json */
	struct addr router6; /* OPNsense's link-local, found out before this run; or AF_UNSPEC */
	bool wait; /* until OPNsense answers with it; else it is asked, and a later run sees */
};

/*
 * Connections to the kernel; each is made when it is first needed. Empty at first. Closing one
 * to netfilter waits for the kernel to have cleaned up after a transaction, for milliseconds.
 */
struct kernel {
	struct nl_sock *sk, *nfnl;
	struct nft *nft;
	struct asker *asker; /* while OPNsense's link-local address is looked for */
};

void kernel_close(struct kernel *kernel);

/* What the last look of a run found, and what was made of it. */
struct outcome {
	struct site site;
	uint32_t generation; /* of nftables, as this run left it */
	bool in_force;	     /* the kernel is as desired, whatever else was at fault */
	bool router6_unsure; /* OPNsense's link-local was asked for, in vain so far */
	struct changes changes;
	struct object_set added; /* addresses that this run has put on links, if they still are */
	bool unprotected;	 /* there is no base ruleset, so nothing is forwarded */

	/* After a run that changes nothing: what one would change. The plan points into the sets.
	 */
	bool planned; /* all could be looked at */
	struct desired desired;
	struct object_set observed;
	struct plan plan;
};

void outcome_done(struct outcome *outcome);

enum {
	RECONCILED = 0,	   /* nothing was to be done */
	RECONCILE_CHANGED, /* it was done, or would be */
};

/*
 * The caller holds run_lock(), since before it read the configuration, unless nothing is to be
 * changed. Repeats when the kernel changes under its hands. On failure the kernel is as it was, as
 * far as addresses, routes and rules could be put back. ret: NULL if of no interest; also filled on
 * a failure after the links were seen: look at ret->site.config, which is NULL before.
 */
int reconcile(struct config *config, const struct reconcile *request, struct kernel *kernel,
	      struct outcome *ret, struct fault *fault);
