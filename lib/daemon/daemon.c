// SPDX-License-Identifier: GPL-2.0-or-later
// The health daemon: its events, and its life from start to end.
// One sd-event loop; each event that matters asks the schedule for a run.

#include "daemon/daemon.h"

#include "base/fileio.h"
#include "base/lock.h"
#include "base/log.h"
#include "daemon/state.h"
#include "kernel/conntrack.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static void on_kernel(enum watch_change change, void *arg)
{
	static const enum cause causes[] = {
		[CHANGE_ROUTE] = CAUSE_ROUTE,	  [CHANGE_NEIGHBOUR] = CAUSE_NEIGHBOUR,
		[CHANGE_OURS] = CAUSE_OURS,	  [CHANGE_NFT] = CAUSE_NFT,
		[CHANGE_GATEWAY] = CAUSE_GATEWAY, [CHANGE_LINK] = CAUSE_LINK,
	};
	struct daemon *d = arg;

	d->moved |= change == CHANGE_LINK;
	daemon_request(d, causes[change], change >= CHANGE_GATEWAY ? PACE_LOSS : PACE_EVENT);
}

static bool concerns(unsigned ifindex, const char *name, void *arg)
{
	struct daemon *d = arg;
	const struct management *management = &d->outcome.site.facts.management;

	for (size_t i = 0; i < d->config->n_directs; i++)
		if (strcmp(name, d->config->directs[i].interface) == 0 ||
		    strcmp(name, d->config->directs[i].written) == 0)
			return true;
	return (*name && (management->index == ifindex || management_has(management, name))) ||
	       strcmp(name, d->config->lan.written) == 0 ||
	       config_wan_by_interface(d->config, name) || !d->outcome.site.facts.wans ||
	       facts_link(&d->outcome.site.facts, ifindex);
}

static bool is_own(uint32_t generation, void *arg)
{
	struct daemon *d = arg;

	return d->outcome.site.facts.wans && generation == d->outcome.generation;
}

/* A run is to come, but flows must not go on until then with an address that has gone. */
static void address_gone(unsigned ifindex, struct addr addr, void *arg)
{
	struct daemon *d = arg;
	enum family family = family_of_af(addr.family);

	for (size_t i = 0; d->outcome.site.facts.wans && i < d->config->n_wans; i++)
		if (d->outcome.site.facts.wans[i].link.link.index == ifindex && d->kernel.nfnl &&
		    wan_may_masquerade(&d->config->wans[i], family))
			conntrack_forget(d->kernel.nfnl, d->config->wans[i].mark, addr);
}

static const struct watch_handlers watch_handlers = {
	.changed = on_kernel,
	.address_gone = address_gone,
	.concerns = concerns,
	.concerns_neighbour = daemon_concerns_neighbour,
	.is_own = is_own,
};

static void on_networkd(void *arg)
{
	struct daemon *d = arg;

	daemon_request(d, CAUSE_NETWORKD, PACE_LOSS);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *d = arg;

	d->reload = true;
	networkd_watch_ask(d->networkd);
	daemon_request(d, CAUSE_CONFIG, PACE_NOW);
	return 0;
}

static int on_nft_idle(sd_event_source *source, uint64_t when, void *arg)
{
	struct daemon *d = arg;
	struct fault fault = {};

	/* When a WAN is lost, there is no time for this. If it fails, the next run does it. */
	if (d->kernel.nft && nft_renew(d->kernel.nft, &fault) < 0)
		log_event(LOG_DEBUG, EVENT_STEP, NULL, "%s", fault.text);
	malloc_trim(0);
	return 0;
}

static int on_prefix_end(sd_event_source *source, uint64_t when, void *arg)
{
	struct daemon *d = arg;

	daemon_request(d, CAUSE_PREFIX_END, PACE_NOW);
	return 0;
}

static void daemon_done(struct daemon *d)
{
	announcer_free(d->announcer);
	notify_free(d->notify);
	networkd_watch_free(d->networkd);
	watch_free(d->watch);
	cycles_free(d->cycles);
	schedule_free(d->schedule);
	sd_event_source_disable_unref(d->removals[0]);
	sd_event_source_disable_unref(d->removals[1]);
	sd_event_source_unref(d->watchdog);
	sd_event_source_unref(d->nft_idle);
	sd_event_source_unref(d->prefix_end);
	sd_event_unref(d->event);
	outcome_done(&d->outcome);
	conflicts_done(&d->conflicts);
	routers_done(&d->routers);
	report_done(&d->report);
	kernel_close(&d->kernel);
	config_free(d->config);
	config_file_done(&d->file);
	free(d->flush);
	free(d->losses);
	free(d->holds);
	free(d->tiers);
	released_flows_done(&d->released);
	drains_done(&d->drains);
	free(d->missing);
	lock_release(&d->place);
}

/* Goes on where the last daemon ended; after a reboot, from what was kept on disk. */
static int recall(struct daemon *d)
{
	static const char *const paths[] = { HEALTH_PATH, HEALTH_KEPT_PATH };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct fault fault = {};
		int r = report_read(paths[i], &d->report, &fault);

		if (r == 0 || r == -ENOMEM)
			return r;
		if (r != -ENOENT)
			log_event(LOG_WARNING, EVENT_REPORT_UNREADABLE, NULL, "%s; ignored",
				  fault.text);
	}
	return 0;
}

static int set_up_loop(struct daemon *d)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	r = sd_event_default(&d->event);
	if (r >= 0)
		r = daemon_start_watchdog(d);
	if (r >= 0)
		r = sd_event_set_signal_exit(d->event, 1);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	if (r >= 0)
		r = sd_event_add_time(d->event, &d->nft_idle, CLOCK_MONOTONIC, UINT64_MAX, 0,
				      on_nft_idle, d);
	if (r >= 0)
		r = sd_event_add_time(d->event, &d->prefix_end, CLOCK_BOOTTIME, UINT64_MAX, 1,
				      on_prefix_end, d);
	if (r >= 0)
		r = schedule_new(d->event, daemon_on_run, d, &d->schedule);
	if (r >= 0)
		r = notify_new(d->event, &d->notify);
	if (r >= 0)
		r = announcer_new(d->event, &d->announcer);
	if (r >= 0)
		r = networkd_watch_new(d->event, on_networkd, d, &d->networkd);
	return r;
}

static int start(struct daemon *d, bool *bad_config, struct fault *fault)
{
	int r;

	r = set_up_loop(d);
	if (r >= 0)
		r = recall(d);
	if (r < 0)
		return r;
	r = daemon_load(d, true, fault);
	if (r < 0) {
		*bad_config = true;
		return r;
	}
	/* Starts it in quiet times, not when every millisecond counts. */
	r = nft_open(&d->kernel.nft, fault);
	if (r == 0)
		r = watch_new(d->event, &watch_handlers, d, &d->watch, fault);
	return r;
}

int daemon_run(const char *config_path, bool *bad_config, struct fault *fault)
{
	_cleanup_(daemon_done) struct daemon d = { .file.path = config_path, .place = LOCK_NONE };
	struct fault held = {};
	int r = daemon_lock(&d.place, &held);

	if (r == -EWOULDBLOCK)
		return fault_set(fault, -EBUSY,
				 "health-check --daemon runs already: see `systemctl status "
				 "mwan-health`");
	if (r < 0)
		return fault_set(fault, r, "%s", held.text);
	r = start(&d, bad_config, fault);
	if (r < 0)
		return r;

	r = sd_event_loop(d.event);
	sd_notify(0, "STOPPING=1");
	daemon_make_report(&d);
	if (d.outcome.site.facts.wans)
		daemon_write_report(&d, HEALTH_KEPT_PATH);
	return r < 0 ? fault_set(fault, r, "the event loop: %s", strerror(-r)) : 0;
}
