// SPDX-License-Identifier: GPL-2.0-or-later
// When a metered WAN is probed less often.
// Compares tiers, and what the last cycles have said of each WAN.

#include "health/metered.h"

/* It carries, and nothing says that it will not: a last resort is down. */
static bool is_reliable(const struct wan_health *health, enum family family)
{
	const struct health_state *state = &health->state[family];

	return health->eligible[family] && state->state != VERDICT_DOWN && state->failures == 0;
}

/* Flows of the policy have the WAN, and none of a better tier. */
static bool is_best_of(const struct config *config, const struct policy *policy,
		       const struct wan_health *health, size_t wan, enum family family)
{
	if (!policy->wans[wan])
		return false;
	for (size_t i = 0; i < config->n_wans; i++)
		if (policy->wans[i] && config->wans[i].tier < config->wans[wan].tier &&
		    is_reliable(&health[i], family))
			return false;
	return true;
}

bool metered_is_needed(const struct config *config, const struct wan_health *health, size_t wan,
		       enum family family)
{
	bool needed = is_best_of(config, &config->policies[0], health, wan, family);

	for (size_t i = 0; i < config->n_rules && !needed; i++)
		needed = config->rules[i].has[family] &&
			 is_best_of(config, &config->policies[config->rules[i].policy], health, wan,
				    family);
	return needed;
}

bool metered_is_settled(const struct health_state *state)
{
	return (state->state == VERDICT_UP && state->failures == 0) ||
	       (state->state == VERDICT_DOWN && state->successes == 0);
}
