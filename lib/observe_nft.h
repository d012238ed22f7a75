/*
 * Our nftables objects as the kernel prints them, beside what it printed after
 * our last run. Listings are only ever compared with listings: what is typed
 * and what is listed differ, and differ between versions.
 */
#pragma once

#include "nft.h"
#include "plan.h"

/*
 * Also fails when the base ruleset is not loaded. *generation is the ruleset's that was
 * seen. *nft is opened if it is needed (NULL on entry): when the generation is
 * the one that our last run left, nothing is listed.
 */
int observe_nft(struct nl_sock *nfnl, struct nft **nft, uint32_t *generation,
		struct nft_observed *ret, struct fault *fault);

/* What the kernel prints of one part; *ret is NULL when it is not there, or not whole. */
int nft_list_part(struct nft *nft, enum nft_part_id part, char **ret, struct fault *fault);

/* Where things are kept between runs. */
struct nft_path {
	char s[64];
};
struct nft_path nft_rules_path(enum nft_part_id part);
struct nft_path nft_listing_path(enum nft_part_id part);

/* Remembers that this generation holds what the kept listings say. */
int nft_remember_generation(uint32_t generation, struct fault *fault);
