// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What nft prints of a table, object by object. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One object of a table's listing, from its "\tchain NAME {\n" to its "\t}\n". */
struct listing_block {
	const char *text;
	size_t head, length; /* of its first line, and of all of it */
};

/* The first block in *text, which is then set to what follows it. False: there is none. */
bool listing_next(const char **text, struct listing_block *ret);

/* The block of `listing` that begins with the first line of `like`. False: there is none. */
bool listing_find(const char *listing, const struct listing_block *like, struct listing_block *ret);

/* For qsort(): blocks by their names, for a listing's order depends on who came first. */
int listing_block_cmp(const void *a, const void *b);
