// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries out the nftables transaction, and keeps what the next run and the base ruleset need of
 * it.
 */
#pragma once

#include "kernel/nft.h"
#include "plan/plan.h"

/* One transaction: all of it or nothing; none if it is empty. *nft as in observe_nft(). */
int apply_nft(struct nft **nft, const struct plan *plan, struct fault *fault);

/*
 * After the kernel has accepted the transaction: writes the parts' files, which the base ruleset
 * includes, and the listings with which the next run compares. observed and generation: as they
 * were before. 0 or a negative errno.
 */
int keep_nft(struct nl_sock *nfnl, struct nft *nft, const struct plan *plan,
	     const struct nft_texts *desired, const struct nft_observed *observed,
	     uint32_t generation, struct fault *fault);
