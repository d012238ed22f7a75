// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a run does when the base ruleset is not in force: it loads it, and while it can't, nothing
 * is forwarded.
 */
#pragma once

#include "base/fault.h"
#include "kernel/nft.h"
#include "model/ruleset.h"

/* For a run that changes nothing: warns that the base ruleset is not in force. */
void protect_warn(struct nft *nft, const struct nft_observed *observed);

/* Logs that a run has loaded the base ruleset, and why. */
void protect_log_loaded(const struct nft_observed *observed);

/*
 * True, with a fault in the place of another, when the base ruleset in force is of another version:
 * it has no place for our rules, but protects.
 */
bool protect_is_foreign(struct nft *nft, const struct nft_observed *observed, struct fault *fault);

/*
 * Loads the base ruleset alone, after a transaction with it was refused; without the kept rules, if
 * those are at fault. 0, or a negative errno with a fault.
 */
int protect_load(struct nft *nft, const struct nft_observed *observed, struct fault *fault);

/*
 * Switches forwarding off, for the reason, or else for the fault of the run that has ended with r.
 * Returns a negative errno with a fault in the place of the run's.
 */
int protect_stop(int r, const struct fault *reason, struct fault *fault);

/*
 * The base ruleset is in force: undoes protect_stop(), whoever did it. Returns r, how the run has
 * ended, or a negative errno with a fault.
 */
int protect_resume(int r, struct fault *fault);
