// SPDX-License-Identifier: GPL-2.0-or-later
// The gateways of WANs: which of several routers is used, and whether one answers while probes
// fail. routers.h says when another router has its turn; it is asked after each cycle and each run.

#include "health/gateways.h"
#include "base/log.h"
#include "daemon/state.h"

#include <string.h>

/* How often a router that is not used is looked for: less and less often. */
#define ASK_FIRST_US 1000000

static bool is_unanswered(const struct probe_set *set)
{
	for (size_t i = 0; set && i < set->n_targets; i++)
		if (set->targets[i].window.n == 0 || !(set->targets[i].window.lost & 1))
			return false;
	return set && set->n_targets > 0;
}

static void judge(struct daemon *d, size_t wan, enum family family)
{
	const struct wan_facts *facts = &d->outcome.site.facts.wans[wan];
	const struct wan_health *health = &cycles_health(d->cycles)[wan];
	struct routers_turn now = { wan, family, .failures = health->state[family].failures };

	if (facts->routers[family].n < 2 || !facts->link.carrier)
		return;
	if (now.failures > 0 && !is_unanswered(health->probes[family]))
		return;
	if (routers_judge(&d->routers, &d->outcome.site.facts, now,
			  d->config->wans[wan].health.failure_threshold,
			  clock_us(CLOCK_MONOTONIC)) <= 0)
		return;
	/* Is it there at all? The kernel finds out, and tells. */
	neighbour_doubt(d->kernel.sk, facts->link.link.index, facts->gateway[family].via);
	cycles_forgive(d->cycles, wan, family);
	d->router_tries = 0;
	daemon_request(d, CAUSE_ROUTER, PACE_NOW);
}

void daemon_judge_routers(struct daemon *d)
{
	for (size_t i = 0; d->outcome.site.facts.wans && i < d->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			judge(d, i, family);
}

void daemon_ask_gateways(struct daemon *d)
{
	const struct wan_health *health = cycles_health(d->cycles);
	const struct site *site = &d->outcome.site;

	for (size_t i = 0; site->facts.wans && i < d->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			cycles_set_gateway(
				d->cycles, i, family,
				gateway_review(d->kernel.sk, site, i, family, &health[i]));
}

static void log_change(const struct daemon *d, const struct site *before, size_t wan,
		       enum family family)
{
	const struct facts *facts = &d->outcome.site.facts;
	const struct gateway_fact *old = &before->facts.wans[wan].gateway[family];
	const struct gateway_fact *new = &facts->wans[wan].gateway[family];
	const struct router *better = facts_passed_over(facts, wan, family, 0);
	int level = better ? LOG_WARNING : LOG_NOTICE;

	if (!old->present || !new->present || addr_cmp(old->via, new->via) == 0)
		return;
	/* While the WAN is down, they take turns. */
	if (cycles_health(d->cycles)[wan].state[family].state == VERDICT_DOWN)
		level = LOG_DEBUG;
	log_event(level, EVENT_ROUTER_CHANGED,
		  FIELDS(LOG_WAN(d->config->wans[wan].name, family),
			 log_text("old", addr_str(old->via).s),
			 log_text("new", addr_str(new->via).s)),
		  "%s %s: router %s is used, %s %s", d->config->wans[wan].name, family_name(family),
		  addr_str(new->via).s, addr_str(old->via).s,
		  !better	   ? "no longer"
		  : better->silent ? "does not answer"
				   : "is avoided: nothing comes back over it");
}

/* True when one was looked for. */
static bool look_for(const struct daemon *d, size_t wan, enum family family)
{
	const struct facts *facts = &d->outcome.site.facts;
	const struct router *router;
	size_t n = 0;

	for (; (router = facts_passed_over(facts, wan, family, n)) != NULL; n++)
		neighbour_confirm(d->kernel.sk, facts->wans[wan].link.link.index,
				  router->gateway.via);
	return n > 0;
}

int daemon_review_routers(struct daemon *d, const struct site *before)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), again_us = UINT64_MAX;
	int r = routers_review(&d->routers, &d->outcome.site.facts, now_us, &again_us);
	bool sought = false;

	for (size_t i = 0; i < d->config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			if (before->facts.wans)
				log_change(d, before, i, family);
			sought |= look_for(d, i, family);
		}
	}
	if (r > 0)
		daemon_request(d, CAUSE_NEIGHBOUR, PACE_EVENT);
	if (again_us != UINT64_MAX)
		schedule_request_in(d->schedule, again_us - now_us);
	if (sought && d->router_tries < 3)
		d->router_tries++;
	if (sought)
		schedule_request_in(d->schedule, ASK_FIRST_US << d->router_tries);
	return r < 0 ? r : 0;
}

int daemon_recall_routers(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC);
	int r = 0;

	for (size_t i = 0; i < d->config->n_wans; i++) {
		const struct wan_report *wan = report_wan(&d->report, d->config->wans[i].name);

		for (enum family family = 0; wan && family < N_FAMILIES; family++) {
			const struct family_report *known = &wan->family[family];

			for (size_t n = 0; n < known->n_avoided && r == 0; n++)
				r = routers_recall(
					&d->routers,
					(struct router_id){ i, family, known->avoided[n] }, now_us);
		}
	}
	return r;
}

bool daemon_concerns_router(const struct daemon *d, unsigned ifindex, struct addr addr, bool there)
{
	const struct facts *facts = &d->outcome.site.facts;

	for (size_t i = 0; i < facts->n_wans * N_FAMILIES; i++) {
		const struct wan_facts *wan = &facts->wans[i / N_FAMILIES];
		const struct router_list *list = &wan->routers[i % N_FAMILIES];

		for (size_t n = 0; wan->link.link.index == ifindex && list->n > 1 && n < list->n;
		     n++)
			if (addr_cmp(list->v[n].gateway.via, addr) == 0 &&
			    list->v[n].silent == there)
				return true;
	}
	return false;
}
