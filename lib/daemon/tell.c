// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon reports: health.json, the status line of systemd, log lines of verdicts.
// Makes one report of the last run and the last cycles, and derives all words from it.

#include "daemon/state.h"

#include "base/duration.h"
#include "base/fileio.h"
#include "base/log.h"
#include "kernel/forwarding.h"
#include "status/show.h"

#include <string.h>
#include <systemd/sd-daemon.h>

/* How long to wait for networkd and OPNsense before we are ready without them. */
#define READY_US 1000000

/* Each cycle writes the file. Log an error of writing once, not each time. */
void daemon_write_report(struct daemon *d, const char *path)
{
	struct unwritten *unwritten = &d->unwritten[strcmp(path, HEALTH_KEPT_PATH) == 0];
	struct fault fault = {};
	bool failed = report_write(&d->report, path, &fault) < 0;

	if (failed && strcmp(fault.text, unwritten->fault.text) != 0)
		log_event(LOG_ERR, EVENT_REPORT_UNWRITTEN, NULL, "%s", fault.text);
	if (failed && unwritten->since_us == 0)
		unwritten->since_us = clock_us(CLOCK_MONOTONIC);
	if (!failed && unwritten->since_us > 0) {
		uint64_t seconds = daemon_lasted(unwritten->since_us);

		log_event(LOG_NOTICE, EVENT_REPORT_WRITTEN, FIELDS(log_seconds(seconds)),
			  "%s is written again%s", path, after_str(seconds).s);
		unwritten->since_us = 0;
	}
	unwritten->fault = fault;
}

/* Why not all that is configured and decided is in force; owned by the caller. NULL: it is. */
static char *trouble(const struct daemon *d)
{
	char *text = NULL;

	if (d->fault.text[0])
		return strdup(d->fault.text);
	if (d->refused.text[0] &&
	    asprintf(&text, "%s; the old configuration stays in force", d->refused.text) < 0)
		return NULL;
	return text;
}

/* What finds no room is refused, whichever WAN it is for. */
static void look_at_flows(struct daemon *d)
{
	struct flow_table flows = flow_table_read("");
	bool was_full = d->flows_full_us > 0;
	bool full = flow_table_stays_full(&flows, &d->flows, was_full);

	if (full && !was_full) {
		d->flows_full_us = clock_us(CLOCK_MONOTONIC);
		log_event(
			LOG_WARNING, EVENT_FLOWS_FULL,
			FIELDS(log_number("entries", flows.entries), log_number("max", flows.max)),
			"conntrack table full (%ju of %ju entries), new flows are refused: %s",
			(uintmax_t)flows.entries, (uintmax_t)flows.max, flow_table_fix(&flows).s);
	} else if (!full && was_full) {
		uint64_t seconds = daemon_lasted(d->flows_full_us);

		d->flows_full_us = 0;
		log_event(LOG_NOTICE, EVENT_FLOWS_ROOM,
			  FIELDS(log_number("entries", flows.entries), log_number("max", flows.max),
				 log_seconds(seconds)),
			  "conntrack table has room again (%ju of %ju)%s", (uintmax_t)flows.entries,
			  (uintmax_t)flows.max, after_str(seconds).s);
	}
	d->flows = flows;
}

/* Somebody has switched forwarding off, or nobody on: all else may be well. */
static void report_stopped(const struct daemon *d, struct report *report)
{
	for (enum family family = 0; family < N_FAMILIES; family++) {
		char what[64];

		if (d->outcome.unprotected || forwarding_is_on(family) ||
		    (family == IPV6 && d->config->lan.prefix6.len == 0))
			continue;
		snprintf(what, sizeof(what), "the kernel forwards no %s", family_name(family));
		report_add_trouble(report, "forwarding", what,
				   "`systemctl restart nftables`, and see `health-check --doctor`");
	}
}

int daemon_make_report(struct daemon *d)
{
	struct report report = {};
	int r;

	if (!d->outcome.site.facts.wans)
		return 0;
	r = report_make(&d->outcome.site, cycles_health(d->cycles), &d->report,
			clock_us(CLOCK_REALTIME), &report);
	if (r < 0)
		return r;
	/* Without memory for that line, the others matter. */
	(void)daemon_report_networkd(d, &report);
	report.trouble = trouble(d);
	look_at_flows(d);
	report_add_flows(&report, &d->flows, d->flows_full_us > 0);
	report_stopped(d, &report);
	if (management_is_missing(&d->outcome.site.facts.management))
		report_add_management(&report, &d->outcome.site.facts.management);
	report.unprotected = d->outcome.unprotected && d->fault.text[0];
	daemon_follow_wans(d, &report);
	d->unkept |= report_has_new_condition(&report, &d->report);
	report_done(&d->report);
	d->report = report;
	daemon_write_report(d, HEALTH_PATH);
	return 0;
}

void daemon_notify_status(struct daemon *d)
{
	_cleanup_(freep) char *text = NULL;
	struct memory out = {};

	if (memory_open(&out) < 0)
		return;
	report_print_headline(&d->report, 0, HEADLINE_WIDTH, out.f);
	/* There was no memory for a new report. */
	if (d->fault.text[0] && !d->report.trouble)
		fprintf(out.f, "; %s", d->fault.text);
	if (memory_close(&out, &text) == 0)
		sd_notifyf(0, "STATUS=%s", text);
}

void daemon_notify_ready(struct daemon *d)
{
	bool unsure = d->outcome.router6_unsure && !d->outcome.site.facts.router6_linklocal.family;
	uint64_t now = 0;

	if (d->ready)
		return;
	sd_event_now(d->event, CLOCK_MONOTONIC, &now);
	if (d->started_us == 0)
		d->started_us = now;
	/* A unit that waits for us needs what networkd and OPNsense have yet to answer, too. */
	if ((networkd_watch_is_settled(d->networkd) && !unsure) ||
	    now >= d->started_us + READY_US) {
		d->ready = true;
		sd_notify(0, "READY=1");
	} else {
		schedule_request_in(d->schedule, d->started_us + READY_US - now);
	}
}

/* What --status says of the WAN; owned by the caller. NULL: nothing, or no memory. */
static char *reason(const struct daemon *d, size_t wan, enum family family)
{
	const struct wan_health *health = cycles_health(d->cycles);
	_cleanup_(trouble_done) struct trouble trouble = {};
	_cleanup_(site_judge_done) struct site site = {};
	struct dot1x_record dot1x = {};
	struct trouble_view view;

	/* The selections of the last run do not know of this verdict yet. */
	if (!d->outcome.site.facts.wans || site_judge(&d->outcome.site, health, &site) < 0)
		return NULL;
	dot1x_record_read(&dot1x);
	view = trouble_view_of(&site, wan, family, health, &dot1x);
	return trouble_describe(&view, &trouble) < 0 ? NULL : trouble_line(&trouble);
}

static void log_verdict(const struct daemon *d, size_t wan, enum family family,
			const struct health_state *old)
{
	const char *name = d->config->wans[wan].name;
	const struct health_state *new = &cycles_health(d->cycles)[wan].state[family];
	bool down = new->state == VERDICT_DOWN;
	unsigned cycles = down ? new->failures : new->successes;
	_cleanup_(freep) char *why = down ? reason(d, wan, family) : NULL;
	uint64_t seconds = log_seconds_since(old->since);
	char was[64] = "";

	if (seconds != LOG_UNKNOWN)
		snprintf(was, sizeof(was), ", was %s for %s", verdict_name(old->state),
			 duration_str(seconds).s);
	log_event(down ? LOG_WARNING : LOG_NOTICE, down ? EVENT_WAN_DOWN : EVENT_WAN_UP,
		  FIELDS(LOG_WAN(name, family), log_text("old", verdict_name(old->state)),
			 log_text("new", verdict_name(new->state)), log_seconds(seconds),
			 log_number(down ? "failures" : "successes", cycles)),
		  "%s %s is %s after %u %s cycle%s%s%s%s", name, family_name(family),
		  verdict_name(new->state), cycles, down ? "failed" : "good",
		  cycles == 1 ? "" : "s", was, why ? ": " : "", why ? why : "");
}

static void on_changed(size_t wan, enum family family, const struct health_state *old, void *arg)
{
	struct daemon *d = arg;
	const struct health_state *new = &cycles_health(d->cycles)[wan].state[family];

	log_verdict(d, wan, family, old);
	/* At the first start, nothing was lost, and nothing has recovered. */
	if (old->state != VERDICT_UNKNOWN || new->state != VERDICT_UP)
		notify_change(d->notify,
			      &(struct notify_change){ "verdict", d->config->wans[wan].name, family,
						       verdict_name(old->state),
						       verdict_name(new->state) });
	d->decided = true;
	daemon_request(d, CAUSE_VERDICT, PACE_NOW);
}

static void on_undecided(size_t wan, enum family family, bool undecided, void *arg)
{
	struct daemon *d = arg;
	const char *name = d->config->wans[wan].name;
	_cleanup_(freep) char *why = undecided ? reason(d, wan, family) : NULL;

	if (undecided)
		log_event(LOG_WARNING, EVENT_PROBES_UNSENT, FIELDS(LOG_WAN(name, family)),
			  "%s %s can't be judged: %s", name, family_name(family),
			  why ? why : "no reason known");
	else
		log_event(LOG_NOTICE, EVENT_PROBES_SENT, FIELDS(LOG_WAN(name, family)),
			  "%s %s is judged again", name, family_name(family));
}

static void on_over(void *arg)
{
	struct daemon *d = arg;

	daemon_judge_routers(d);
	daemon_ask_gateways(d);
	/* After a decision, the selection is out of date until the next run. */
	if (!d->decided || d->fault.text[0])
		daemon_make_report(d);
}

const struct cycles_handlers daemon_cycles_handlers = { on_changed, on_undecided, on_over };
