#include "apply_nft.h"

#include "fileio.h"
#include "log.h"
#include "observe_nft.h"

#include <errno.h>
#include <string.h>

int apply_nft(struct nft **nft, const struct plan *plan, struct fault *fault)
{
	int r = 0;

	if (!*plan->nft)
		return 0;
	if (!*nft)
		r = nft_open(nft, fault);
	if (r < 0)
		return r;
	log_event(LOG_DEBUG, "transaction", "nftables transaction:\n%s", plan->nft);
	return nft_run(*nft, plan->nft, NULL, fault);
}

static bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Brings the listing of each part that was changed up to date in its file. */
static int keep_listings(struct nft *nft, const struct plan *plan,
			 const struct nft_observed *observed, struct fault *fault)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		_cleanup_(freep) char *listing = NULL;
		int r;

		if (!plan->nft_part[part])
			continue;
		r = nft_list_part(nft, part, &listing, fault);
		if (r < 0)
			return r;
		if (!listing)
			return -EAGAIN;
		if (equal(listing, observed->left_listing[part]))
			continue;
		r = file_write(nft_listing_path(part).s, listing, fault);
		if (r < 0)
			return r;
	}
	return 0;
}

static int keep_rules(const struct nft_texts *desired, const struct nft_observed *observed,
		      struct fault *fault)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		int r;

		if (equal(desired->v[part], observed->left.v[part]))
			continue;
		r = file_write(nft_rules_path(part).s, desired->v[part], fault);
		if (r < 0)
			return r;
	}
	return 0;
}

int keep_nft(struct nl_sock *nfnl, struct nft *nft, const struct plan *plan,
	     const struct nft_texts *desired, const struct nft_observed *observed,
	     uint32_t generation, struct fault *fault)
{
	uint32_t now = generation;
	int r;

	r = keep_rules(desired, observed, fault);
	if (r < 0)
		return r;
	if (*plan->nft) {
		r = keep_listings(nft, plan, observed, fault);
		if (r == 0)
			r = nft_generation(nfnl, &now, fault);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		/*
		 * One transaction of ours raises it by one. More, and somebody
		 * else's came between: the listings may hold their work, so the next
		 * run must not take them for ours.
		 */
		if (now != generation + 1) {
			for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++)
				if (plan->nft_part[part])
					unlink(nft_listing_path(part).s);
			return 0;
		}
	} else if (!nft) {
		return 0; /* recalled, not listed: it is remembered already */
	}
	return nft_remember_generation(now, fault);
}
