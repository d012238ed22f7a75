// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether the base ruleset still protects: its own chains and sets in inet filter, all but what
 * runs fill, as a listing of blocks. Pure.
 */
#pragma once

#include <stdbool.h>

/* What is not as it was, in words: "chain forward of table inet filter is gone". */
struct base_loss {
	char s[128];
};

/*
 * True when `now` has all that `left` has: each chain with its hook and policy, each rule in its
 * order, each set. Others may have added to it, but no rule that decides on every packet. *ret is
 * filled if not.
 */
bool base_holds(const char *now, const char *left, struct base_loss *ret);

/* True when nothing is forwarded that no rule accepts: the least that any version's base does. */
bool base_is_closed(const char *base);
