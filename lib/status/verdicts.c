// SPDX-License-Identifier: GPL-2.0-or-later
// What a run without the daemon goes by: the verdicts and holds of the last report, and the drains.
// WANs are found by their names.

#include "base/log.h"
#include "base/util.h"
#include "status/drains.h"
#include "status/report.h"

#include <errno.h>

static int take_verdict(const struct family_report *known, size_t wan, enum family family,
			struct verdicts *verdicts)
{
	int r = 0;

	verdicts->v[wan][family] = known->health.state;
	for (size_t i = 0; i < known->n_avoided && r == 0; i++)
		r = APPEND(verdicts->avoided.v, verdicts->avoided.n,
			   (struct router_id){ wan, family, known->avoided[i] });
	return r;
}

static void take_hold(const struct family_report *known, uint64_t base_us, bool stale,
		      uint64_t now_us, struct aside *aside)
{
	aside->hold = known->hold;
	/* Without a daemon, nobody would begin the hold after an outage, or end it. */
	if (stale)
		aside->hold.lost = false;
	aside->held = hold_is_on(&aside->hold, base_us, now_us);
}

int report_recall(struct report *ret)
{
	struct fault fault = {};
	int r = report_read(HEALTH_PATH, ret, &fault);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT)
		log_event(LOG_WARNING, EVENT_REPORT_UNREADABLE, NULL, "%s; every WAN counts as up",
			  fault.text);
	return 0;
}

static int take_report(const struct report *report, const struct config *config, uint64_t now_us,
		       struct verdicts *verdicts)
{
	bool stale = report_is_stale(report, now_us);
	int r = 0;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_report *known = report_wan(report, config->wans[i].name);

		for (enum family family = 0; known && family < N_FAMILIES && r == 0; family++) {
			r = take_verdict(&known->family[family], i, family, verdicts);
			take_hold(&known->family[family], config->wans[i].recovery_hold_us, stale,
				  now_us, &verdicts->aside[i][family]);
		}
	}
	return r;
}

int report_verdicts(const struct report *report, const struct config *config, struct verdicts *ret)
{
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	_cleanup_(drains_done) struct drains drains = {};
	uint64_t now_us = clock_us(CLOCK_REALTIME);
	struct fault fault = {};
	int r;

	if (verdicts_new(config->n_wans, &verdicts) < 0)
		return -ENOMEM;
	r = drains_read(DRAINS_PATH, &drains, &fault);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		log_event(LOG_WARNING, EVENT_REPORT_UNREADABLE, NULL,
			  "%s; no WAN counts as drained", fault.text);
	r = take_report(report, config, now_us, &verdicts);
	if (r < 0)
		return r;
	drains_apply(&drains, config, now_us / 1000000, &verdicts);
	*ret = TAKE(verdicts);
	return 0;
}

int verdicts_read(const struct config *config, struct verdicts *ret)
{
	_cleanup_(report_done) struct report report = {};
	int r = report_recall(&report);

	return r < 0 ? r : report_verdicts(&report, config, ret);
}
