// SPDX-License-Identifier: GPL-2.0-or-later
// What a flow gets that comes from, or goes to, a network of a [direct] section.
// It needs no WAN, and never gets one, also while the section's interface is gone.

#include "plan/explained.h"

#include <linux/rtnetlink.h>

static void explain_to(struct explaining *it, const struct direct_conf *direct)
{
	const struct direct_fact *fact =
		&it->site->facts.directs[direct - it->site->config->directs];
	struct addr_text to = addr_str(it->query->flow.destination);

	if (!fact->takes[it->family]) {
		explain_refuse(it, "%s is in [direct %s], and %s is %s: it is unreachable", to.s,
			       direct->name, direct->interface,
			       fact->link.index ? "down" : "not there");
		return;
	}
	it->ret->kind = EXPLAIN_NO_WAN;
	it->ret->table = RT_TABLE_MAIN;
	explain_say(it,
		    "%s is in [direct %s]: it goes over %s, without a WAN, and is not translated",
		    to.s, direct->name, direct->interface);
}

bool explain_direct(struct explaining *it)
{
	const struct direct_conf *to =
		config_direct_of(it->site->config, it->query->flow.destination);
	const struct direct_conf *from = config_direct_of(it->site->config, it->query->flow.source);

	if (to) {
		explain_to(it, to);
	} else if (from && site_is_inside(it->site, it->query->flow.destination)) {
		it->ret->kind = EXPLAIN_NO_WAN;
		it->ret->table = RT_TABLE_MAIN;
		explain_say(it, "%s is in [direct %s]: it may reach the inside, without a WAN",
			    addr_str(it->query->flow.source).s, from->name);
	} else if (from && site_is_routers(it->site, it->query->flow.destination)) {
		it->ret->kind = EXPLAIN_NO_WAN;
		explain_say(it, "%s is the router's own: table inet filter decides",
			    addr_str(it->query->flow.destination).s);
	} else if (from) {
		explain_refuse(it, "%s is in [direct %s]: it may reach the inside, and no WAN",
			       addr_str(it->query->flow.source).s, from->name);
	}
	return to || from;
}
