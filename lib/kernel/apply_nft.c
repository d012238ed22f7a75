// SPDX-License-Identifier: GPL-2.0-or-later
// Carries out the nftables transaction, and keeps what the next run and the base ruleset need.
// Rules and listings go to files, and after them the generation that the listings are of.

#include "kernel/apply_nft.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/util.h"
#include "kernel/observe_nft.h"

#include <errno.h>
#include <string.h>

/* Commits one transaction after another. */
static int run_each(struct nft *nft, const char *text, struct fault *fault)
{
	int r = 0;

	while (r == 0 && *text) {
		const char *end = strstr(text, "\n" PLAN_THEN);
		size_t length = end ? (size_t)(end + 1 - text) : strlen(text);
		_cleanup_(freep) char *one = strndup(text, length);

		r = one ? nft_run(nft, one, NULL, fault) : -ENOMEM;
		text += length + (end ? strlen(PLAN_THEN) : 0);
	}
	return r;
}

int apply_nft(struct nft **nft, const struct plan *plan, struct fault *fault)
{
	int r = 0;

	if (!*plan->nft)
		return 0;
	if (!*nft)
		r = nft_open(nft, fault);
	if (r < 0)
		return r;
	log_event(LOG_DEBUG, EVENT_TRANSACTION, NULL, "nftables transaction:\n%s", plan->nft);
	return plan->loads_base ? nft_run_files(*nft, plan->nft, fault)
				: run_each(*nft, plan->nft, fault);
}

/* Brings the listing of each part that was changed up to date in its file. */
static int keep_listings(struct nft *nft, const struct plan *plan, struct fault *fault)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		_cleanup_(freep) char *listing = NULL;
		int r;

		if (!plan->nft_part[part])
			continue;
		r = nft_list_part(nft, part, &listing, fault);
		if (r == 0)
			r = listing ? file_write_if_changed(nft_path(part, ".list").s, listing,
							    fault)
				    : -EAGAIN;
		if (r < 0)
			return r;
	}
	return 0;
}

/* The base ruleset as this run has loaded it; NULL: it loaded none. */
static int list_loaded_base(struct nft *nft, const struct nft_observed *observed, char **ret,
			    struct fault *fault)
{
	int r = observed->lost.s[0] ? nft_list_base(nft, ret, fault) : 0;

	return r == 0 && observed->lost.s[0] && !*ret ? -EAGAIN : r;
}

int keep_nft(struct nl_sock *nfnl, struct nft *nft, const struct plan *plan,
	     const struct nft_texts *desired, const struct nft_observed *observed,
	     uint32_t generation, struct fault *fault)
{
	const struct nft_texts *left = &observed->left;
	_cleanup_(freep) char *base = NULL;
	uint32_t now = 0;
	int r = 0;

	for (enum nft_part_id part = 0; part < N_NFT_PARTS && r == 0; part++)
		if (!left->v[part] || strcmp(left->v[part], desired->v[part]) != 0)
			r = file_write(nft_path(part, ".nft").s, desired->v[part], fault);
	if (r == 0 && !observed->lost.s[0] && !observed->left_base)
		r = file_write(NFT_BASE_PATH, observed->base, fault);
	if (r == 0)
		r = list_loaded_base(nft, observed, &base, fault);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	/* Without nft, nothing was listed: the generation is remembered already. */
	if (!*plan->nft)
		return nft ? nft_remember_generation(generation, fault) : 0;
	r = keep_listings(nft, plan, fault);
	if (r == 0)
		r = nft_generation(nfnl, &now, fault);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	if (now == generation + plan->n_transactions) {
		r = base ? file_write(NFT_BASE_PATH, base, fault) : 0;
		return r < 0 ? r : nft_remember_generation(now, fault);
	}
	/*
	 * Each transaction of ours raises it by one. When it is higher, the listings may hold what
	 * somebody else did meanwhile: the next run must not take that for ours. It compares the
	 * base ruleset with what is in its file since before.
	 */
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++)
		if (plan->nft_part[part])
			unlink(nft_path(part, ".list").s);
	return 0;
}
