// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that somebody had put into what is mwan's in nftables, and that a run has removed.
 */
#pragma once

#include "model/ruleset.h"

/* Logs each. found: what the run has found; /run/mwan/nft has what it has left. */
void removed_rules_log(const struct nft_observed *found);
