#include "daemon.h"

#include "config_file.h"
#include "conntrack.h"
#include "cycles.h"
#include "fileio.h"
#include "log.h"
#include "lost.h"
#include "networkd_watch.h"
#include "notify.h"
#include "reconcile.h"
#include "report_show.h"
#include "runner.h"
#include "trouble.h"
#include "verdicts.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>

#define LOCK_PATH RUN_DIR "/health.lock"
/* OPNsense is asked for its link-local address again, less and less often. */
#define ROUTER6_FIRST_US 50000
#define ROUTER6_LAST_US 10000000
/* After so many questions, some 3 seconds, its silence is said. */
#define ROUTER6_PATIENCE 6
/* How long others may take to answer before we call ourselves ready without them. */
#define READY_US 1000000
/* For our turn. */
#define PATIENCE_US 2000000
/* libnftables keeps megabytes; a storm is over by then. */
#define NFT_IDLE_US 5000000

struct daemon {
	struct config_file file;
	struct config *config; /* owned; what it is made of points to it */
	bool reload;	       /* somebody asks for it */
	struct fault refused;  /* why the last version of it was; empty: it was not */

	sd_event *event;
	sd_event_source *nft_idle;
	struct runner *runner;
	struct watch *watch;
	struct networkd_watch *networkd;
	struct notify *notify;
	struct cycles *cycles;

	struct kernel kernel;
	struct outcome outcome;		 /* of the last run; facts.wans NULL: none yet */
	struct lost (*lost)[N_FAMILIES]; /* owned; by the WAN's index */
	struct report report;	/* the last one; at first, what was kept of an earlier daemon */
	struct fault fault;	/* what the last run failed of */
	struct fault unwritten; /* the last error of writing the report */
	bool moved;		/* links or addresses, since the last run */
	bool decided;		/* a verdict, since the last run */
	bool ready;		/* and our manager knows */
	uint64_t waits_us;	/* since when it is somebody else's turn; 0: it is not */
	uint64_t started_us;	/* the first run's end */
	unsigned router6_tries; /* in a row, in vain */
};

/* ---- telling ---- */

/* Each cycle writes; what it can't, it says once. */
static void write_report(struct daemon *d, const char *path)
{
	struct fault fault = {};

	if (report_write(&d->report, path, &fault) < 0 &&
	    strcmp(fault.text, d->unwritten.text) != 0) {
		log_event(LOG_ERR, "health-file", "%s", fault.text);
		d->unwritten = fault;
	}
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

static void make_report(struct daemon *d)
{
	struct report report = {};

	if (!d->outcome.facts.wans ||
	    report_make(d->config, &d->outcome.facts, &d->outcome.npt, d->outcome.selections,
			cycles_health(d->cycles), clock_us(CLOCK_REALTIME), &report) < 0)
		return;
	report.trouble = trouble(d);
	report_done(&d->report);
	d->report = report;
	write_report(d, HEALTH_PATH);
}

/* The line that systemctl shows. */
static void tell_status(struct daemon *d)
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

static void tell_ready(struct daemon *d)
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
		make_report(d);
}

static const struct cycles_handlers cycles_handlers = { on_changed, on_over };

/* ---- configuration ---- */

/* Puts all that is made of the configuration on the new one and owns it, or leaves all as it was.
 */
static int adopt(struct daemon *d, struct config *config, struct fault *fault)
{
	_cleanup_(freep) struct lost(*lost)[N_FAMILIES] = calloc(config->n_wans, sizeof(*lost));
	struct cycles *cycles = NULL;
	int r;

	if (!lost)
		return -ENOMEM;
	r = cycles_new(d->event, config, &d->report, &cycles_handlers, d, &cycles, fault);
	if (r < 0)
		return r;
	/* Verdicts go on by the WANs' names; the rest is of indexes that have changed. */
	outcome_done(&d->outcome);
	cycles_free(d->cycles);
	config_free(d->config);
	free(d->lost);
	d->cycles = cycles;
	d->config = config;
	d->lost = TAKE(lost);
	notify_set_command(d->notify, d->config->notify_command);
	log_debug_file(d->config->debug_logging ? DEBUG_LOG_PATH : NULL);
	return 0;
}

/* 1 when there is a new one, 0, or a negative errno with a fault. */
static int load(struct daemon *d, bool asked, struct fault *fault)
{
	struct config *config = NULL;
	int r = config_file_load(&d->file, asked, &config, fault);

	if (r <= 0)
		return r;
	/* The last word on each WAN goes along. */
	if (d->cycles)
		make_report(d);
	r = adopt(d, config, fault);
	if (r < 0)
		config_free(config);
	return r < 0 ? r : 1;
}

/* What can't be used is refused: the old one stays. */
static void load_again(struct daemon *d)
{
	struct fault fault = {};
	int r = load(d, d->reload, &fault);

	if (r > 0)
		log_event(LOG_NOTICE, "config", "%s: read again", d->file.path);
	else if (r == 0 && d->reload)
		log_event(LOG_NOTICE, "config", "%s: nothing new", d->file.path);
	else if (r < 0)
		log_event(LOG_ERR, "config", "%s; the old configuration stays in force",
			  fault.text[0] ? fault.text : strerror(-r));
	if (r != 0)
		d->refused = fault;
	d->reload = false;
}

/* ---- before a run ---- */

/* By the WAN's index. 0 or a negative errno. */
static int hear(struct daemon *d, struct delegation_word *news, struct fault *fault)
{
	_cleanup_(npt_state_done) struct npt_state kept = {};
	int r = npt_state_read(d->config, &kept, fault);

	for (size_t i = 0; r == 0 && i < d->config->n_wans; i++)
		news[i] = networkd_watch_news(d->networkd,
					      if_nametoindex(d->config->wans[i].interface),
					      kept.delegated[i], d->config->lan.prefix6.len);
	return r;
}

static void heed(struct daemon *d, const struct delegation_word *news)
{
	for (size_t i = 0; i < d->config->n_wans; i++)
		networkd_watch_heed(d->networkd, d->outcome.facts.wans[i].link.link.index, news[i]);
}

static int collect_verdicts(struct daemon *d, struct verdicts *ret)
{
	const struct wan_health *health = cycles_health(d->cycles);

	ret->v = calloc(d->config->n_wans, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < d->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			ret->v[i][family] = health[i].state[family].state;
	return 0;
}

/* ---- after a run ---- */

static void set_links(struct daemon *d)
{
	_cleanup_(freep) unsigned *indexes = calloc(d->config->n_wans, sizeof(unsigned));

	for (size_t i = 0; indexes && i < d->config->n_wans; i++)
		if (!d->config->wans[i].fixed6 && d->config->lan.prefix6.len > 0)
			indexes[i] = d->outcome.facts.wans[i].link.link.index;
	if (indexes)
		networkd_watch_links(d->networkd, indexes, d->config->n_wans);
}

static void tell_links_back(struct daemon *d, const struct facts *before)
{
	for (size_t i = 0; before->wans && i < d->config->n_wans; i++)
		if (!before->wans[i].link.carrier && d->outcome.facts.wans[i].link.carrier)
			log_event(LOG_NOTICE, "link-up", "wan=%s %s has carrier",
				  d->config->wans[i].name, d->config->wans[i].interface);
}

static void flush_flows(struct daemon *d, size_t wan, enum family family)
{
	const struct wan_conf *conf = &d->config->wans[wan];
	struct fault fault = {};
	int r = conntrack_flush(d->kernel.nfnl, conf->mark, family, &fault);

	if (r < 0)
		d->lost[wan][family].flushed = false;
	else
		log_event(LOG_NOTICE, "flush", "wan=%s family=%s flows removed", conf->name,
			  family_word(family));
	log_outcome(r, &fault);
}

/* Only after the kernel has the new selection: flows would come back to where they were. */
static void give_up_lost_flows(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), again_us = UINT64_MAX;

	for (size_t i = 0; i < d->config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct selection *selection = &d->outcome.selections[family];
			const struct health_state *health =
				&cycles_health(d->cycles)[i].state[family];
			struct lost_view view = {
				.carrier = d->outcome.facts.wans[i].link.carrier,
				.usable = selection->usable[i],
				.condemned = d->config->wans[i].flush_down &&
					     health->state == VERDICT_DOWN,
				.replaced = !selection->eligible[i] && selection->best,
			};

			if (lost_step(&d->lost[i][family], &view, now_us, &again_us))
				flush_flows(d, i, family);
		}
	}
	if (again_us != UINT64_MAX)
		runner_request_in(d->runner, again_us - now_us);
}

/* The kernel may have learnt it by the next run. */
static void ask_router6_again(struct daemon *d)
{
	uint64_t delay_us = ROUTER6_FIRST_US << (d->router6_tries < 10 ? d->router6_tries : 10);

	d->router6_tries = d->outcome.router6_unsure ? d->router6_tries + 1 : 0;
	if (d->router6_tries == 0)
		return;
	if (d->router6_tries >= ROUTER6_PATIENCE && !d->outcome.facts.router6_linklocal.family)
		log_event(LOG_WARNING, "lan", "nobody answers for router6_linklocal on %s",
			  d->config->lan.interface);
	runner_request_in(d->runner, delay_us < ROUTER6_LAST_US ? delay_us : ROUTER6_LAST_US);
}

static void after_run(struct daemon *d, const struct facts *before)
{
	ask_router6_again(d);
	watch_set_own_port(d->watch, nl_socket_get_local_port(d->kernel.sk));
	set_links(d);
	cycles_set_paths(d->cycles, &d->outcome.facts, &d->outcome.npt, d->moved);
	d->moved = false;
	cycles_start(d->cycles);
	tell_links_back(d, before);
	if (d->outcome.in_force)
		give_up_lost_flows(d);
	make_report(d);
	if (d->decided)
		write_report(d, HEALTH_KEPT_PATH);
	d->decided = false;
	if (d->kernel.nft) {
		sd_event_source_set_time_relative(d->nft_idle, NFT_IDLE_US);
		sd_event_source_set_enabled(d->nft_idle, SD_EVENT_ONESHOT);
	}
}

/* ---- a run ---- */

static int run_once(struct daemon *d, struct fault *fault)
{
	_cleanup_(freep) struct delegation_word *news = calloc(d->config->n_wans, sizeof(*news));
	_cleanup_(facts_done) struct facts before = {};
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	struct reconcile request = { .npt.heard = news, .verdicts = &verdicts };
	int r;

	if (!news || collect_verdicts(d, &verdicts) < 0)
		return -ENOMEM;
	r = hear(d, news, fault);
	if (r < 0)
		return r;
	before = TAKE(d->outcome.facts);
	r = reconcile(d->config, &request, &d->kernel, &d->outcome, fault);
	d->fault = r < 0 && !d->outcome.in_force ? *fault : (struct fault){};
	if (!d->outcome.facts.wans) {
		d->outcome.facts = TAKE(before);
		d->fault = *fault;
		return r;
	}
	if (r >= 0)
		heed(d, news);
	after_run(d, &before);
	return r;
}

/* A program that hangs while it has the lock keeps us from acting, which has to be known. */
static void wait_for_turn(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC);

	if (d->waits_us == 0)
		d->waits_us = now_us;
	if (now_us < d->waits_us + PATIENCE_US || d->fault.text[0])
		return;
	fault_set(
		&d->fault, -EBUSY,
		"somebody has held %s/lock for %d s, and nothing can be done meanwhile: see `fuser "
		"%s/lock`",
		RUN_DIR, PATIENCE_US / 1000000, RUN_DIR);
	log_event(LOG_WARNING, "lock", "%s", d->fault.text);
	make_report(d);
	tell_status(d);
}

static enum runner_result on_run(void *arg)
{
	struct daemon *d = arg;
	_cleanup_(closep) int lock = -1;
	struct fault fault = {};
	int r;

	lock = run_lock(false, &fault);
	if (lock == -EWOULDBLOCK) {
		wait_for_turn(d);
		return RUNNER_BUSY;
	}
	d->waits_us = 0;
	load_again(d);
	log_round_begin();
	r = lock < 0 ? lock : run_once(d, &fault);
	log_outcome(r, &fault);
	log_round_end();
	tell_status(d);
	tell_ready(d);
	return r < 0 ? RUNNER_FAILED : RUNNER_DONE;
}

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
		r = runner_new(d->event, on_run, d, &d->runner);
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
	r = load(d, true, fault);
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
	make_report(&d);
	if (d.outcome.facts.wans)
		write_report(&d, HEALTH_KEPT_PATH);
	return r < 0 ? fault_set(fault, r, "the event loop: %s", strerror(-r)) : 0;
}
