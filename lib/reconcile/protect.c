// SPDX-License-Identifier: GPL-2.0-or-later
// What a run does when the base ruleset is not in force.
// It loads the file, with or without kept rules, or else switches forwarding off.

#include "reconcile/protect.h"

#include "base/duration.h"
#include "base/log.h"
#include "kernel/forwarding.h"
#include "kernel/observe_nft.h"
#include "plan/plan.h"

#include <errno.h>
#include <string.h>

#define ASIDE NFT_DIR ".refused"

/* Removes what was put aside: the programs write it anew. */
static void remove_aside(void)
{
	static const char *const suffixes[] = { ".nft", ".list" };
	char path[128];

	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++)
		for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
			snprintf(path, sizeof(path), ASIDE "/%s%s", nft_parts[part].name,
				 suffixes[i]);
			unlink(path);
		}
	unlink(ASIDE "/base.list");
	unlink(ASIDE "/generation");
	rmdir(ASIDE);
}

/* Kept rules of another version may not fit. */
static int load_without_kept(struct nft *nft)
{
	struct fault ignored = {};
	int r;

	remove_aside();
	if (rename(NFT_DIR, ASIDE) < 0)
		return -errno;
	r = nft_run_files(nft, PLAN_LOAD_BASE, &ignored);
	if (r < 0)
		rename(ASIDE, NFT_DIR);
	else
		remove_aside();
	return r;
}

void protect_warn(struct nft *nft, const struct nft_observed *observed)
{
	struct fault bad = {};

	if (!observed->lost.s[0])
		return;
	log_event(LOG_WARNING, EVENT_BASE_LOST, NULL,
		  "the base ruleset is not in force (%s): a run loads it", observed->lost.s);
	if (nft_check_file(nft, BASE_RULESET_PATH, &bad) < 0)
		log_event(LOG_WARNING, EVENT_BASE_LOST, NULL, "it can't be loaded: %s", bad.text);
}

void protect_log_loaded(const struct nft_observed *observed)
{
	log_event(LOG_WARNING, EVENT_BASE_LOADED, NULL,
		  "the base ruleset was lost (%s): loaded " BASE_RULESET_PATH " again",
		  observed->lost.s);
}

bool protect_is_foreign(struct nft *nft, const struct nft_observed *observed, struct fault *fault)
{
	struct fault refused = {};

	if (!observed->base || !base_is_closed(observed->base) ||
	    nft_check_file(nft, BASE_RULESET_PATH, &refused) < 0)
		return false;
	*fault = (struct fault){};
	fault_set(fault, -ENOENT,
		  "the base ruleset " BASE_RULESET_PATH
		  " is not this version's: it has no place for mwan's rules");
	fault_fix(fault, -ENOENT,
		  "merge your changes into the new one, and `nft -f " BASE_RULESET_PATH
		  "`; should that fail for a file of " NFT_DIR ", remove it first");
	return true;
}

int protect_load(struct nft *nft, const struct nft_observed *observed, struct fault *fault)
{
	struct fault refused = {};
	int r = nft_run_files(nft, PLAN_LOAD_BASE, &refused);

	if (r < 0 && load_without_kept(nft) == 0)
		r = 0;
	if (r == 0) {
		protect_log_loaded(observed);
		return 0;
	}
	fault_set(fault, r, "NO PROTECTION: " BASE_RULESET_PATH " can't be loaded (%s), and %s",
		  refused.text, observed->lost.s);
	return fault_fix(fault, r,
			 "mend it until `nft -c -f " BASE_RULESET_PATH "` says nothing, then "
			 "`systemctl restart nftables`");
}

int protect_stop(int r, const struct fault *reason, struct fault *fault)
{
	_cleanup_(freep) char *before = forwarding_stopped();
	struct fault failed = *fault, unable = {};

	*fault = *reason;
	fault_set(fault, r, "NO PROTECTION: %s", failed.text);
	if (forwarding_stop(fault->text, &unable) < 0)
		log_event(LOG_CRIT, EVENT_FORWARDING_UNSAFE, NULL,
			  "%s: forwarding can't be switched off, and goes on without protection",
			  unable.text);
	else if (!before)
		log_event(LOG_WARNING, EVENT_FORWARDING_STOPPED, NULL,
			  "forwarding is switched off in both families");
	return r < 0 ? r : -EIO;
}

int protect_resume(int r, struct fault *fault)
{
	uint64_t since = 0;
	int resumed = forwarding_resume(&since, fault);
	uint64_t seconds = log_seconds_since(since);

	if (resumed > 0)
		log_event(LOG_NOTICE, EVENT_FORWARDING_BACK, FIELDS(log_seconds(seconds)),
			  "the base ruleset is in force again, and forwarding is as it was%s",
			  after_str(seconds).s);
	return resumed < 0 && r >= 0 ? resumed : r;
}
