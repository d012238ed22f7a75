/*
 * nftables through libnftables, and the generation number that tells whether
 * anything in it has changed since.
 */
#pragma once

#include "nl.h"

#include <stdint.h>

/* A context of libnftables, which is loaded with the first: a run with nothing to do needs none. */
struct nft;

int nft_open(struct nft **ret, struct fault *fault);
void nft_close(struct nft *nft);

static inline void nft_closep(struct nft **nft)
{
	nft_close(*nft);
}

/*
 * Runs the commands; with ret, their output (owned by the caller). -ENOENT when an object
 * they name is not there, else -EIO; the fault has nft's first line.
 */
int nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault);

/* What `nft -c -f` does: nothing but to say what would be wrong. 0, or as nft_run(). */
int nft_check_file(struct nft *nft, const char *path, struct fault *fault);

/* The number of the ruleset's generation: every transaction of anybody raises it. */
int nft_generation(struct nl_sock *nfnl, uint32_t *ret, struct fault *fault);
