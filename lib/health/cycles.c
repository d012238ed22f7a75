// SPDX-License-Identifier: GPL-2.0-or-later
// The cycles of probes of all WANs: when they begin and end, and the verdicts that follow.
// One timer serves all: it wakes at the next beginning or deadline of any WAN.

#include "health/cycles.h"

#include "base/util.h"
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
};

struct cycles_wan {
	struct cycles_subject subjects[N_FAMILIES];
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
	struct cycles_wan *wans;   /* owned */
};

static bool is_good(struct probe_target *target, const struct health_conf *conf)
{
	/* One that came too late may be read before the deadline is noticed. */
	bool answered = target->result == PROBE_ANSWERED && target->rtt_us <= conf->timeout_us;

	health_window_add(&target->window, answered, target->rtt_us);
	return answered && health_window_passes(&target->window, conf);
}

/* What a cycle says of the WAN: of so many targets, so many were asked, and are good. */
struct cycles_tally {
	unsigned asked, good;
};

static struct cycles_tally count_answers(struct probe_set *set, const struct health_conf *conf)
{
	struct cycles_tally tally = {};

	for (size_t i = 0; i < set->n_targets; i++) {
		struct probe_target *target = &set->targets[i];

		target->unsent =
			target->result == PROBE_FAILED && probe_failure_is_own(target->failure);
		tally.asked += !target->unsent;
		tally.good += !target->unsent && is_good(target, conf);
	}
	return tally;
}

/*
 * This machine refuses to send probes, and the WAN has answered all others: that says nothing of
 * it. One that it leaves unanswered does.
 */
static bool is_undecided(struct cycles_subject *subject, struct cycles_tally tally)
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
	struct cycles_tally tally;
	bool good;

	subject->open = false;
	subject->over = true;
	/* Nobody could be asked, as before 802.1X at boot: that says nothing of the WAN. */
	if (!subject->sent || !subject->way)
		return;
	tally = count_answers(set, conf);
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
	return cycles->wans[wan].subjects[IPV4].open || cycles->wans[wan].subjects[IPV6].open;
}

static void on_done(struct probe_set *set, void *arg)
{
	struct cycles_subject *subject = arg;

	if (!subject->open)
		return;
	finish(subject);
	if (!is_open(subject->cycles, subject->wan) && subject->cycles->handlers)
		subject->cycles->handlers->over(subject->cycles->arg);
}

static void end_late(struct cycles *cycles, size_t wan)
{
	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct cycles_subject *subject = &cycles->wans[wan].subjects[family];

		if (!subject->open)
			continue;
		probe_end(cycles->health[wan].probes[family]);
		finish(subject);
	}
}

static void begin(struct cycles *cycles, size_t wan, enum family family)
{
	struct cycles_subject *subject = &cycles->wans[wan].subjects[family];
	struct probe_set *set = cycles->health[wan].probes[family];

	if (!set)
		return;
	subject->open = true;
	subject->sent = subject->way;
	if (subject->way)
		probe_begin(set);
	else
		probe_skip(set);
	if (set->n_pending == 0)
		finish(subject);
}

/* When the next cycle begins, or an open one ends. */
static uint64_t next_us(const struct cycles *cycles)
{
	uint64_t at_us = UINT64_MAX;

	for (size_t i = 0; i < cycles->config->n_wans; i++) {
		if (cycles->wans[i].next_us < at_us)
			at_us = cycles->wans[i].next_us;
		if (is_open(cycles, i) && cycles->wans[i].deadline_us < at_us)
			at_us = cycles->wans[i].deadline_us;
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

/* After a pause of the machine, one cycle stands for those that were missed. */
static void plan_next(struct cycles *cycles, size_t wan, uint64_t now)
{
	uint64_t interval_us = cycles->config->wans[wan].health.interval_us;

	cycles->wans[wan].deadline_us = now + cycles->config->wans[wan].health.timeout_us;
	cycles->wans[wan].next_us +=
		interval_us * (1 + (now - cycles->wans[wan].next_us) / interval_us);
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct cycles *cycles = arg;
	uint64_t now = clock_us(CLOCK_MONOTONIC);
	size_t n = cycles->config->n_wans;
	bool over = false;

	for (size_t i = 0; i < n; i++) {
		/* A cycle that began late still ends before the next one. */
		if (!is_open(cycles, i) ||
		    (cycles->wans[i].deadline_us > now && cycles->wans[i].next_us > now))
			continue;
		end_late(cycles, i);
		over = true;
	}
	for (int family = IPV6; family >= IPV4; family--)
		for (size_t i = 0; i < n; i++)
			if (cycles->wans[i].next_us <= now)
				begin(cycles, i, (enum family)family);
	for (size_t i = 0; i < n; i++) {
		if (cycles->wans[i].next_us > now)
			continue;
		plan_next(cycles, i, now);
		over |= !is_open(cycles, i);
	}
	set_timer(cycles);
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
	cycles->wans[wan].subjects[family].forgiven =
		cycles->config->wans[wan].health.failure_threshold;
}

void cycles_start(struct cycles *cycles)
{
	uint64_t now = clock_us(CLOCK_MONOTONIC);

	if (cycles->started)
		return;
	cycles->started = true;
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		cycles->wans[i].next_us = now;
	set_timer(cycles);
}

/* What was lost before an outage of the link says nothing of the link that is back. */
static void forget_windows(struct probe_set *set)
{
	for (size_t i = 0; i < set->n_targets; i++)
		set->targets[i].window = (struct health_window){};
}

static void set_path(struct cycles_subject *subject, const struct site *site, bool renew)
{
	const struct wan_facts *facts = &site->facts.wans[subject->wan];
	struct probe_path path = probe_path_of(site, subject->wan, subject->family);
	struct probe_set *set = subject->cycles->health[subject->wan].probes[subject->family];
	bool had_way = subject->way;

	/* IPv6 without an address is not translated. IPv4 may be: it is probed. */
	subject->way = facts->link.carrier && facts->gateway[subject->family].present &&
		       (subject->family == IPV4 || path.sources[0].family == AF_INET6);
	if (!set)
		return;
	probe_set_path(set, &path, renew);
	if (!subject->way)
		probe_skip(set);
	else if (!had_way && subject->over)
		forget_windows(set);
}

void cycles_set_paths(struct cycles *cycles, const struct site *site, bool renew)
{
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			set_path(&cycles->wans[i].subjects[family], site, renew);
}

bool cycles_are_over(const struct cycles *cycles)
{
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (cycles->health[i].probes[family] &&
			    !cycles->wans[i].subjects[family].over)
				return false;
	return true;
}

const struct wan_health *cycles_health(const struct cycles *cycles)
{
	return cycles->health;
}

static void keep(const struct target_report *known, struct probe_target *target)
{
	target->window = known->window;
	target->address = known->address;
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
			if (strcmp(known->targets[k].name, set->targets[t].name) == 0)
				keep(&known->targets[k], &set->targets[t]);
}

static int add_sets(struct cycles *cycles, size_t wan, const struct report *before,
		    struct fault *fault)
{
	const struct wan_conf *conf = &cycles->config->wans[wan];

	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct probe_set **set = &cycles->health[wan].probes[family];
		struct cycles_subject *subject = &cycles->wans[wan].subjects[family];
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
	cycles->wans = calloc(n, sizeof(*cycles->wans));
	if (cycles->health && cycles->wans)
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
	free(cycles->wans);
	free(cycles);
}
