// SPDX-License-Identifier: GPL-2.0-or-later
// Asks for the gateways of WANs whose probes fail, so that nobody has to ping them by hand.
// A gateway that was heard before is doubted first: the kernel then asks it, and forgets it in 3 s.

#include "health/gateways.h"

#include <unistd.h>

#define ASK_US 50000	/* between two looks */
#define WAIT_US 3500000 /* the kernel gives up after three questions, one a second */

/* NULL: nothing fails, or there is no gateway that could be asked. */
static const struct addr *failing(const struct site *site, size_t wan, enum family family,
				  const struct wan_health *health)
{
	const struct wan_facts *facts = &site->facts.wans[wan];
	const struct gateway_fact *gateway = &facts->gateway[family];

	if (health->state[family].failures == 0 || !facts->link.carrier || !gateway->present ||
	    !gateway->via.family)
		return NULL;
	return &gateway->via;
}

enum presence gateway_review(struct nl_sock *sk, const struct site *site, size_t wan,
			     enum family family, const struct wan_health *health)
{
	const struct addr *via = failing(site, wan, family, health);
	unsigned ifindex = site->facts.wans[wan].link.link.index;
	enum presence before = health->gateway[family];
	enum neighbour_state state;

	if (!via)
		return PRESENCE_UNKNOWN;
	state = neighbour_look(sk, ifindex, *via);
	if (state == NEIGHBOUR_THERE || state == NEIGHBOUR_QUIET)
		neighbour_doubt(sk, ifindex, *via);
	if (state == NEIGHBOUR_LOST)
		return PRESENCE_MISSED;
	/* In the first cycle that fails, it may have been heard before that. */
	if (state == NEIGHBOUR_THERE && health->state[family].failures > 1)
		return PRESENCE_SEEN;
	return before;
}

/* True when it is not known yet. */
static bool look(struct nl_sock *sk, const struct site *site, size_t wan, enum family family,
		 struct wan_health *health)
{
	const struct addr *via = failing(site, wan, family, health);
	enum neighbour_state state;

	if (!via)
		return false;
	state = neighbour_look(sk, site->facts.wans[wan].link.link.index, *via);
	if (state == NEIGHBOUR_LOST)
		health->gateway[family] = PRESENCE_MISSED;
	if (state == NEIGHBOUR_THERE)
		health->gateway[family] = PRESENCE_SEEN;
	return state == NEIGHBOUR_NONE || state == NEIGHBOUR_QUIET;
}

void gateways_ask(struct nl_sock *sk, const struct site *site, struct wan_health *health)
{
	size_t n = site->config->n_wans * N_FAMILIES, left = n;

	for (size_t i = 0; i < n; i++)
		gateway_review(sk, site, i / N_FAMILIES, i % N_FAMILIES, &health[i / N_FAMILIES]);
	for (unsigned waited = 0; left > 0 && waited < WAIT_US; waited += ASK_US) {
		usleep(ASK_US);
		left = 0;
		for (size_t i = 0; i < n; i++)
			left += look(sk, site, i / N_FAMILIES, i % N_FAMILIES,
				     &health[i / N_FAMILIES]);
	}
}
