/*
 * The base ruleset's file, and whether it is what is in force.
 */
#pragma once

#include "nft.h"

#include <stdbool.h>

#define BASE_RULESET "/etc/mwan/nftables.conf"

/*
 * Lets the kernel check the file and all that it includes, without anything coming of it. 0, or a
 * negative errno with nft's first line, which names file and line.
 */
int base_ruleset_check(struct nft *nft, struct fault *fault);

/*
 * Finds a chain of the base whose rules are not those of the file, which is loaded into an empty
 * network namespace for this. *chain: its name, owned by the caller; NULL: there is none, or it
 * can't be found out.
 */
int base_ruleset_compare(struct nft *nft, char **chain);

/* The next interface of the text's `define MANAGEMENT` after *at, which starts at 0. Pure. */
bool base_ruleset_next_management(const char *text, size_t *at, char *ret, size_t size);
