/*
 * nftables through libnftables, and the generation number that tells whether
 * anything in it has changed since.
 */
#pragma once

#include "fault.h"

#include <nftables/libnftables.h>
#include <stdint.h>

static inline void nft_ctxp(struct nft_ctx **nft)
{
	if (*nft)
		nft_ctx_free(*nft);
}

int nft_open(struct nft_ctx **ret, struct fault *fault);

/*
 * Runs the commands; with ret, their output (owned by the caller). -ENOENT when an object
 * they name is not there, else -EIO; the fault has nft's first line.
 */
int nft_run(struct nft_ctx *nft, const char *commands, char **ret, struct fault *fault);

/* The number of the ruleset's generation: every transaction of anybody raises it. */
int nft_generation(uint32_t *ret, struct fault *fault);
