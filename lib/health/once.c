// SPDX-License-Identifier: GPL-2.0-or-later
// One cycle of probes without a daemon, and the report of what it says.
// New flows are shared by its own verdicts: those of the daemon, or none, are of another time.

#include "health/once.h"

#include "health/cycles.h"
#include "health/gateways.h"
#include "reconcile/sources.h"

#include <errno.h>
#include <string.h>

struct once {
	sd_event *event;
	struct cycles *cycles;
	struct wan_health *health;
};

static void once_done(struct once *once)
{
	cycles_free(once->cycles);
	sd_event_unref(once->event);
	free(once->health);
}

/* What is known before: nothing. */
static const struct report nothing;

static int run_cycle(const struct site *site, struct once *once, struct fault *fault)
{
	int r;

	r = sd_event_default(&once->event);
	if (r >= 0)
		r = cycles_new(once->event, site->config, &nothing, NULL, NULL, &once->cycles,
			       fault);
	if (r < 0)
		return r;
	cycles_set_paths(once->cycles, site, false);
	cycles_start(once->cycles);
	while (r >= 0 && !cycles_are_over(once->cycles))
		r = sd_event_run(once->event, UINT64_MAX);
	return r < 0 ? fault_set(fault, r, "the event loop: %s", strerror(-r)) : 0;
}

int probe_site(const struct site *site, struct nl_sock *sk, struct report *ret, struct fault *fault)
{
	_cleanup_(once_done) struct once once = {};
	_cleanup_(site_judge_done) struct site judged = {};
	const struct flow_table flows = flow_table_read("");
	size_t n = site->config->n_wans;
	int r;

	r = run_cycle(site, &once, fault);
	if (r < 0)
		return r;
	once.health = calloc(n, sizeof(*once.health));
	if (!once.health)
		return -ENOMEM;
	memcpy(once.health, cycles_health(once.cycles), n * sizeof(*once.health));
	/* One cycle is all there is: a failed one is down. */
	for (size_t i = 0; i < n; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (once.health[i].state[family].failures > 0)
				once.health[i].state[family].state = VERDICT_DOWN;
	gateways_ask(sk, site, once.health);
	r = site_judge(site, once.health, &judged);
	if (r < 0)
		return r;
	r = report_make(&judged, once.health, &nothing, clock_us(CLOCK_REALTIME), ret);
	return r < 0 ? r : report_add_flows(ret, &flows, flow_table_is_full(&flows));
}

int probe_once(struct config *config, struct report *ret, struct fault *fault)
{
	struct reconcile request = { .mode = RECONCILE_LOOK, .prefixes.ended = true };
	_cleanup_(prefix_sources_close) struct prefix_sources sources = {};
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(outcome_done) struct outcome outcome = {};
	int r;

	if (prefix_sources_open(NULL, &sources) < 0)
		return -ENOMEM;
	request.prefixes.sources = sources.v;
	request.prefixes.n_sources = sources.n;
	r = reconcile(config, &request, &kernel, &outcome, fault);
	return r < 0 ? r : probe_site(&outcome.site, kernel.sk, ret, fault);
}

static bool is_up(const struct family_report *family)
{
	return !family->present || (!obstacle_is_outage(family->condition.obstacle) &&
				    family->trouble.kind != TROUBLE_UNSENT);
}

bool report_is_all_up(const struct report *report)
{
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (!is_up(&report->wans[i].family[family]))
				return false;
	return true;
}
