// SPDX-License-Identifier: GPL-2.0-or-later
// One run of the daemon: reads what is new, reconciles, and follows up.
// Takes the programs' lock without waiting for it; a run that has to wait is scheduled again.

#include "daemon/state.h"

#include "base/duration.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/paths.h"
#include "reconcile/sources.h"

#include <errno.h>
#include <string.h>

/* How often OPNsense is asked again for its link-local address: less and less often. */
#define ROUTER6_FIRST_US 50000
#define ROUTER6_LAST_US 10000000
/* How long somebody may hold the lock before we warn. */
#define PATIENCE_US 2000000
/* A configuration that could not be read, for lack of something. */
#define READ_AGAIN_US 1000000
/* A ruleset that is mended by hand is noticed within 2 s. */
#define UNPROTECTED_US 1000000
/* libnftables keeps megabytes. It ends after so long without a run: a storm is over by then. */
#define NFT_IDLE_US 5000000

/* Makes everything anew of the configuration and owns it, or leaves everything as it was. */
static int adopt(struct daemon *d, struct config *config, struct fault *fault)
{
	_cleanup_(freep) struct flush(*flush)[N_FAMILIES] = calloc(config->n_wans, sizeof(*flush));
	_cleanup_(freep) struct wan_losses *losses = NULL;
	_cleanup_(freep) struct hold(*holds)[N_FAMILIES] = NULL;
	_cleanup_(freep) uint32_t(*tiers)[N_FAMILIES] = NULL;
	_cleanup_(freep) struct missing *missing = calloc(config->n_wans, sizeof(*missing));
	struct cycles *cycles = NULL;
	int r;

	if (!flush || !missing || daemon_recall_losses(&d->report, config, &losses) < 0 ||
	    daemon_recall_holds(&d->report, config, &holds) < 0 ||
	    daemon_recall_tiers(&d->report, config, &tiers) < 0)
		return -ENOMEM;
	r = cycles_new(d->event, config, &d->report, &daemon_cycles_handlers, d, &cycles, fault);
	if (r < 0)
		return r;
	/* Verdicts go on by the WANs' names. Everything else is by index, and indexes change. */
	outcome_done(&d->outcome);
	conflicts_done(&d->conflicts);
	routers_done(&d->routers);
	cycles_free(d->cycles);
	config_free(d->config);
	free(d->flush);
	free(d->losses);
	free(d->holds);
	free(d->tiers);
	free(d->missing);
	d->cycles = cycles;
	d->config = config;
	d->flush = TAKE(flush);
	d->losses = TAKE(losses);
	d->holds = TAKE(holds);
	d->tiers = TAKE(tiers);
	d->missing = TAKE(missing);
	announcer_look(d->announcer, d->config); /* its links may be others */
	notify_set_command(d->notify, d->config->notify_command);
	log_debug_file(d->config->debug_logging);
	/* Without memory for it, a router gets one more chance. */
	(void)daemon_recall_routers(d);
	return 0;
}

int daemon_load(struct daemon *d, bool asked, struct fault *fault)
{
	struct config *config = NULL;
	int r = config_file_load(&d->file, asked, &config, fault);

	if (r <= 0)
		return r;
	/* Take the last verdicts along. */
	if (d->cycles)
		daemon_make_report(d);
	r = adopt(d, config, fault);
	if (r < 0)
		config_free(config);
	if (fault_is_machines(r))
		config_file_done(&d->file); /* it is not in force: read it again */
	return r < 0 ? r : 1;
}

/*
 * Reads the configuration again; keeps the old one where the new one can't be used. 0; -ENOMEM: has
 * to be done again.
 */
static int load_again(struct daemon *d)
{
	struct fault fault = {};
	int r = daemon_load(d, d->reload, &fault);

	if (r == -ENOMEM)
		return r;
	/* The old one has to be kept in force meanwhile. */
	if (fault_is_machines(r)) {
		log_event(LOG_ERR, EVENT_CONFIG_REFUSED, NULL, "%s; read again in a second",
			  fault.text[0] ? fault.text : strerror(-r));
		d->reload = true;
		schedule_request_in(d->schedule, READ_AGAIN_US);
		return 0;
	}
	if (r > 0)
		d->causes |= 1U << CAUSE_CONFIG;
	if (r > 0)
		log_event(LOG_NOTICE, EVENT_CONFIG_READ, NULL, "%s: read again", d->file.path);
	else if (r == 0 && d->reload)
		log_event(LOG_NOTICE, EVENT_CONFIG_READ, NULL, "%s: nothing new", d->file.path);
	else if (r < 0)
		log_event(LOG_ERR, EVENT_CONFIG_REFUSED, NULL,
			  "%s; the old configuration stays in force",
			  fault.text[0] ? fault.text : strerror(-r));
	if (r != 0)
		d->refused = fault;
	d->reload = false;
	return 0;
}

static struct delegation find_watched(void *watch, unsigned ifindex, struct delegation in_use,
				      unsigned max_len)
{
	return networkd_watch_news(watch, ifindex, in_use, max_len);
}

static int set_links(struct daemon *d)
{
	_cleanup_(freep) unsigned *indexes = calloc(d->config->n_wans, sizeof(unsigned));

	if (!indexes)
		return -ENOMEM;
	for (size_t i = 0; i < d->config->n_wans; i++)
		if (!d->config->wans[i].fixed6 && d->config->lan.prefix6.len > 0)
			indexes[i] = d->outcome.site.facts.wans[i].link.link.index;
	return networkd_watch_links(d->networkd, indexes, d->config->n_wans);
}

/* By the next run, the kernel may have learnt the link-local address that it asked for. */
static void ask_router6_again(struct daemon *d)
{
	uint64_t delay_us = ROUTER6_FIRST_US << (d->router6_tries < 10 ? d->router6_tries : 10);

	d->router6_tries = d->outcome.router6_unsure ? d->router6_tries + 1 : 0;
	if (d->router6_tries == 0)
		return;
	schedule_request_in(d->schedule, delay_us < ROUTER6_LAST_US ? delay_us : ROUTER6_LAST_US);
}

/* 0 or -ENOMEM: not all that follows from the run is done. */
static int after_run(struct daemon *d, const struct site *before)
{
	int r, links, losses;

	ask_router6_again(d);
	daemon_judge_lan(d, &before->facts);
	watch_set_own_port(d->watch, nl_socket_get_local_port(d->kernel.sk));
	links = set_links(d);
	cycles_set_paths(d->cycles, &d->outcome.site, d->moved);
	if (d->moved || d->outcome.added.n > 0)
		announcer_look(d->announcer, d->config);
	d->moved = false;
	cycles_start(d->cycles);
	daemon_ask_for_missing(d);
	losses = daemon_follow_losses(d, before);
	if (losses == 0)
		losses = daemon_review_routers(d, before);
	daemon_follow_holds(d);
	/* Once the kernel has the new selection: else flows would begin on the same WAN again. */
	if (d->outcome.in_force)
		daemon_flush_flows(d);
	r = daemon_make_report(d);
	if (d->decided || d->unkept)
		daemon_write_report(d, HEALTH_KEPT_PATH);
	d->decided = d->unkept = false;
	if (d->kernel.nft) {
		sd_event_source_set_time_relative(d->nft_idle, NFT_IDLE_US);
		sd_event_source_set_enabled(d->nft_idle, SD_EVENT_ONESHOT);
	}
	return r < 0 ? r : losses < 0 ? losses : links;
}

static void log_why(struct daemon *d)
{
	const struct changes *changes = &d->outcome.changes;
	_cleanup_(freep) char *why = changes_are_none(changes) ? NULL : daemon_causes(d);

	changes_log(changes, why);
	d->causes = 0;
}

static int run_once(struct daemon *d, struct fault *fault)
{
	const struct prefix_source watched = { find_watched, d->networkd };
	_cleanup_(prefix_sources_close) struct prefix_sources sources = {};
	_cleanup_(site_done) struct site before = {};
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	_cleanup_(freep) bool(*awaited)[N_FAMILIES] = calloc(d->config->n_wans, sizeof(*awaited));
	struct reconcile request = { .verdicts = &verdicts };
	int r, after;

	if (!awaited || prefix_sources_open(&watched, &sources) < 0 ||
	    wan_health_verdicts(cycles_health(d->cycles), d->config->n_wans, &verdicts) < 0 ||
	    daemon_set_aside(d, &verdicts) < 0 ||
	    routers_avoided(&d->routers, &verdicts.avoided) < 0)
		return fault_set(&d->fault, -ENOMEM, "%s", strerror(ENOMEM));
	request.prefixes.sources = sources.v;
	request.prefixes.n_sources = sources.n;
	for (size_t i = 0; i < d->config->n_wans * N_FAMILIES && daemon_awaits_us(d) > 0; i++)
		awaited[i / N_FAMILIES][i % N_FAMILIES] =
			!d->losses[i / N_FAMILIES].seen[i % N_FAMILIES];
	request.awaited = (struct awaited){ !d->lan_seen && daemon_awaits_us(d) > 0, awaited };
	daemon_look_at_lan(d);
	before = TAKE(d->outcome.site);
	r = reconcile(d->config, &request, &d->kernel, &d->outcome, fault);
	if (r < 0)
		fault_set(fault, r, "%s", strerror(-r));
	d->fault = r < 0 && !d->outcome.in_force ? *fault : (struct fault){};
	if (!d->outcome.site.facts.wans) {
		d->outcome.site = TAKE(before);
		d->fault = *fault;
		daemon_make_report(d);
		return r;
	}
	log_why(d);
	if (r >= 0)
		networkd_watch_applied(d->networkd);
	after = after_run(d, &before);
	return r < 0 ? r : after;
}

/* Warns when a program that hangs keeps the lock, for then nothing can be done. */
static void wait_for_turn(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC);

	if (d->waits_us == 0)
		d->waits_us = now_us;
	if (now_us < d->waits_us + PATIENCE_US || d->fault.text[0])
		return;
	fault_set(&d->fault, -EBUSY,
		  "a process has held %s/lock for %d s, and nothing can be done meanwhile: "
		  "`fuser -v %s/lock %s/lock` names it",
		  RUN_DIR, PATIENCE_US / 1000000, RUN_DIR, STATE_DIR);
	d->blocked = true;
	log_event(LOG_WARNING, EVENT_LOCK_HELD, NULL, "%s", d->fault.text);
	daemon_make_report(d);
	daemon_notify_status(d);
}

/* It is our turn. */
static void end_wait(struct daemon *d)
{
	uint64_t seconds = d->waits_us ? daemon_lasted(d->waits_us) : 0;

	if (d->blocked)
		log_event(LOG_NOTICE, EVENT_LOCK_FREE, FIELDS(log_seconds(seconds)),
			  RUN_DIR "/lock is free again%s", after_str(seconds).s);
	d->waits_us = 0;
	d->blocked = false;
}

/* The first failure and the first success are logged. */
static void log_result(struct daemon *d, int r, const struct fault *fault)
{
	log_outcome(r, fault);
	if (r < 0 && d->failed_us == 0)
		d->failed_us = clock_us(CLOCK_MONOTONIC);
	if (r >= 0 && d->failed_us > 0) {
		uint64_t seconds = daemon_lasted(d->failed_us);

		log_event(LOG_NOTICE, EVENT_RECOVERED, FIELDS(log_seconds(seconds)),
			  "runs succeed again%s", after_str(seconds).s);
		d->failed_us = 0;
	}
	d->result = r;
}

enum pace_result daemon_on_run(void *arg)
{
	struct daemon *d = arg;
	_cleanup_(lock_release) struct lock lock = LOCK_NONE;
	struct fault fault = {};
	int r, locked;

	daemon_keep_place(d);
	locked = run_lock(false, &lock, &fault);
	if (locked == -EWOULDBLOCK) {
		wait_for_turn(d);
		return PACE_BUSY;
	}
	end_wait(d);
	/* Our folder in /run was removed, and a sandbox keeps us from a new one: start again. */
	if (locked == -EROFS)
		sd_event_exit(d->event, locked);
	r = load_again(d);
	log_round_begin();
	if (r == 0)
		r = locked < 0 ? locked : run_once(d, &fault);
	if (r >= 0 && !d->file.refused)
		r = config_file_mark_read(&d->file, &fault);
	log_result(d, r, &fault);
	log_round_end();
	if (d->outcome.unprotected)
		schedule_request_in(d->schedule, UNPROTECTED_US);
	daemon_notify_status(d);
	daemon_notify_ready(d);
	daemon_feed_watchdog(d);
	return r < 0 ? PACE_FAILED : PACE_DONE;
}
