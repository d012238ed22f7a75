// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nftables through libnftables, and the generation of its ruleset: a number that every transaction
 * raises.
 */
#pragma once

#include "kernel/netlink.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * libnftables, in a process of its own, which it may end as it likes: the commands that it was to
 * run have failed then, or were carried out without a word, and the next ones start another. It is
 * a copy of the program, so start it while that is small; a run with nothing to do needs none.
 */
struct nft;

/* *ret is for nft_close(). 0 or a negative errno. */
int nft_open(struct nft **ret, struct fault *fault);
void nft_close(struct nft *nft);

/* Gives back what libnftables keeps in memory, if it has worked. 0 or a negative errno. */
int nft_renew(struct nft *nft, struct fault *fault);

static inline void nft_closep(struct nft **nft)
{
	nft_close(*nft);
}

/*
 * Runs the commands. *ret: their output, the caller's; ret may be NULL. 0; -ENOMEM; -ENOENT when an
 * object that they name is not there; else -EIO or the like, with nft's first line in the fault.
 */
int nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault);

/* The same, without output, for commands that include files. */
int nft_run_files(struct nft *nft, const char *commands, struct fault *fault);

/* As nft_run(), and listings have what counters have counted. */
int nft_run_counted(struct nft *nft, const char *commands, char **ret, struct fault *fault);

/* Checks the file as `nft -c -f` does, and changes nothing. 0, or as nft_run(). */
int nft_check_file(struct nft *nft, const char *path, struct fault *fault);

/* The generation of the ruleset. 0 or a negative errno. */
int nft_generation(struct nl_sock *nfnl, uint32_t *ret, struct fault *fault);

/* True when the ruleset may be of another generation than this one. */
bool nft_may_differ(struct nl_sock *nfnl, uint32_t generation);
