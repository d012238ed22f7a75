// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The groups of flows from inside that choose a WAN among themselves: which WANs each may use, and
 * which packets belong to it. Pure.
 *
 * First come all flows of each family, by the family's index; then groups that have a name: IPv4
 * sources without a map, and each mapped one that some WAN can't translate now. Each policy of
 * rules has the same groups.
 */
#pragma once

#include "model/site.h"
#include "plan/rule_maps.h"

#include <stdio.h>

struct flow_groups {
	struct flow_group *v; /* owned */
	size_t n;
};

/* The groups of flows that meet no rule. 0 or -ENOMEM; flow_groups_done(). */
int flow_groups_list(const struct site *site, struct flow_groups *ret);
void flow_groups_done(struct flow_groups *groups);

/* True when the WAN may be chosen by flows of the group. */
bool flow_group_has(const struct site *site, const struct flow_group *group, size_t wan);

/* "4", "6", "4_unmapped" or "4_10.250.250.2", and of a policy "4/att": names end in it. */
struct group_suffix {
	char s[160];
};
struct group_suffix group_suffix(const struct config *config, const struct flow_group *group);

/* Declares and writes what leads each new flow from inside to the chain of its group. 0 or -ENOMEM.
 */
int flow_groups_declare(const struct site *site, FILE *f);
int flow_groups_write(const struct site *site, const struct rule_maps *maps, FILE *f);
