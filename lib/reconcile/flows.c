// SPDX-License-Identifier: GPL-2.0-or-later
// What a run does to flows that may not go on.
// Flows of a lost address are ended in one message; else each flow in the table is looked at.

#include "reconcile/flows.h"

#include "base/log.h"
#include "kernel/conntrack.h"

void flows_forget(struct nl_sock *nfnl, const struct site *site, const struct plan *plan)
{
	for (size_t i = plan->n_additions; i < plan->n_steps; i++) {
		const struct object *object = plan->steps[i].object;
		const struct wan_conf *wan = plan_masquerader(site->config, object);

		if (wan && !link_has_address(&site->facts.wans[wan - site->config->wans].link,
					     object->prefix.addr))
			conntrack_forget(nfnl, wan->mark, object->prefix.addr);
	}
}

int flows_audit(struct nl_sock *nfnl, const struct site *site, struct fault *fault)
{
	unsigned deleted;
	int r = conntrack_audit(nfnl, site, &deleted, fault);

	if (r == 0 && deleted > 0)
		log_event(LOG_NOTICE, EVENT_FLOWS_REMOVED, FIELDS(log_number("flows", deleted)),
			  "removed %u %s no longer of their WAN", deleted,
			  deleted == 1 ? "flow that is" : "flows that are");
	return r;
}
