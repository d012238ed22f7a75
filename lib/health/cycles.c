// SPDX-License-Identifier: GPL-2.0-or-later
// The cycles of probes of all WANs: when they begin and end, and the verdicts that follow.
// One timer serves all: it wakes at the next beginning or deadline of any WAN.

#include "health/cycles.h"

#include "base/util.h"
#include "health/metered.h"
#include "health/paths.h"

#include <errno.h>
#include <string.h>

/* Who is so late does not work. */
#define STANDSTILL_US 10000000

/* One WAN and family, whose set it is the argument of. */
struct cycles_subject {
	struct cycles *cycles;
	size_t wan;
	enum family family;
	bool way;	   /* probes can leave now */
	bool sent;	   /* they could when the cycle began */
	bool open;	   /* its cycle has begun, and is not over */
	bool over;	   /* one of its cycles is */
	unsigned forgiven; /* cycles that may fail until a WAN that is down has to recover */
	unsigned left_out; /* cycles that do not take place yet, while the WAN rests */
	uint64_t next_us, deadline_us; /* of the next cycle, and of the open one */
};

struct cycles {
	const struct config *config;
	const struct cycles_handlers *handlers;
	void *arg;
	struct probes *probes;
	sd_event_source *timer;
	bool started;
	struct wan_health *health; /* owned; by the WAN's index, as all arrays here */
	struct cycles_subject (*subjects)[N_FAMILIES]; /* owned */
};

/*
 * This machine refuses to send probes, and the WAN has answered all others: that says nothing of
 * it. One that it leaves unanswered does.
 */
static bool is_undecided(struct cycles_subject *subject, struct probe_tally tally)
{
	struct wan_health *health = &subject->cycles->health[subject->wan];
	const struct probe_set *set = health->probes[subject->family];
	const struct health_conf *conf = &subject->cycles->config->wans[subject->wan].health;
	bool undecided = tally.asked < set->n_targets && tally.good == tally.asked &&
			 tally.good < conf->min_targets;

	if (undecided != health->undecided[subject->family]) {
		health->undecided[subject->family] = undecided;
		if (subject->cycles->handlers)
			subject->cycles->handlers->undecided(subject->wan, subject->family,
							     undecided, subject->cycles->arg);
	}
	return undecided;
}

static void finish(struct cycles_subject *subject)
{
	struct cycles *cycles = subject->cycles;
	struct wan_health *health = &cycles->health[subject->wan];
	const struct health_conf *conf = &cycles->config->wans[subject->wan].health;
	struct health_state *state = &health->state[subject->family];
	struct probe_set *set = health->probes[subject->family];
	struct health_state old = *state;
	struct probe_tally tally;
	bool good;

	subject->open = false;
	subject->over = true;
	/* Nobody could be asked, as before 802.1X at boot: that says nothing of the WAN. */
	if (!subject->sent || !subject->way)
		return;
	tally = probe_count(set, conf);
	if (is_undecided(subject, tally))
		return;
	good = tally.good >= conf->min_targets;
	if (good && subject->forgiven > 0 && state->state == VERDICT_DOWN)
		state->successes = conf->recovery_threshold - 1;
	if (!good && subject->forgiven > 0)
		subject->forgiven--;
	if (health_step(state, good, conf, clock_us(CLOCK_REALTIME) / 1000000) && cycles->handlers)
		cycles->handlers->changed(subject->wan, subject->family, &old, cycles->arg);
	if (state->state == VERDICT_UP)
		subject->forgiven = 0;
}

static bool is_open(const struct cycles *cycles, size_t wan)
{
	return cycles->subjects[wan][IPV4].open || cycles->subjects[wan][IPV6].open;
}

/* i: below the number of WANs times that of families. */
static struct cycles_subject *subject_at(const struct cycles *cycles, size_t i)
{
	return &cycles->subjects[i / N_FAMILIES][i % N_FAMILIES];
}

/* When the next cycle begins, or an open one ends. */
static uint64_t next_us(const struct cycles *cycles)
{
	uint64_t at_us = UINT64_MAX;

	for (size_t i = 0; i < cycles->config->n_wans * N_FAMILIES; i++) {
		const struct cycles_subject *subject = subject_at(cycles, i);

		if (subject->next_us < at_us)
			at_us = subject->next_us;
		if (subject->open && subject->deadline_us < at_us)
			at_us = subject->deadline_us;
	}
	return at_us;
}

bool cycles_stand_still(const struct cycles *cycles)
{
	return cycles->started && clock_us(CLOCK_MONOTONIC) > next_us(cycles) + STANDSTILL_US;
}

static void set_timer(struct cycles *cycles)
{
	sd_event_source_set_time(cycles->timer, next_us(cycles));
	sd_event_source_set_enabled(cycles->timer, SD_EVENT_ONESHOT);
}

/* A metered WAN rests while it may. Once it is needed, it is probed at once. */
static void review_rest(struct cycles_subject *subject)
{
	struct cycles *cycles = subject->cycles;
	struct wan_health *health = &cycles->health[subject->wan];
	bool needed =
		metered_is_needed(cycles->config, cycles->health, subject->wan, subject->family);
	bool *rests = &health->rests[subject->family];

	if (*rests && needed && !subject->open)
		subject->next_us = clock_us(CLOCK_MONOTONIC);
	*rests = !needed && subject->forgiven == 0 &&
		 metered_is_settled(&health->state[subject->family]);
}

/* After a cycle or a run, which may say that WANs are needed, or no longer are. */
static void review(struct cycles *cycles)
{
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (cycles->config->wans[i].metered)
				review_rest(&cycles->subjects[i][family]);
	if (cycles->started)
		set_timer(cycles);
}

static void on_done(struct probe_set *set, void *arg)
{
	struct cycles_subject *subject = arg;

	if (!subject->open)
		return;
	finish(subject);
	review(subject->cycles);
	if (!is_open(subject->cycles, subject->wan) && subject->cycles->handlers)
		subject->cycles->handlers->over(subject->cycles->arg);
}

static void begin(struct cycles_subject *subject)
{
	struct wan_health *health = &subject->cycles->health[subject->wan];
	struct probe_set *set = health->probes[subject->family];

	if (!set)
		return;
	if (health->rests[subject->family] && subject->left_out > 0) {
		subject->left_out--;
		return;
	}
	subject->left_out = METERED_CYCLES - 1;
	subject->open = true;
	subject->sent = subject->way;
	if (subject->way)
		probe_begin(set);
	else
		probe_skip(set);
	if (set->n_pending == 0)
		finish(subject);
}

/* After a pause of the machine, one cycle stands for those that were missed. */
static void plan_next(struct cycles_subject *subject, uint64_t now)
{
	const struct health_conf *conf = &subject->cycles->config->wans[subject->wan].health;
	uint64_t missed = (now - subject->next_us) / conf->interval_us;

	subject->deadline_us = now + conf->timeout_us;
	subject->next_us += conf->interval_us * (1 + missed);
}

/* A cycle that began late still ends before the next one. */
static bool end_late(struct cycles_subject *subject, uint64_t now)
{
	if (!subject->open || (subject->deadline_us > now && subject->next_us > now))
		return false;
	probe_end(subject->cycles->health[subject->wan].probes[subject->family]);
	finish(subject);
	return true;
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct cycles *cycles = arg;
	uint64_t now = clock_us(CLOCK_MONOTONIC);
	size_t n = cycles->config->n_wans;
	bool over = false;

	for (size_t i = 0; i < n * N_FAMILIES; i++)
		over |= end_late(subject_at(cycles, i), now);
	for (int family = IPV6; family >= IPV4; family--)
		for (size_t i = 0; i < n; i++)
			if (cycles->subjects[i][family].next_us <= now)
				begin(&cycles->subjects[i][family]);
	for (size_t i = 0; i < n * N_FAMILIES; i++) {
		struct cycles_subject *subject = subject_at(cycles, i);

		if (subject->next_us > now)
			continue;
		plan_next(subject, now);
		over |= !is_open(cycles, subject->wan);
	}
	review(cycles);
	if (over && cycles->handlers)
		cycles->handlers->over(cycles->arg);
	return 0;
}

void cycles_set_gateway(struct cycles *cycles, size_t wan, enum family family,
			enum presence presence)
{
	cycles->health[wan].gateway[family] = presence;
}

void cycles_forgive(struct cycles *cycles, size_t wan, enum family family)
{
	cycles->subjects[wan][family].forgiven = cycles->config->wans[wan].health.failure_threshold;
	review(cycles);
}

void cycles_start(struct cycles *cycles)
{
	uint64_t now = clock_us(CLOCK_MONOTONIC);

	if (cycles->started)
		return;
	cycles->started = true;
	for (size_t i = 0; i < cycles->config->n_wans * N_FAMILIES; i++)
		subject_at(cycles, i)->next_us = now;
	set_timer(cycles);
}

static void set_path(struct cycles_subject *subject, const struct site *site, bool renew)
{
	const struct wan_facts *facts = &site->facts.wans[subject->wan];
	struct probe_path path = probe_path_of(site, subject->wan, subject->family);
	struct wan_health *health = &subject->cycles->health[subject->wan];
	struct probe_set *set = health->probes[subject->family];
	bool had_way = subject->way;

	health->eligible[subject->family] =
		site_selection(site, subject->family)->eligible[subject->wan];
	if (!had_way)
		subject->left_out = 0;
	/* IPv6 without an address is not translated. IPv4 may be: it is probed. */
	subject->way = facts->link.carrier && facts->gateway[subject->family].present &&
		       (subject->family == IPV4 || path.sources[0].family == AF_INET6);
	if (!set)
		return;
	probe_set_path(set, &path, renew);
	if (!subject->way)
		probe_skip(set);
	/* What was lost before an outage of the link says nothing of the link that is back. */
	else if (!had_way && subject->over)
		probe_forget(set);
}

void cycles_set_paths(struct cycles *cycles, const struct site *site, bool renew)
{
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			set_path(&cycles->subjects[i][family], site, renew);
	review(cycles);
}

bool cycles_are_over(const struct cycles *cycles)
{
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (cycles->health[i].probes[family] && !cycles->subjects[i][family].over)
				return false;
	return true;
}

const struct wan_health *cycles_health(const struct cycles *cycles)
{
	return cycles->health;
}

/* Goes on with what is known of the WAN and the targets, by their names. */
static void restore(const struct report *before, const char *wan, enum family family,
		    struct wan_health *health)
{
	const struct wan_report *report = report_wan(before, wan);
	const struct family_report *known = report ? &report->family[family] : NULL;
	struct probe_set *set = health->probes[family];

	if (!known)
		return;
	health->state[family] = known->health;
	for (size_t t = 0; t < set->n_targets; t++)
		for (size_t k = 0; k < known->n_targets; k++)
			if (strcmp(known->targets[k].name, set->targets[t].name) == 0) {
				set->targets[t].window = known->targets[k].window;
				set->targets[t].address = known->targets[k].address;
			}
}

static int add_sets(struct cycles *cycles, size_t wan, const struct report *before,
		    struct fault *fault)
{
	const struct wan_conf *conf = &cycles->config->wans[wan];

	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct probe_set **set = &cycles->health[wan].probes[family];
		struct cycles_subject *subject = &cycles->subjects[wan][family];
		int r;

		*subject =
			(struct cycles_subject){ .cycles = cycles, .wan = wan, .family = family };
		/* No probe could take back the verdict on a family that is not probed anymore. */
		if (!config_has_family(cycles->config, wan, family) ||
		    conf->health.targets[family].n == 0)
			continue;
		r = probe_set_new(cycles->probes, &conf->health, family, on_done, subject, set,
				  fault);
		if (r < 0)
			return r;
		restore(before, conf->name, family, &cycles->health[wan]);
	}
	return 0;
}

int cycles_new(sd_event *event, const struct config *config, const struct report *before,
	       const struct cycles_handlers *handlers, void *arg, struct cycles **ret,
	       struct fault *fault)
{
	struct cycles *cycles = calloc(1, sizeof(*cycles));
	size_t n = config->n_wans;
	int r = -ENOMEM;

	if (!cycles)
		return -ENOMEM;
	cycles->config = config;
	cycles->handlers = handlers;
	cycles->arg = arg;
	cycles->health = calloc(n, sizeof(*cycles->health));
	cycles->subjects = calloc(n, sizeof(*cycles->subjects));
	if (cycles->health && cycles->subjects)
		r = probes_new(event, config, &cycles->probes, fault);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_sets(cycles, i, before, fault);
	if (r == 0)
		r = sd_event_add_time(event, &cycles->timer, CLOCK_MONOTONIC, UINT64_MAX, 1,
				      on_time, cycles);
	/* Answers that have arrived count before the deadline does. */
	if (r >= 0)
		r = sd_event_source_set_priority(cycles->timer, SD_EVENT_PRIORITY_NORMAL + 5);
	if (r < 0) {
		cycles_free(cycles);
		return r;
	}
	*ret = cycles;
	return 0;
}

void cycles_free(struct cycles *cycles)
{
	if (!cycles)
		return;
	sd_event_source_unref(cycles->timer);
	for (size_t i = 0; cycles->health && i < cycles->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			probe_set_free(cycles->health[i].probes[family]);
	probes_free(cycles->probes);
	free(cycles->health);
	free(cycles->subjects);
	free(cycles);
}
