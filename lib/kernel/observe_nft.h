// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our nftables objects as the kernel lists them, beside what it listed after our last run. Listings
 * are compared with listings only: what is typed and what is listed differ, also between versions.
 */
#pragma once

#include "base/paths.h"
#include "kernel/nft.h"
#include "plan/plan.h"

/*
 * Fills *ret, for nft_observed_done(), and *generation, which it is of. *nft may be NULL: it is
 * opened if needed. When the generation is the one that our last run left, nothing is listed. When
 * ret->lost says that the base ruleset is not ours or not whole, the listings are those that there
 * will be once it is loaded. 0; -EAGAIN: something changed meanwhile, ask again; a negative errno.
 */
int observe_nft(struct nl_sock *nfnl, struct nft **nft, uint32_t *generation,
		struct nft_observed *ret, struct fault *fault);

/* What the kernel lists of one part, the caller's; NULL when it is not there, or not whole. */
int nft_list_part(struct nft *nft, enum nft_part_id part, char **ret, struct fault *fault);

/* What nft_observed.base is of, the caller's; NULL: there is no table inet filter. */
int nft_list_base(struct nft *nft, char **ret, struct fault *fault);

/* Where all below is kept between runs. */
#define NFT_DIR RUN_DIR "/nft"
/* The base ruleset as our last run has left it. */
#define NFT_BASE_PATH NFT_DIR "/base.list"

/* Where a part is kept between runs: its rules in ".nft", their listing in ".list". */
struct nft_path {
	char s[64];
};
struct nft_path nft_path(enum nft_part_id part, const char *suffix);

/* Remembers that this generation holds what the kept listings say. */
int nft_remember_generation(uint32_t generation, struct fault *fault);
