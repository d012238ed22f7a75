// SPDX-License-Identifier: GPL-2.0-or-later
// Which plans leave flows behind that may not go on as they are.
// Looks for rules that go, and for a translation that changes.

#include "plan/desired_net.h"
#include "plan/plan.h"

/* True when flows from inside may have the address of the WAN's interface. */
static bool sends_as_interface(const struct config *config, size_t wan, int family)
{
	return wan_may_masquerade(&config->wans[wan], family_of_af(family)) ||
	       (family == AF_INET && config_maps_lease(config, wan));
}

const struct wan_conf *plan_masquerader(const struct config *config, const struct object *rule)
{
	if (rule->kind != OBJECT_RULE || rule->mark || rule->to ||
	    rule->prefix.len < addr_bits(rule->family))
		return NULL;
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (rule->pref == PREF_SOURCE + wan->mark)
			return sends_as_interface(config, i, rule->family) ? wan : NULL;
	}
	return NULL;
}

/*
 * True when flows may not go on without this rule, which goes. One to a network kept flows from
 * inside out of all WANs. Where nothing is masqueraded, and no line of [map4] names the lease, no
 * flow from inside has the address of the interface.
 */
static bool leads_flows(const struct config *config, const struct object *rule)
{
	return rule->mark || rule->to || rule->prefix.len < addr_bits(rule->family) ||
	       plan_masquerader(config, rule);
}

bool plan_doubts_flows(const struct plan *plan, const struct config *config)
{
	for (size_t i = plan->n_additions; i < plan->n_steps; i++)
		if (plan->steps[i].object->kind == OBJECT_RULE &&
		    leads_flows(config, plan->steps[i].object))
			return true;
	return plan->takes_over || plan->nft_part[NFT_NAT] || plan->nft_part[NFT_NAT6];
}

bool plan_ends_marks(const struct plan *plan)
{
	for (size_t i = plan->n_additions; i < plan->n_steps; i++)
		if (plan->steps[i].object->kind == OBJECT_RULE && plan->steps[i].object->mark)
			return true;
	return false;
}
