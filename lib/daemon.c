#include "daemon.h"

#include "daemon_state.h"
#include "fileio.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>

#define LOCK_PATH RUN_DIR "/health.lock"

/* ---- events ---- */

static void on_kernel(bool moved, void *arg)
{
	struct daemon *d = arg;

	d->moved |= moved;
	runner_request(d->runner);
}

static bool concerns(unsigned ifindex, const char *name, void *arg)
{
	struct daemon *d = arg;

	if (strcmp(name, d->config->lan.interface) == 0 ||
	    config_wan_by_interface(d->config, name) || !d->outcome.facts.wans ||
	    d->outcome.facts.lan.link.index == ifindex)
		return true;
	for (size_t i = 0; i < d->config->n_wans; i++)
		if (d->outcome.facts.wans[i].link.link.index == ifindex)
			return true;
	return false;
}

/* OPNsense's addresses, and any link-local one that may be its: another machine has come. */
static bool concerns_neighbour(unsigned ifindex, struct addr addr, void *arg)
{
	struct daemon *d = arg;
	const struct config *config = d->config;

	return d->outcome.facts.wans && ifindex == d->outcome.facts.lan.link.index &&
	       config->lan.prefix6.len > 0 && !config->lan.router6_linklocal.family &&
	       (addr_is_linklocal(addr) || addr_cmp(addr, config->lan.router4) == 0 ||
		addr_cmp(addr, config->lan.router6) == 0);
}

static bool is_own(uint32_t generation, void *arg)
{
	struct daemon *d = arg;

	return d->outcome.facts.wans && generation == d->outcome.generation;
}

static const struct watch_handlers watch_handlers = { on_kernel, concerns, concerns_neighbour,
						      is_own };

static void on_networkd(void *arg)
{
	struct daemon *d = arg;

	runner_request(d->runner);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *d = arg;

	d->reload = true;
	networkd_watch_ask(d->networkd);
	runner_request_now(d->runner);
	return 0;
}

static int on_nft_idle(sd_event_source *source, uint64_t when, void *arg)
{
	struct daemon *d = arg;

	nft_close(d->kernel.nft);
	d->kernel.nft = NULL;
	malloc_trim(0);
	return 0;
}

/* ---- life ---- */

static void daemon_done(struct daemon *d)
{
	notify_free(d->notify);
	networkd_watch_free(d->networkd);
	watch_free(d->watch);
	cycles_free(d->cycles);
	runner_free(d->runner);
	sd_event_source_unref(d->nft_idle);
	sd_event_unref(d->event);
	outcome_done(&d->outcome);
	report_done(&d->report);
	kernel_close(&d->kernel);
	config_free(d->config);
	free(d->lost);
}

/* A restart goes on where the last one ended; after a reboot, from what was kept on disk. */
static int recall(struct daemon *d)
{
	static const char *const paths[] = { HEALTH_PATH, HEALTH_KEPT_PATH };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct fault fault = {};
		int r = report_read(paths[i], &d->report, &fault);

		if (r == 0 || r == -ENOMEM)
			return r;
		if (r != -ENOENT)
			log_event(LOG_WARNING, "health-file", "%s; passed over", fault.text);
	}
	return 0;
}

static int block_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

/* libnftables is loaded in quiet times, not when every millisecond counts. */
static int warm_up(struct daemon *d, struct fault *fault)
{
	return nft_open(&d->kernel.nft, fault);
}

static int set_up_loop(struct daemon *d)
{
	int r;

	r = block_signals();
	if (r >= 0)
		r = sd_event_default(&d->event);
	if (r >= 0)
		r = sd_event_set_watchdog(d->event, 1);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	if (r >= 0)
		r = sd_event_add_time(d->event, &d->nft_idle, CLOCK_MONOTONIC, UINT64_MAX, 0,
				      on_nft_idle, d);
	if (r >= 0)
		r = runner_new(d->event, daemon_on_run, d, &d->runner);
	if (r >= 0)
		r = notify_new(d->event, &d->notify);
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
	r = warm_up(d, fault);
	if (r == 0)
		r = watch_new(d->event, &watch_handlers, d, &d->watch, fault);
	return r;
}

/* Holds the place of the only daemon until the process ends. */
static int take_place(struct fault *fault)
{
	int fd = file_lock(LOCK_PATH, false, fault);

	if (fd == -EWOULDBLOCK)
		return fault_set(fault, -EBUSY,
				 "health-check --daemon runs already: see `systemctl status "
				 "mwan-health`");
	return fd;
}

bool daemon_is_running(void)
{
	_cleanup_(closep) int fd = open(LOCK_PATH, O_RDONLY | O_CLOEXEC);

	/* Who may not know takes the state's age for an answer. */
	if (fd < 0)
		return errno == EACCES;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int daemon_run(const char *config_path, bool *bad_config, struct fault *fault)
{
	_cleanup_(daemon_done) struct daemon d = { .file.path = config_path };
	_cleanup_(closep) int place = -1;
	int r;

	place = take_place(fault);
	if (place < 0)
		return place;
	r = start(&d, bad_config, fault);
	if (r < 0)
		return r;

	r = sd_event_loop(d.event);
	sd_notify(0, "STOPPING=1");
	daemon_make_report(&d);
	if (d.outcome.facts.wans)
		daemon_write_report(&d, HEALTH_KEPT_PATH);
	return r < 0 ? fault_set(fault, r, "the event loop: %s", strerror(-r)) : 0;
}
