// SPDX-License-Identifier: GPL-2.0-or-later
// What a WAN has lost and has again, and whether it takes new flows.
// Each report is compared with the one before: changes are logged, and told to [notify].

#include "base/duration.h"
#include "base/log.h"
#include "daemon/state.h"

static const char *const words[] = {
	[TOLD_NOTHING] = "unknown",
	[TOLD_FALSE] = "false",
	[TOLD_TRUE] = "true",
};

int daemon_recall_losses(const struct report *known, const struct config *config,
			 struct wan_losses **ret)
{
	struct wan_losses *losses = calloc(config->n_wans, sizeof(*losses));

	if (!losses)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_report *wan = report_wan(known, config->wans[i].name);

		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct family_report *before = wan ? &wan->family[family] : NULL;

			if (!before || !before->present)
				continue;
			losses[i].told[family] = before->eligible ? TOLD_TRUE : TOLD_FALSE;
			losses[i].since[family][before->condition.obstacle] =
				before->condition.since;
		}
	}
	*ret = losses;
	return 0;
}

/* ---- returns ---- */

static void log_return(const struct wan_conf *wan, enum family family, enum obstacle obstacle,
		       uint64_t seconds)
{
	struct after_text after = after_str(seconds);

	if (obstacle <= OBSTACLE_NO_CARRIER)
		log_event(LOG_NOTICE, EVENT_LINK_BACK,
			  FIELDS(log_text("wan", wan->name), log_seconds(seconds)),
			  "%s: %s %s again%s", wan->name, wan->interface,
			  obstacle == OBSTACLE_NO_CARRIER     ? "has carrier"
			  : obstacle == OBSTACLE_SWITCHED_OFF ? "is switched on"
							      : "is there",
			  after.s);
	else if (obstacle == OBSTACLE_NO_GATEWAY)
		log_event(LOG_NOTICE, EVENT_GATEWAY_BACK,
			  FIELDS(LOG_WAN(wan->name, family), log_seconds(seconds)),
			  "%s: there is an %s gateway again%s", wan->name, family_name(family),
			  after.s);
	else if (obstacle == OBSTACLE_NO_ADDRESS)
		log_event(LOG_NOTICE, EVENT_ADDRESS_BACK,
			  FIELDS(LOG_WAN(wan->name, family), log_seconds(seconds)),
			  "%s: there is an %s address to masquerade behind again%s", wan->name,
			  family_name(family), after.s);
}

/* An obstacle hides those that come after it: they may still be there. */
static bool is_over(enum obstacle lost, enum obstacle now)
{
	return now == OBSTACLE_NONE || lost < now;
}

static void follow_losses(struct daemon *d, size_t wan, enum family family,
			  const struct condition *now)
{
	const struct wan_conf *conf = &d->config->wans[wan];
	uint64_t *since = d->losses[wan].since[family];
	enum family first = config_has_family(d->config, wan, IPV4) ? IPV4 : IPV6;

	for (enum obstacle lost = OBSTACLE_NO_INTERFACE; lost <= OBSTACLE_NO_ADDRESS; lost++) {
		/* Of a prefix, its own event says that it is back. */
		if (since[lost] == 0 || lost == OBSTACLE_NO_PREFIX || !is_over(lost, now->obstacle))
			continue;
		/* A link has one return for both families. */
		if (lost > OBSTACLE_NO_CARRIER || family == first)
			log_return(conf, family, lost, log_seconds_since(since[lost]));
		since[lost] = 0;
	}
	if (since[now->obstacle] == 0)
		since[now->obstacle] = now->since;
}

/* ---- eligibility ---- */

static void log_eligible(const struct wan_conf *wan, enum family family,
			 const struct family_report *before, const struct family_report *now)
{
	enum obstacle obstacle = now->condition.obstacle;
	/* Why it is down, the verdict's own event says. */
	const char *what = obstacle == OBSTACLE_DOWN	  ? "it is down"
			   : obstacle == OBSTACLE_DRAINED ? "it is drained by hand"
			   : obstacle == OBSTACLE_HELD	  ? "it is held"
							  : now->trouble.what;
	const char *name = wan->name;
	uint64_t seconds = log_seconds_since(before->condition.out ? before->condition.out
								   : before->condition.since);

	if (now->eligible)
		log_event(LOG_NOTICE, EVENT_ELIGIBLE,
			  FIELDS(LOG_WAN(name, family), log_text("old", words[TOLD_FALSE]),
				 log_text("new", words[TOLD_TRUE]), log_seconds(seconds)),
			  "%s %s takes new flows%s%s", name, family_name(family),
			  family_is_last_resort(now) ? " as the last resort" : " again",
			  after_str(seconds).s);
	else
		log_event(LOG_NOTICE, EVENT_INELIGIBLE,
			  FIELDS(LOG_WAN(name, family), log_text("old", words[TOLD_TRUE]),
				 log_text("new", words[TOLD_FALSE]), log_seconds(seconds)),
			  "%s %s takes no new flows%s%s", name, family_name(family),
			  what ? ": " : "", what ? what : "");
}

static void notify_eligible(struct daemon *d, size_t wan, enum family family, bool eligible)
{
	struct wan_losses *losses = &d->losses[wan];
	enum eligible_told old = losses->told[family], new = eligible ? TOLD_TRUE : TOLD_FALSE;
	uint64_t left_us = daemon_awaits_us(d);

	losses->seen[family] |= eligible;
	if (old == new)
		return;
	/* What has not been there since the boot may be about to come. */
	if (!losses->seen[family] && left_us > 0) {
		schedule_request_in(d->schedule, left_us);
		return;
	}
	losses->told[family] = new;
	/* At the first start, nothing was lost. */
	if (old == TOLD_NOTHING && eligible)
		return;
	notify_change(d->notify, &(struct notify_change){ "eligible", d->config->wans[wan].name,
							  family, words[old], words[new] });
}

void daemon_follow_wans(struct daemon *d, const struct report *now)
{
	for (size_t i = 0; i < now->n_wans; i++) {
		const struct wan_report *before = report_wan(&d->report, now->wans[i].name);

		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct family_report *its = &now->wans[i].family[family];

			if (!its->present)
				continue;
			follow_losses(d, i, family, &its->condition);
			if (before && before->family[family].present &&
			    before->family[family].eligible != its->eligible)
				log_eligible(&d->config->wans[i], family, &before->family[family],
					     its);
			notify_eligible(d, i, family, its->eligible);
		}
	}
}
