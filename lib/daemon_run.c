#include "daemon_state.h"

#include "conntrack.h"
#include "fileio.h"
#include "log.h"
#include "verdicts.h"

#include <errno.h>
#include <string.h>

/* OPNsense is asked for its link-local address again, less and less often. */
#define ROUTER6_FIRST_US 50000
#define ROUTER6_LAST_US 10000000
/* After so many questions, some 3 seconds, its silence is said. */
#define ROUTER6_PATIENCE 6
/* For our turn. */
#define PATIENCE_US 2000000
/* libnftables keeps megabytes; a storm is over by then. */
#define NFT_IDLE_US 5000000

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
	r = cycles_new(d->event, config, &d->report, &daemon_cycles_handlers, d, &cycles, fault);
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

int daemon_load(struct daemon *d, bool asked, struct fault *fault)
{
	struct config *config = NULL;
	int r = config_file_load(&d->file, asked, &config, fault);

	if (r <= 0)
		return r;
	/* The last word on each WAN goes along. */
	if (d->cycles)
		daemon_make_report(d);
	r = adopt(d, config, fault);
	if (r < 0)
		config_free(config);
	return r < 0 ? r : 1;
}

/* What can't be used is refused: the old one stays. */
static void load_again(struct daemon *d)
{
	struct fault fault = {};
	int r = daemon_load(d, d->reload, &fault);

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
					      npt_in_use(&kept, i), d->config->lan.prefix6.len);
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
	daemon_make_report(d);
	if (d->decided)
		daemon_write_report(d, HEALTH_KEPT_PATH);
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
	if (r < 0) {
		d->fault = *fault;
		return r;
	}
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
	daemon_make_report(d);
	daemon_tell_status(d);
}

enum runner_result daemon_on_run(void *arg)
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
	/* Somebody has removed our folder of /run: of that, the sandbox lets us write no more. */
	if (lock == -EROFS)
		sd_event_exit(d->event, lock);
	load_again(d);
	log_round_begin();
	r = lock < 0 ? lock : run_once(d, &fault);
	if (r >= 0 && !d->file.refused)
		r = config_file_mark_read(&d->file, &fault);
	log_outcome(r, &fault);
	log_round_end();
	daemon_tell_status(d);
	daemon_tell_ready(d);
	return r < 0 ? RUNNER_FAILED : RUNNER_DONE;
}
