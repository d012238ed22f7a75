// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The base ruleset's file, and whether it is what is in force.
 */
#pragma once

#include "kernel/nft.h"

#include <stdbool.h>

/*
 * Lets the kernel check the file and all that it includes, without loading it. 0, or a negative
 * errno with nft's first line, which names file and line. *kept: without the kept rules that it
 * includes, it could be loaded.
 */
int base_ruleset_check(struct nft *nft, bool *kept, struct fault *fault);

/*
 * Finds a chain of the base whose rules are not those of the file, which is loaded into an empty
 * network namespace for this. *chain: its name, owned by the caller; NULL: there is none, or it
 * can't be found out. 0 or -ENOMEM.
 */
int base_ruleset_compare(struct nft *nft, char **chain);
