// SPDX-License-Identifier: GPL-2.0-or-later
// Networks that must not leave by main's default route.
// A rule leads to main whatever is sent there without a mark, and an unreachable route ends it.

#include "plan/ends.h"

#include <linux/rtnetlink.h>

int end_add(struct prefix network, bool own, struct object_set *set)
{
	int r = object_set_add(set, (struct object){ .kind = OBJECT_RULE,
						     .family = network.addr.family,
						     .pref = PREF_DIRECT,
						     .prefix = network,
						     .to = true,
						     .own = own,
						     .table = RT_TABLE_MAIN });

	return r < 0 ? r
		     : object_set_add(set, (struct object){ .kind = OBJECT_ROUTE,
							    .family = network.addr.family,
							    .type = RTN_UNREACHABLE,
							    .table = RT_TABLE_MAIN,
							    .prefix = network,
							    .metric = METRIC_LAST });
}
