// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interfaces by which the base ruleset lets its operator in, and whether one of them is there.
 */
#pragma once

#include "base/fault.h"
#include "model/management.h"
#include "model/ruleset.h"

/* Sets the index of one that is there. 0 or a negative errno. */
int management_find(struct management *management);

/* Of the rules in force or, if they have to be loaded, of the file. 0 or a negative
 * errno. */
int observe_management(const struct nft_observed *observed, struct management *ret,
		       struct fault *fault);
