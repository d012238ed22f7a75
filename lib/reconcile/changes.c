// SPDX-License-Identifier: GPL-2.0-or-later
// What a run has changed, in words.
// Counts of what the plan has had, and the reason that the caller gives.

#include "reconcile/changes.h"

#include "base/log.h"

void changes_log(const struct changes *changes, const char *why)
{
	if (changes_are_none(changes))
		return;
	log_event(LOG_INFO, EVENT_CHANGED,
		  FIELDS(log_number("added", changes->added),
			 log_number("removed", changes->removed),
			 log_text("nft", changes->nft ? "yes" : "no"), log_text("why", why)),
		  "the kernel has been changed%s%s: %zu added, %zu removed%s", why ? ", as " : "",
		  why ? why : "", changes->added, changes->removed,
		  changes->nft ? ", and nftables" : "");
}
