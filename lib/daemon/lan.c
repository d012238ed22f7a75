// SPDX-License-Identifier: GPL-2.0-or-later
// Whether OPNsense has been seen on the LAN link lately.
// The kernel's neighbours tell; who is not sure to be there is asked for again, now and then.

#include "daemon/state.h"
#include "kernel/neighbours.h"

/* How often OPNsense is asked for, at most. The kernel gives up after three seconds. */
#define ASK_US 10000000
/* After so many questions, some 3 seconds, nobody has OPNsense's link-local address. */
#define ROUTER6_PATIENCE 6

/* What the kernel does not know leaves *presence as it is. False: it is not sure. */
static bool look_at(const struct daemon *d, struct addr addr, enum presence *presence)
{
	unsigned ifindex = d->outcome.site.facts.lan.link.index;
	enum neighbour_state state = neighbour_look(d->kernel.sk, ifindex, addr);

	if (state == NEIGHBOUR_LOST)
		*presence = PRESENCE_MISSED;
	else if (state != NEIGHBOUR_NONE)
		*presence = PRESENCE_SEEN;
	return state == NEIGHBOUR_THERE || state == NEIGHBOUR_FIXED;
}

static bool is_working(const struct link_fact *link)
{
	return link->link.index && link->up && link->carrier;
}

void daemon_look_at_lan(struct daemon *d)
{
	const struct facts *facts = &d->outcome.site.facts;
	uint64_t now_us = clock_us(CLOCK_MONOTONIC);
	bool ask = now_us >= d->lan.asked_us + ASK_US;
	struct addr addrs[N_FAMILIES] = {
		[IPV4] = d->config->lan.router4, [IPV6] = facts->router6_linklocal
	};
	enum presence *found[N_FAMILIES] = { [IPV4] = &d->lan.router4, [IPV6] = &d->lan.router6 };

	if (!facts->wans || !is_working(&facts->lan))
		return;
	for (enum family family = 0; family < N_FAMILIES; family++) {
		if (!addrs[family].family || look_at(d, addrs[family], found[family]) || !ask)
			continue;
		neighbour_confirm(d->kernel.sk, facts->lan.link.index, addrs[family]);
		d->lan.asked_us = now_us;
	}
}

void daemon_judge_lan(struct daemon *d, const struct facts *before)
{
	struct facts *facts = &d->outcome.site.facts;

	/* What was seen over another link, or before it was cut, is no longer so. */
	if (!is_working(&facts->lan) || facts->lan.link.index != before->lan.link.index)
		d->lan = (struct lan_memory){};
	if (addr_cmp(facts->router6_linklocal, before->router6_linklocal) != 0)
		d->lan.router6 = PRESENCE_UNKNOWN;
	daemon_look_at_lan(d);
	if (is_working(&facts->lan) && !facts->router6_linklocal.family &&
	    d->router6_tries >= ROUTER6_PATIENCE)
		d->lan.router6 = PRESENCE_MISSED;

	facts->router4 = d->lan.router4;
	facts->router6 = config_has_router6(d->config) ? d->lan.router6 : PRESENCE_UNKNOWN;
	if (facts->router4 == PRESENCE_MISSED || facts->router6 == PRESENCE_MISSED)
		schedule_request_in(d->schedule, ASK_US);
}

bool daemon_concerns_neighbour(unsigned ifindex, struct addr addr, bool there, void *arg)
{
	const struct daemon *d = arg;
	const struct facts *facts = &d->outcome.site.facts;
	const struct config *config = d->config;
	enum presence now = there ? PRESENCE_SEEN : PRESENCE_MISSED;
	bool four = addr_cmp(addr, config->lan.router4) == 0;
	bool six = addr_cmp(addr, facts->router6_linklocal) == 0;

	if (!facts->wans || ifindex != facts->lan.link.index)
		return facts->wans && daemon_concerns_router(d, ifindex, addr, there);
	if ((four && facts->router4 != now) || (six && facts->router6 != now))
		return true;
	/* Any link-local address may be that of another OPNsense. */
	return there && config_has_router6(config) && !config->lan.router6_linklocal.family &&
	       (four || addr_is_linklocal(addr) || addr_cmp(addr, config->lan.router6) == 0);
}
