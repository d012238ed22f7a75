// SPDX-License-Identifier: GPL-2.0-or-later
// What is lost beside what a WAN needs, and comes back: the LAN, prefixes, addresses, networkd.
// Each run is compared with the one before; each loss and each return is logged once.

#include "base/duration.h"
#include "base/log.h"
#include "daemon/state.h"
#include "health/trouble.h"
#include "model/conflict.h"
#include "reconcile/prefixes.h"

#include <string.h>

/* A restart of networkd, or of the bus with it, is no loss. */
#define NETWORKD_PATIENCE_US 5000000
/* At boot, a slow machine takes its time until the bus answers. */
#define NETWORKD_BOOT_US 60000000

/* After a boot, links, leases and prefixes come one after another. */
#define BOOT_US 60000000

uint64_t daemon_awaits_us(const struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC);
	uint64_t until_us = (d->started_us ? d->started_us : now_us) + BOOT_US;

	return until_us > now_us ? until_us - now_us : 0;
}

static void follow_lan(struct daemon *d)
{
	const struct facts *facts = &d->outcome.site.facts;
	struct fault fault = {};
	int r = trouble_of_lan(&d->outcome.site, &fault);
	bool awaited = r < 0 && !d->lan_seen && daemon_awaits_us(d) > 0;

	d->lan_seen |= r == 0 &&
		       (facts->router4 == PRESENCE_SEEN || !d->config->lan.router4.family) &&
		       (facts->router6 == PRESENCE_SEEN || !config_has_router6(d->config));
	if (r < 0 && (r != d->lan_lost || awaited != d->lan_awaited))
		log_event(awaited ? LOG_INFO : LOG_WARNING,
			  awaited ? EVENT_AWAITED : EVENT_LAN_LOST, NULL, "LAN: %s", fault.text);
	d->lan_awaited = awaited;
	if (awaited)
		schedule_request_in(d->schedule, daemon_awaits_us(d));
	if (r < 0 && d->lan_lost == 0)
		d->lan_lost_us = clock_us(CLOCK_MONOTONIC);
	if (r == 0 && d->lan_lost < 0) {
		uint64_t seconds = daemon_lasted(d->lan_lost_us);

		log_event(LOG_NOTICE, EVENT_LAN_BACK, FIELDS(log_seconds(seconds)),
			  "LAN: nothing is wrong with %s any more%s", d->config->lan.interface,
			  after_str(seconds).s);
	}
	d->lan_lost = r;
}

static void follow_management(struct daemon *d)
{
	const struct management *management = &d->outcome.site.facts.management;
	bool missing = management_is_missing(management);

	/* The run has warned. */
	if (missing && d->management_lost_us == 0)
		d->management_lost_us = clock_us(CLOCK_MONOTONIC);
	if (!missing && d->management_lost_us > 0) {
		uint64_t seconds = daemon_lasted(d->management_lost_us);

		log_event(LOG_NOTICE, EVENT_MANAGEMENT_BACK, FIELDS(log_seconds(seconds)),
			  "an interface of MANAGEMENT is there again (%s)%s: SSH is accepted there "
			  "alone",
			  management->names, after_str(seconds).s);
		d->management_lost_us = 0;
	}
}

/* ---- prefixes ---- */

static void log_new_prefix(const struct site *site, size_t wan, struct prefix old, uint64_t *lost)
{
	const char *name = site->config->wans[wan].name;
	uint64_t seconds = log_seconds_since(*lost);
	struct prefix_text was = prefix_str(old), is = prefix_str(site->npt.delegated[wan]);
	struct npt_use use = npt_use(site->config, &site->npt, wan);
	bool replaces = old.len > 0;

	log_event(LOG_NOTICE, EVENT_PREFIX_NEW,
		  FIELDS(LOG_WAN(name, IPV6), log_text("new", is.s),
			 log_text("old", replaces ? was.s : NULL), log_seconds(seconds)),
		  "%s: prefix %s is in use%s%s", name, use.s, replaces ? ", no longer " : "",
		  replaces ? was.s : after_str(seconds).s);
	*lost = 0;
}

static void log_lost_prefix(const struct wan_conf *wan, struct prefix old, bool ended,
			    uint64_t *lost)
{
	struct prefix_text was = prefix_str(old);

	log_event(LOG_WARNING, EVENT_PREFIX_LOST,
		  FIELDS(LOG_WAN(wan->name, IPV6), log_text("old", was.s)), "%s: prefix %s %s",
		  wan->name, was.s,
		  ended ? "has reached the end of its lifetime, and nobody has renewed it"
			: "is no longer delegated");
	*lost = clock_us(CLOCK_REALTIME) / 1000000;
}

/* before: of the last run. */
static void follow_prefix(struct daemon *d, size_t wan, const struct npt_state *before)
{
	const struct npt_state *npt = &d->outcome.site.npt;
	const struct wan_conf *conf = &d->config->wans[wan];
	struct prefix old = before->delegated[wan], new = npt->delegated[wan];
	uint64_t *lost = &d->losses[wan].since[IPV6][OBSTACLE_NO_PREFIX];
	uint64_t soon_us = clock_us(CLOCK_BOOTTIME) + PREFIX_EARLY_US;

	/* Of a conflict, the run has warned. */
	if (prefix_cmp(old, new) == 0 ||
	    facts_onlink6(d->config, &d->outcome.site.facts, wan, npt->refused[wan]))
		return;
	if (new.len > 0)
		log_new_prefix(&d->outcome.site, wan, old, lost);
	else
		log_lost_prefix(conf, old, before->until_us[wan] <= soon_us, lost);
}

static void follow_prefixes(struct daemon *d, const struct site *before)
{
	const struct npt_state *npt = &d->outcome.site.npt;
	uint64_t next_us = UINT64_MAX;

	for (size_t i = 0; npt->delegated && i < d->config->n_wans; i++) {
		if (before->npt.delegated)
			follow_prefix(d, i, &before->npt);
		if ((npt->delegated[i].len > 0 || npt->lost[i].len > 0) &&
		    npt->until_us[i] < next_us)
			next_us = npt->until_us[i];
	}
	if (next_us < UINT64_MAX)
		next_us -= PREFIX_EARLY_US;
	sd_event_source_set_time(d->prefix_end, next_us);
	sd_event_source_set_enabled(d->prefix_end, SD_EVENT_ONESHOT);
}

/* ---- conflicts ---- */

static bool conflicts_have(const struct conflicts *conflicts, const struct conflict *conflict)
{
	for (size_t i = 0; i < conflicts->n; i++)
		if (conflict_is_same(&conflicts->v[i], conflict))
			return true;
	return false;
}

static void log_conflict_over(const struct daemon *d, const struct conflict *conflict)
{
	_cleanup_(freep) char *what = NULL;

	if (conflict_describe(d->config, conflict, &what, NULL) == 0)
		log_event(LOG_NOTICE, EVENT_CONFLICT_OVER,
			  FIELDS(LOG_WAN(d->config->wans[conflict->wan].name, conflict->family),
				 log_text("conflict", conflict_kind_name(conflict->kind))),
			  "%s: %s: this is over: %s", d->config->wans[conflict->wan].name,
			  family_name(conflict->family), what);
}

/* The run has warned of those that there are. */
static int follow_conflicts(struct daemon *d)
{
	_cleanup_(conflicts_done) struct conflicts now = {};
	int r = conflicts_find(&d->outcome.site, &now);

	for (size_t i = 0; i < d->conflicts.n && r == 0; i++) {
		const struct conflict *old = &d->conflicts.v[i];

		if (conflicts_have(&now, old))
			continue;
		/* Without a lease, nothing is known; the next one may well be the same. */
		if (d->outcome.site.facts.wans[old->wan].routers[old->family].n == 0)
			r = APPEND(now.v, now.n, *old);
		else
			log_conflict_over(d, old);
	}
	if (r < 0)
		return r;
	conflicts_done(&d->conflicts);
	d->conflicts = TAKE(now);
	return 0;
}

/* ---- systemd-networkd ---- */

struct networkd_words {
	char what[256];
	const char *fix;
};

static struct networkd_words describe_absence(struct networkd_absence absence)
{
	static const struct {
		const char *why, *fix;
	} words[] = {
		[NETWORKD_NO_BUS] = { "there is no system bus", NETWORKD_REJOIN_BUS },
		[NETWORKD_AWAY] = { "it is not on the system bus", NETWORKD_REJOIN },
		[NETWORKD_SILENT] = { "it does not answer", NETWORKD_REJOIN },
	};
	uint64_t lasted_us = clock_us(CLOCK_MONOTONIC) - absence.since_us;
	struct networkd_words ret = { .fix = words[absence.reach].fix };

	snprintf(ret.what, sizeof(ret.what),
		 "systemd-networkd can't be asked for %s (%s): " NETWORKD_LOST,
		 duration_str(lasted_us / 1000000).s, words[absence.reach].why);
	return ret;
}

/* When an absence is a loss, on CLOCK_MONOTONIC. */
static uint64_t networkd_lost_us(struct networkd_absence absence)
{
	return absence.since_us + (absence.was_there ? NETWORKD_PATIENCE_US : NETWORKD_BOOT_US);
}

/* Where networkd has never run, prefixes come from elsewhere. */
static bool is_networkd_lost(struct networkd_absence absence)
{
	return absence.reach != NETWORKD_THERE && absence.matters &&
	       clock_us(CLOCK_MONOTONIC) >= networkd_lost_us(absence) &&
	       access(NETWORKD_STATE_PATH, F_OK) == 0;
}

static void follow_networkd(struct daemon *d)
{
	struct networkd_absence absence = networkd_watch_absence(d->networkd);
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), told_us = networkd_lost_us(absence);
	bool lost = is_networkd_lost(absence);

	if (lost && !d->networkd_lost_us) {
		struct networkd_words words = describe_absence(absence);

		log_event(LOG_WARNING, EVENT_NETWORKD_LOST, NULL, "%s: %s", words.what, words.fix);
		d->networkd_lost_us = absence.since_us;
	} else if (d->networkd_lost_us && absence.reach == NETWORKD_THERE) {
		uint64_t seconds = daemon_lasted(d->networkd_lost_us);

		log_event(LOG_NOTICE, EVENT_NETWORKD_BACK, FIELDS(log_seconds(seconds)),
			  "systemd-networkd answers again%s", after_str(seconds).s);
		d->networkd_lost_us = 0;
	}
	if (absence.reach != NETWORKD_THERE && now_us < told_us)
		schedule_request_in(d->schedule, told_us - now_us);
}

int daemon_report_networkd(const struct daemon *d, struct report *report)
{
	struct networkd_absence absence = networkd_watch_absence(d->networkd);
	struct networkd_words words;

	if (!is_networkd_lost(absence))
		return 0;
	words = describe_absence(absence);
	return report_add_trouble(report, "networkd", words.what, words.fix);
}

int daemon_follow_losses(struct daemon *d, const struct site *before)
{
	follow_lan(d);
	follow_management(d);
	follow_prefixes(d, before);
	follow_networkd(d);
	return follow_conflicts(d);
}
