/*
 * One run: look, decide, change. Every program that changes the kernel does it
 * through here, and brings all of it to what the site wants.
 */
#pragma once

#include "nft.h"
#include "nl.h"
#include "npt_resolve.h"
#include "select.h"

enum reconcile_mode {
	RECONCILE_APPLY,
	RECONCILE_PRINT, /* print the plan instead of carrying it out */
	RECONCILE_LOOK,	 /* only find out what there is */
};

struct reconcile {
	enum reconcile_mode mode;
	struct npt_request npt;
	const struct verdicts *verdicts; /* NULL: those of health.json */
	struct addr router6; /* OPNsense's link-local, found out before this run; or AF_UNSPEC */
	bool wait; /* for OPNsense to tell its link-local; else it is asked, and a later run sees */
	FILE *plan; /* where the plan is printed; NULL: RECONCILE_PRINT's goes to stdout */
};

/*
 * Connections to the kernel; each is made when it is first needed. Empty at first. Closing one
 * to netfilter waits for the kernel to have cleaned up after a transaction, for milliseconds.
 */
struct kernel {
	struct nl_sock *sk, *nfnl;
	struct nft *nft;
};

void kernel_close(struct kernel *kernel);

/* What the last look of a run found, and what was made of it. */
struct outcome {
	struct facts facts;
	struct npt_state npt;
	struct selection selections[N_FAMILIES];
	uint32_t generation; /* of nftables, as this run left it */
	bool in_force;	     /* the kernel is as wanted, whatever else was at fault */
	bool router6_unsure; /* OPNsense's link-local was asked for, in vain so far */
};

void outcome_done(struct outcome *outcome);

enum {
	RECONCILED = 0,	   /* nothing was to be done */
	RECONCILE_CHANGED, /* it was done, or would be */
};

/*
 * The caller holds run_lock(), since before it read the configuration, unless it only looks.
 * Repeats when the kernel changes under its hands. On failure the kernel is as it was, as far as
 * addresses, routes and rules could be put back. ret: NULL if of no interest; also filled on a
 * failure after the links were seen: look at ret->facts.wans.
 */
int reconcile(const struct config *config, const struct reconcile *request, struct kernel *kernel,
	      struct outcome *ret, struct fault *fault);
