// SPDX-License-Identifier: GPL-2.0-or-later
// What update-routes and update-npt have in common: everything but their arguments.
// Takes its turn, reads the configuration, runs, and runs once more when OPNsense answers late.

#include "reconcile/update.h"

#include "base/lock.h"
#include "base/log.h"
#include "config/load.h"
#include "config/version.h"
#include "kernel/announce.h"
#include "reconcile/sources.h"
#include "reconcile/warnings.h"
#include "status/report.h"

#include <errno.h>
#include <string.h>

/* What one turn finds out for the next one. */
struct update_found {
	bool router6_unsure;
	struct addr router6;
};

/* The daemon awaits what is missing for a minute: no program is quieter than it. */
#define AWAITED_S 55

/* An address that comes or goes meanwhile interrupts a look. */
#define LOOKS 5

/* Tells the links of the addresses that the run has added. */
static int tell_links(struct nl_sock *sk, const struct config *config,
		      const struct object_set *added)
{
	_cleanup_(claims_done) struct claims claims = {};
	_cleanup_(closep) int fd = announce_open();
	size_t told = 0;
	int r = fd < 0 ? fd : -EAGAIN;

	for (int i = 0; i < LOOKS && r == -EAGAIN; i++)
		r = observe_claims(sk, config, &claims);
	for (size_t i = 0; i < added->n && r == 0; i++) {
		const struct object *object = &added->v[i];
		const struct claim *claim =
			claims_find(&claims, object->link.index, object->prefix.addr);

		if (!claim)
			continue;
		if (told++ % ANNOUNCE_BURST == ANNOUNCE_BURST - 1)
			usleep(ANNOUNCE_PAUSE_US);
		announce(fd, claim);
	}
	return r;
}

/* What the daemon has written into health.json: it is read once a run. */
struct update_known {
	struct verdicts verdicts;
	struct awaited awaited;
};

static void known_done(struct update_known *known)
{
	verdicts_done(&known->verdicts);
	free(known->awaited.wans);
}

/* The daemon takes care of what is missing for a short time only, and warns when it is time to. */
static int find_awaited(const struct report *report, const struct config *config,
			struct awaited *ret)
{
	uint64_t now_us = clock_us(CLOCK_REALTIME), begin = now_us / 1000000 - AWAITED_S;

	if (report_is_stale(report, now_us))
		return 0;
	ret->wans = calloc(config->n_wans, sizeof(*ret->wans));
	if (!ret->wans)
		return -ENOMEM;
	ret->lan = !report_lan_is_up(&report->lan) && report->lan.since > begin;
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_report *wan = report_wan(report, config->wans[i].name);

		for (enum family family = 0; wan && family < N_FAMILIES; family++)
			ret->wans[i][family] = wan->family[family].condition.out > begin;
	}
	return 0;
}

/* *ret is empty at first. 0 or -ENOMEM. */
static int find_known(const struct config *config, struct update_known *ret)
{
	_cleanup_(report_done) struct report report = {};
	int r = report_recall(&report);

	if (r == 0)
		r = report_verdicts(&report, config, &ret->verdicts);
	return r < 0 ? r : find_awaited(&report, config, &ret->awaited);
}

/* One run, with the configuration as it is then. Returns the exit status. */
static int turn(const struct cli *cli, update_arguments arguments, struct reconcile request,
		struct update_found *ret, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(prefix_sources_close) struct prefix_sources sources = {};
	_cleanup_(outcome_done) struct outcome outcome = {};
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(lock_release) struct lock lock = LOCK_NONE;
	_cleanup_(known_done) struct update_known known = {};
	struct fault unmarked = {};
	int told = 0, r;

	if (prefix_sources_open(NULL, &sources) < 0)
		return -ENOMEM;
	/* The daemon needs the lock at any time: don't wait for a networkd that hangs with it. */
	if (arguments)
		prefix_sources_wait(&sources);
	/* Take the turn first: another program may wait for its turn with a newer configuration. */
	if (request.mode != RECONCILE_LOOK) {
		r = run_lock(true, &lock, fault);
		if (r < 0)
			return r;
	}
	r = config_load(cli->config, &config, fault);
	if (r == 0 && arguments)
		r = arguments(cli, &config, &request, fault);
	if (r < 0)
		return cli_bad_input(r, fault);
	log_debug_file(config.debug_logging);
	/* The run matters more than whether the daemon learns which configuration it had. */
	if (request.mode == RECONCILE_APPLY && config_file_mark(&config, &unmarked) < 0)
		log_event(LOG_WARNING, EVENT_CONFIG_REFUSED, NULL, "%s", unmarked.text);

	r = find_known(&config, &known);
	if (r < 0)
		return r;
	request.verdicts = &known.verdicts;
	request.awaited = known.awaited;
	request.prefixes.sources = sources.v;
	request.prefixes.n_sources = sources.n;
	request.prefixes.ended = !arguments;
	r = reconcile(&config, &request, &kernel, &outcome, fault);
	if (request.mode == RECONCILE_PLAN && outcome.planned)
		plan_print(&outcome.plan, stdout);
	changes_log(&outcome.changes, NULL);
	/* Others may take their turn meanwhile. */
	lock_release(&lock);
	if (outcome.added.n > 0)
		told = tell_links(kernel.sk, &config, &outcome.added);
	if (told < 0)
		log_event(LOG_WARNING, EVENT_UNANNOUNCED, NULL, ANNOUNCE_FAILED, strerror(-told));
	if (r < 0)
		return r;
	ret->router6_unsure = outcome.router6_unsure;
	ret->router6 = outcome.site.facts.router6_linklocal;
	if (request.mode == RECONCILE_LOOK)
		warn_of_router6(&outcome.site, request.awaited.lan);
	else
		warn_of_lan(&outcome.site, request.awaited.lan, outcome.router6_unsure);
	return cli->check && r == RECONCILE_CHANGED ? EXIT_WOULD_CHANGE : EXIT_DONE;
}

int update_run(const struct cli *cli, update_arguments arguments, struct fault *fault)
{
	struct reconcile request = { .mode = RECONCILE_APPLY };
	struct update_found found = {};
	struct fault ignored = {};
	struct addr before;
	int status;

	/* OPNsense may be off, or boot as we do: it is waited for without the lock. */
	if (cli->dry_run) {
		request = (struct reconcile){ .mode = RECONCILE_LOOK, .wait = true };
		(void)turn(cli, arguments, request, &found, &ignored);
		request = (struct reconcile){ .mode = RECONCILE_PLAN, .router6 = found.router6 };
		return turn(cli, arguments, request, &found, fault);
	}
	status = turn(cli, arguments, request, &found, fault);
	if (status != EXIT_DONE || !found.router6_unsure)
		return status;

	before = found.router6;
	request = (struct reconcile){ .mode = RECONCILE_LOOK, .wait = true };
	status = turn(cli, arguments, request, &found, fault);
	if (status != EXIT_DONE || addr_cmp(before, found.router6) == 0)
		return status;
	request = (struct reconcile){ .mode = RECONCILE_APPLY, .router6 = found.router6 };
	return turn(cli, arguments, request, &found, fault);
}
