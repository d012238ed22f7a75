/*
 * Carries out the nftables transaction, and keeps what the next run and the
 * base ruleset need of it.
 */
#pragma once

#include "nft.h"
#include "plan.h"

/* One transaction: all of it or nothing. No-op for an empty one. *nft as in observe_nft(). */
int apply_nft(struct nft **nft, const struct plan *plan, struct fault *fault);

/*
 * After the kernel has accepted: writes the parts' files, which the base includes, and
 * the listings that the next run compares with. generation: as it was observed.
 * 0 with nothing to write.
 */
int keep_nft(struct nl_sock *nfnl, struct nft *nft, const struct plan *plan,
	     const struct nft_texts *desired, const struct nft_observed *observed,
	     uint32_t generation, struct fault *fault);
