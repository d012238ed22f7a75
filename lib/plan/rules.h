// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of inet mangle that finds the rule of mwan.conf for a new flow from inside. Pure.
 */
#pragma once

#include "plan/rule_maps.h"

#include <stdio.h>

/* Declares the maps, and the chain to which each policy's rules lead. */
void rules_declare(const struct config *config, const struct rule_maps *maps, FILE *f);
/* Writes what is in the maps. */
void rules_write_maps(const struct config *config, const struct rule_maps *maps, FILE *f);
/* Writes the look-ups, each line beginning with `rule`. What matches no rule goes on behind them.
 */
void rules_write_lookups(const struct config *config, const struct rule_maps *maps,
			 const char *rule, FILE *f);

/* The name of the chain of policy `policy`, which is not 0. */
struct policy_chain {
	char s[112];
};
struct policy_chain policy_chain(const struct config *config, size_t policy);
