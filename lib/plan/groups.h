// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The groups of flows from inside that choose a WAN among themselves: which WANs each may use, and
 * which packets belong to it. Pure.
 *
 * First come all flows of each family, by the family's index; then groups that have a name: IPv4
 * sources without a map, and each mapped one that some WAN can't translate now.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

size_t flow_group_count(const struct site *site);
struct flow_group flow_group_at(const struct site *site, size_t group);

/* True when the WAN may be chosen by flows of the group. */
bool flow_group_has(const struct site *site, size_t group, size_t wan);

/* "4", "6", "4_unmapped" or "4_10.250.250.2": what its map's and chain's names end in. */
struct group_suffix {
	char s[64];
};
struct group_suffix group_suffix(struct flow_group group);

/* Writes the chain that leads each new flow from inside to the chain of its group. */
void flow_groups_write(const struct site *site, FILE *f);
