#include "daemon_state.h"

#include "log.h"
#include "report_show.h"
#include "trouble.h"

#include <string.h>
#include <systemd/sd-daemon.h>

/* How long others may take to answer before we call ourselves ready without them. */
#define READY_US 1000000

/* Each cycle writes; what it can't, it says once. */
void daemon_write_report(struct daemon *d, const char *path)
{
	struct fault fault = {};

	report_write(&d->report, path, &fault);
	if (fault.text[0] && strcmp(fault.text, d->unwritten.text) != 0)
		log_event(LOG_ERR, "health-file", "%s", fault.text);
	d->unwritten = fault;
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

void daemon_make_report(struct daemon *d)
{
	struct report report = {};

	if (!d->outcome.facts.wans ||
	    report_make(d->config, &d->outcome.facts, &d->outcome.npt, d->outcome.selections,
			cycles_health(d->cycles), clock_us(CLOCK_REALTIME), &report) < 0)
		return;
	report.trouble = trouble(d);
	report_done(&d->report);
	d->report = report;
	daemon_write_report(d, HEALTH_PATH);
}

/* The line that systemctl shows. */
void daemon_tell_status(struct daemon *d)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	report_print_summary(&d->report, f);
	if (fclose(f) == 0)
		sd_notifyf(0, "STATUS=%s", text);
}

/* Who waits for us wants what is yet to be heard from networkd and OPNsense in place as well. */
static bool is_settled(const struct daemon *d)
{
	return networkd_watch_is_settled(d->networkd) &&
	       (!d->outcome.router6_unsure || d->outcome.facts.router6_linklocal.family);
}

void daemon_tell_ready(struct daemon *d)
{
	uint64_t now = 0;

	if (d->ready)
		return;
	sd_event_now(d->event, CLOCK_MONOTONIC, &now);
	if (d->started_us == 0)
		d->started_us = now;
	if (is_settled(d) || now >= d->started_us + READY_US) {
		d->ready = true;
		sd_notify(0, "READY=1");
	} else {
		runner_request_in(d->runner, d->started_us + READY_US - now);
	}
}

/* What --status says of it; owned by the caller, NULL without memory. */
static char *reason(const struct daemon *d, size_t wan, enum family family)
{
	const struct wan_health *health = &cycles_health(d->cycles)[wan];
	const struct trouble_view view = {
		.config = d->config,
		.facts = &d->outcome.facts,
		.npt = &d->outcome.npt,
		.wan = wan,
		.family = family,
		.health = &health->state[family],
		.probes = health->probes[family],
	};
	char *text = NULL;

	if (d->outcome.facts.wans)
		trouble_describe(&view, &text);
	return text;
}

static void on_changed(size_t wan, enum family family, enum verdict old, void *arg)
{
	struct daemon *d = arg;
	const struct wan_conf *conf = &d->config->wans[wan];
	const struct health_state *health = &cycles_health(d->cycles)[wan].state[family];
	_cleanup_(freep) char *why = reason(d, wan, family);

	if (health->state == VERDICT_DOWN)
		log_event(LOG_WARNING, "wan-down",
			  "wan=%s family=%s was=%s failures=%u is down: %s", conf->name,
			  family_word(family), verdict_name(old), health->failures,
			  why ? why : "no reason known");
	else
		log_event(LOG_NOTICE, "wan-up", "wan=%s family=%s was=%s successes=%u is up",
			  conf->name, family_word(family), verdict_name(old), health->successes);
	notify_transition(d->notify, conf->name, family, old, health->state);
	d->decided = true;
	runner_request_now(d->runner);
}

static void on_over(void *arg)
{
	struct daemon *d = arg;

	/* Between a decision and its run, what new flows choose is not what it will be. */
	if (!d->decided || d->fault.text[0])
		daemon_make_report(d);
}

const struct cycles_handlers daemon_cycles_handlers = { on_changed, on_over };
