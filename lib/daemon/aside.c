// SPDX-License-Identifier: GPL-2.0-or-later
// WANs that are set aside: held after an outage, and drained by hand.
// Before a run, it gets those that are; after it, outages and returns are noted.

#include "base/duration.h"
#include "base/log.h"
#include "daemon/state.h"
#include "model/condition.h"

/* ---- drains ---- */

static void log_drained(const struct drain *drain)
{
	bool ends = drain->until > 0;

	log_event(LOG_NOTICE, EVENT_DRAINED,
		  FIELDS(log_text("wan", drain->wan),
			 log_number("until", ends ? drain->until : LOG_UNKNOWN)),
		  "%s is drained by hand%s%s: it takes no new flows, and keeps those that it has",
		  drain->wan, ends ? " until " : "",
		  ends ? local_time_str(drain->until, false).s : "");
}

static void log_undrained(const struct config *config, const struct drain *drain)
{
	uint64_t seconds = log_seconds_since(drain->since);
	bool known = config_find_wan(config, drain->wan) < config->n_wans;

	log_event(known ? LOG_NOTICE : LOG_WARNING, EVENT_UNDRAINED,
		  FIELDS(log_text("wan", drain->wan), log_seconds(seconds)),
		  "%s is no longer drained%s%s", drain->wan, after_str(seconds).s,
		  known ? ""
			: ": mwan.conf does not have it any more; if it has another name now, "
			  "drain that");
}

static void log_changes(const struct config *config, const struct drains *before,
			const struct drains *now)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct drain *old = drains_find(before, now->v[i].wan);

		if (!old || old->until != now->v[i].until)
			log_drained(&now->v[i]);
	}
	for (size_t i = 0; i < before->n; i++)
		if (!drains_find(now, before->v[i].wan))
			log_undrained(config, &before->v[i]);
}

/* The file as it is now; what is over goes from it. 0 or -ENOMEM, with the old ones in force. */
static int read_drains(struct daemon *d, uint64_t now)
{
	_cleanup_(drains_done) struct drains drains = {};
	struct fault fault = {};
	int r = drains_read(DRAINS_PATH, &drains, &fault);

	if (r == -ENOMEM)
		return r;
	/* Those that were stay drained. */
	if (r < 0) {
		log_event(LOG_WARNING, EVENT_REPORT_UNREADABLE, NULL, "%s", fault.text);
		return 0;
	}
	/* What can't be written is over all the same. */
	if (drains_clean(&drains, d->config, now) && drains_write(&drains, DRAINS_PATH, &fault) < 0)
		log_event(LOG_WARNING, EVENT_REPORT_UNWRITTEN, NULL, "%s", fault.text);
	log_changes(d->config, &d->drains, &drains);
	drains_done(&d->drains);
	d->drains = TAKE(drains);
	for (size_t i = 0; i < d->drains.n; i++)
		if (d->drains.v[i].until > 0)
			schedule_request_in(d->schedule, (d->drains.v[i].until - now) * 1000000);
	return 0;
}

/* ---- holds ---- */

int daemon_recall_holds(const struct report *known, const struct config *config,
			struct hold (**ret)[N_FAMILIES])
{
	*ret = calloc(config->n_wans, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_report *wan = report_wan(known, config->wans[i].name);

		for (enum family family = 0; wan && family < N_FAMILIES; family++)
			(*ret)[i][family] = wan->family[family].hold;
	}
	return 0;
}

static void log_held(const struct wan_conf *wan, enum family family, const struct hold *hold)
{
	uint64_t seconds = wan->recovery_hold_us * hold->times / 1000000;
	char times[48] = "";

	if (hold->times > 1)
		snprintf(times, sizeof(times), ", %u times recovery_hold, for it flaps",
			 hold->times);
	log_event(LOG_NOTICE, EVENT_HELD,
		  FIELDS(LOG_WAN(wan->name, family), log_number("times", hold->times),
			 log_number("until", hold->until_us / 1000000)),
		  "%s %s is back, and held: it takes new flows in %s%s", wan->name,
		  family_name(family), duration_str(seconds).s, times);
}

static void follow_hold(struct daemon *d, size_t wan, enum family family, uint64_t now_us)
{
	const struct wan_conf *conf = &d->config->wans[wan];
	const struct wan_health *health = &cycles_health(d->cycles)[wan];
	struct aside *aside = &d->outcome.site.verdicts.aside[wan][family];
	struct hold *hold = &d->holds[wan][family];
	struct hold_view view = {
		.out = obstacle_is_outage(obstacle_find(&d->outcome.site, wan, family)),
		.base_us = conf->recovery_hold_us,
		.now_us = now_us,
	};

	view.well =
		!view.out && (health->state[family].state == VERDICT_UP || !health->probes[family]);
	/* Where it carries as the last resort, that is said, and that it is held when it ends. */
	if (hold_step(hold, &view) && !site_selection(&d->outcome.site, family)->eligible[wan])
		log_held(conf, family, hold);
	aside->hold = *hold;
	if (hold_is_on(hold, conf->recovery_hold_us, now_us) && hold->until_us > now_us)
		schedule_request_in(d->schedule, hold->until_us - now_us);
}

void daemon_follow_holds(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_REALTIME);

	for (size_t i = 0; i < d->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (config_has_family(d->config, i, family))
				follow_hold(d, i, family, now_us);
}

/* ---- both ---- */

int daemon_set_aside(struct daemon *d, struct verdicts *verdicts)
{
	uint64_t now_us = clock_us(CLOCK_REALTIME);

	if (read_drains(d, now_us / 1000000) < 0)
		return -ENOMEM;
	drains_apply(&d->drains, d->config, now_us / 1000000, verdicts);
	for (size_t i = 0; i < d->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct aside *aside = &verdicts->aside[i][family];

			aside->hold = d->holds[i][family];
			aside->held = hold_is_on(&aside->hold, d->config->wans[i].recovery_hold_us,
						 now_us);
		}
	return 0;
}
