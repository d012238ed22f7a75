// SPDX-License-Identifier: GPL-2.0-or-later
// Which flows are removed after a run, so that they begin anew on another WAN.
// Those of a lost WAN as flush.h says, and those that a better tier takes back.

#include "base/log.h"
#include "daemon/state.h"
#include "kernel/conntrack.h"
#include "kernel/known_flows.h"
#include "plan/explain.h"

#include <errno.h>

/* How long answers may be on their way to flows that were removed, and how often they are looked
 * for. */
#define RELEASE_US 2000000
#define RELEASE_PAUSE_US 100000

static void flush_flows(struct daemon *d, size_t wan, enum family family)
{
	const struct wan_conf *conf = &d->config->wans[wan];
	struct fault fault = {};
	int r = conntrack_flush(d->kernel.nfnl, conf->mark, family, &fault);

	if (r < 0)
		d->flush[wan][family].flushed = false;
	else
		log_event(LOG_NOTICE, EVENT_FLOWS_REMOVED, FIELDS(LOG_WAN(conf->name, family)),
			  "%s: its %s flows are removed", conf->name, family_name(family));
	log_outcome(r, &fault);
}

/* When to look again, on CLOCK_MONOTONIC; UINT64_MAX: no need. */
static uint64_t flush_lost_flows(struct daemon *d, uint64_t now_us)
{
	uint64_t again_us = UINT64_MAX;

	for (size_t i = 0; i < d->config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct selection *selection =
				site_selection(&d->outcome.site, family);
			const struct health_state *health =
				&cycles_health(d->cycles)[i].state[family];
			struct flush_view view = {
				.carrier = d->outcome.site.facts.wans[i].link.carrier,
				.usable = selection->usable[i],
				.condemned = d->config->wans[i].flush_down &&
					     health->state == VERDICT_DOWN &&
					     !d->outcome.site.verdicts.aside[i][family].drained,
				.replaced = !selection->eligible[i] && selection->best,
			};

			if (flush_step(&d->flush[i][family], &view, now_us, &again_us))
				flush_flows(d, i, family);
		}
	}
	return again_us;
}

/* ---- failback ---- */

int daemon_recall_tiers(const struct report *known, const struct config *config,
			uint32_t (**ret)[N_FAMILIES])
{
	*ret = calloc(config->n_policies, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_policies * config->n_wans * N_FAMILIES; i++) {
		size_t policy = i / N_FAMILIES / config->n_wans;
		size_t wan = i / N_FAMILIES % config->n_wans;
		const struct wan_conf *conf = &config->wans[wan];
		const struct wan_report *report = report_wan(known, conf->name);
		uint32_t *tier = &(*ret)[policy][i % N_FAMILIES];

		if (report && report->family[i % N_FAMILIES].eligible &&
		    config->policies[policy].wans[wan] && (*tier == 0 || conf->tier < *tier))
			*tier = conf->tier;
	}
	return 0;
}

/* It would begin on the same WAN again: a rule leads it there, or no other one translates it. */
static bool would_return(const struct site *site, size_t wan, struct nlattr *there)
{
	struct flow_tuple tuple = flow_tuple_read(there);
	struct flow_query query = {
		.flow = {
			.family = family_of_af(tuple.source.family),
			.source = tuple.source,
			.destination = tuple.destination,
			.protocol = tuple.protocol,
			.sport = tuple.sport,
			.dport = tuple.dport,
		},
		.has_protocol = true,
		.has_sport = true,
		.has_dport = true,
	};

	return explain_may_get(site, &query, wan);
}

/* 0, or a negative errno with a fault. */
static int move_flows(struct daemon *d, size_t wan, enum family family, uint32_t tier,
		      struct fault *fault)
{
	const struct wan_conf *conf = &d->config->wans[wan];
	unsigned deleted = 0;
	int r = conntrack_release(d->kernel.nfnl, &d->outcome.site, wan, family, would_return,
				  &deleted, &d->released, fault);

	d->released_us = clock_us(CLOCK_MONOTONIC);
	if (r == 0 && deleted > 0)
		log_event(LOG_NOTICE, EVENT_FLOWS_REMOVED,
			  FIELDS(LOG_WAN(conf->name, family), log_number("flows", deleted)),
			  "%s: %u %s flow%s of inside hosts %s removed, for tier %u takes new "
			  "flows again",
			  conf->name, deleted, family_name(family), deleted == 1 ? "" : "s",
			  deleted == 1 ? "is" : "are", tier);
	return r;
}

/* 0: none of the policy's WANs takes its new flows. */
static uint32_t tier_of(const struct daemon *d, size_t policy, enum family family)
{
	const struct wan_conf *best = site_policy_selection(&d->outcome.site, policy, family)->best;

	return best && d->config->policies[policy].wans[best - d->config->wans] ? best->tier : 0;
}

static void follow_tier(struct daemon *d, size_t policy, enum family family)
{
	uint32_t *before = &d->tiers[policy][family], now = tier_of(d, policy, family);
	struct fault fault = {};
	int r = 0;

	for (size_t i = 0; i < d->config->n_wans && r == 0; i++)
		if (d->config->wans[i].flush_failback &&
		    flush_is_failback(*before, now, d->config->wans[i].tier))
			r = move_flows(d, i, family, now, &fault);
	log_outcome(r, &fault);
	/* What failed is done again after the next run. */
	if (r == 0 && now > 0)
		*before = now;
}

/*
 * An answer that is on its way when its flow is removed comes in over the backup as a flow of its
 * own, if the address leads inside there, and the call would be stuck again.
 */
static void release_again(struct daemon *d)
{
	struct fault fault = {};

	if (d->released.n == 0)
		return;
	log_outcome(conntrack_release_again(d->kernel.nfnl, &d->released, &fault), &fault);
	if (clock_us(CLOCK_MONOTONIC) - d->released_us < RELEASE_US)
		schedule_request_in(d->schedule, RELEASE_PAUSE_US);
	else
		released_flows_done(&d->released);
}

void daemon_flush_flows(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), again_us = flush_lost_flows(d, now_us);

	if (again_us != UINT64_MAX)
		schedule_request_in(d->schedule, again_us - now_us);
	for (size_t policy = 0; policy < d->config->n_policies; policy++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			follow_tier(d, policy, family);
	release_again(d);
}
