// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a run has changed in the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct changes {
	size_t added, removed; /* addresses, routes and rules */
	bool nft;
};

static inline bool changes_are_none(const struct changes *changes)
{
	return changes->added == 0 && changes->removed == 0 && !changes->nft;
}

/* Logs them, if there are any. why: the run was made; NULL: somebody has called it. */
void changes_log(const struct changes *changes, const char *why);
