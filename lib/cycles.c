#include "cycles.h"

#include "util.h"

#include <errno.h>
#include <string.h>

/* What a set's answers are about. */
struct subject {
	struct cycles *cycles;
	size_t wan;
	enum family family;
	bool way;   /* probes can leave: what is not answered is the provider's doing */
	bool sent;  /* ... and could, when the cycle began */
	bool asked; /* of the failed cycles in a row, one had a way out */
	bool open;  /* its cycle has begun, and is not over */
};

struct cycles {
	const struct config *config;
	const struct cycles_handlers *handlers;
	void *arg;
	struct probes *probes;
	sd_event_source *timer;
	bool started;
	struct wan_health *health;		/* owned; by the WAN's index, as all arrays here */
	struct subject (*subjects)[N_FAMILIES]; /* owned */
	uint64_t *next_us, *deadline_us;	/* owned; of the next cycle, and of the open one */
};

/* ---- the end of a cycle ---- */

static bool is_good(struct probe_target *target, const struct health_conf *conf)
{
	/* One that came too late may be read before the deadline is noticed. */
	bool answered = target->result == PROBE_ANSWERED && target->rtt_us <= conf->timeout_us;

	health_window_add(&target->window, answered, target->rtt_us);
	return answered && health_window_passes(&target->window, conf);
}

static void finish(struct subject *subject)
{
	struct cycles *cycles = subject->cycles;
	struct wan_health *health = &cycles->health[subject->wan];
	const struct health_conf *conf = &cycles->config->wans[subject->wan].health;
	struct health_state *state = &health->state[subject->family];
	struct probe_set *set = health->probes[subject->family];
	enum verdict old = state->state;
	bool way = subject->sent && subject->way;
	unsigned good = 0;

	subject->open = false;
	for (size_t i = 0; way && i < set->n_targets; i++)
		good += is_good(&set->targets[i], conf);
	/*
	 * What was down for nobody could be asked, as before 802.1X at boot, has nothing to
	 * recover from: the first answers are enough.
	 */
	if (good >= conf->min_targets && !subject->asked && state->state == VERDICT_DOWN)
		state->successes = conf->recovery_threshold - 1;
	if (good < conf->min_targets)
		subject->asked |= way;
	if (health_step(state, good >= conf->min_targets, conf, clock_us(CLOCK_REALTIME) / 1000000))
		cycles->handlers->changed(subject->wan, subject->family, old, cycles->arg);
	if (state->failures == 0 && state->state == VERDICT_UP)
		subject->asked = false;
}

static bool is_open(const struct cycles *cycles, size_t wan)
{
	return cycles->subjects[wan][IPV4].open || cycles->subjects[wan][IPV6].open;
}

static void on_done(struct probe_set *set, void *arg)
{
	struct subject *subject = arg;

	if (!subject->open)
		return;
	finish(subject);
	if (!is_open(subject->cycles, subject->wan))
		subject->cycles->handlers->over(subject->cycles->arg);
}

static void end_late(struct cycles *cycles, size_t wan)
{
	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct subject *subject = &cycles->subjects[wan][family];

		if (!subject->open)
			continue;
		probe_end(cycles->health[wan].probes[family]);
		finish(subject);
	}
}

/* ---- the beginning ---- */

static void begin(struct cycles *cycles, size_t wan, enum family family)
{
	struct subject *subject = &cycles->subjects[wan][family];
	struct probe_set *set = cycles->health[wan].probes[family];

	if (!set)
		return;
	subject->open = true;
	subject->sent = subject->way;
	probe_begin(set);
	if (set->n_pending == 0)
		finish(subject);
}

static void set_timer(struct cycles *cycles)
{
	uint64_t at_us = UINT64_MAX;

	for (size_t i = 0; i < cycles->config->n_wans; i++) {
		if (cycles->next_us[i] < at_us)
			at_us = cycles->next_us[i];
		if (is_open(cycles, i) && cycles->deadline_us[i] < at_us)
			at_us = cycles->deadline_us[i];
	}
	sd_event_source_set_time(cycles->timer, at_us);
	sd_event_source_set_enabled(cycles->timer, SD_EVENT_ONESHOT);
}

/* After a pause of the machine, one cycle stands for those that were missed. */
static void plan_next(struct cycles *cycles, size_t wan, uint64_t now)
{
	uint64_t interval_us = cycles->config->wans[wan].health.interval_us;

	cycles->deadline_us[wan] = now + cycles->config->wans[wan].health.timeout_us;
	cycles->next_us[wan] += interval_us * (1 + (now - cycles->next_us[wan]) / interval_us);
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct cycles *cycles = arg;
	uint64_t now = clock_us(CLOCK_MONOTONIC);
	size_t n = cycles->config->n_wans;
	bool over = false;

	for (size_t i = 0; i < n; i++) {
		/* A cycle that began late ends before the next one all the same. */
		if (!is_open(cycles, i) ||
		    (cycles->deadline_us[i] > now && cycles->next_us[i] > now))
			continue;
		end_late(cycles, i);
		over = true;
	}
	for (int family = IPV6; family >= IPV4; family--)
		for (size_t i = 0; i < n; i++)
			if (cycles->next_us[i] <= now)
				begin(cycles, i, (enum family)family);
	for (size_t i = 0; i < n; i++) {
		if (cycles->next_us[i] > now)
			continue;
		plan_next(cycles, i, now);
		over |= !is_open(cycles, i);
	}
	set_timer(cycles);
	if (over)
		cycles->handlers->over(cycles->arg);
	return 0;
}

void cycles_start(struct cycles *cycles)
{
	uint64_t now = clock_us(CLOCK_MONOTONIC);

	if (cycles->started)
		return;
	cycles->started = true;
	for (size_t i = 0; i < cycles->config->n_wans; i++)
		cycles->next_us[i] = now;
	set_timer(cycles);
}

static struct probe_path path_of(const struct cycles *cycles, const struct facts *facts,
				 const struct npt_state *npt, size_t wan, enum family family)
{
	const struct wan_conf *conf = &cycles->config->wans[wan];
	struct probe_path path = { .mark = conf->mark };
	size_t n = 0;

	snprintf(path.interface, sizeof(path.interface), "%s", conf->interface);
	/* AT&T's own /128 is reached in part only; what is in the prefix is routed as ours. */
	if (family == IPV6 && npt_active(cycles->config, npt, wan))
		path.sources[n++] = npt_edge(cycles->config, npt, wan);
	path.sources[n] = facts->wans[wan].link.source[family];
	return path;
}

/* Without an address, IPv6 is not translated either; IPv4 may be, and is probed in vain. */
static bool has_way(const struct wan_facts *fact, const struct probe_path *path, enum family family)
{
	return fact->link.carrier && fact->gateway[family].present &&
	       (family == IPV4 || path->sources[0].family);
}

void cycles_set_paths(struct cycles *cycles, const struct facts *facts, const struct npt_state *npt,
		      bool renew)
{
	for (size_t i = 0; i < cycles->config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct probe_path path = path_of(cycles, facts, npt, i, family);

			cycles->subjects[i][family].way = has_way(&facts->wans[i], &path, family);
			if (cycles->health[i].probes[family])
				probe_set_path(cycles->health[i].probes[family], &path, renew);
		}
	}
}

const struct wan_health *cycles_health(const struct cycles *cycles)
{
	return cycles->health;
}

/* ---- life ---- */

static const struct family_report *find_before(const struct report *before, const char *wan,
					       enum family family)
{
	for (size_t i = 0; i < before->n_wans; i++)
		if (strcmp(before->wans[i].name, wan) == 0)
			return &before->wans[i].family[family];
	return NULL;
}

static void restore(const struct family_report *before, struct health_state *state,
		    struct probe_set *set)
{
	*state = before->health;
	for (size_t i = 0; i < set->n_targets; i++)
		for (size_t k = 0; k < before->n_targets; k++)
			if (strcmp(before->targets[k].name, set->targets[i].name) == 0)
				set->targets[i].window = before->targets[k].window;
}

static bool is_probed(const struct config *config, size_t wan, enum family family)
{
	const struct wan_conf *conf = &config->wans[wan];

	return config_has_family(config, wan, family) &&
	       conf->health.ping[family].n + conf->health.http[family].n > 0;
}

static int add_sets(struct cycles *cycles, size_t wan, const struct report *before,
		    struct fault *fault)
{
	const struct wan_conf *conf = &cycles->config->wans[wan];

	for (enum family family = 0; family < N_FAMILIES; family++) {
		const struct family_report *known = find_before(before, conf->name, family);
		struct probe_set **set = &cycles->health[wan].probes[family];
		struct subject *subject = &cycles->subjects[wan][family];
		int r;

		*subject = (struct subject){ .cycles = cycles, .wan = wan, .family = family };
		/* Nobody would take back a verdict on what is not probed anymore. */
		if (!is_probed(cycles->config, wan, family))
			continue;
		r = probe_set_new(cycles->probes, &conf->health, family, on_done, subject, set,
				  fault);
		if (r < 0)
			return r;
		if (known)
			restore(known, &cycles->health[wan].state[family], *set);
		subject->asked = cycles->health[wan].state[family].state == VERDICT_DOWN;
	}
	return 0;
}

static int cycles_init(struct cycles *cycles, sd_event *event, const struct report *before,
		       struct fault *fault)
{
	size_t n = cycles->config->n_wans;
	int r;

	cycles->health = calloc(n, sizeof(*cycles->health));
	cycles->subjects = calloc(n, sizeof(*cycles->subjects));
	cycles->next_us = calloc(n, sizeof(uint64_t));
	cycles->deadline_us = calloc(n, sizeof(uint64_t));
	if (!cycles->health || !cycles->subjects || !cycles->next_us || !cycles->deadline_us)
		return -ENOMEM;
	r = probes_new(event, &cycles->probes, fault);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_sets(cycles, i, before, fault);
	if (r < 0)
		return r;
	r = sd_event_add_time(event, &cycles->timer, CLOCK_MONOTONIC, 0, 1, on_time, cycles);
	if (r >= 0)
		r = sd_event_source_set_enabled(cycles->timer, SD_EVENT_OFF);
	/* Answers that are there count before the deadline does. */
	if (r >= 0)
		r = sd_event_source_set_priority(cycles->timer, SD_EVENT_PRIORITY_NORMAL + 5);
	return r < 0 ? r : 0;
}

int cycles_new(sd_event *event, const struct config *config, const struct report *before,
	       const struct cycles_handlers *handlers, void *arg, struct cycles **ret,
	       struct fault *fault)
{
	struct cycles *cycles = calloc(1, sizeof(*cycles));
	int r;

	if (!cycles)
		return -ENOMEM;
	cycles->config = config;
	cycles->handlers = handlers;
	cycles->arg = arg;
	r = cycles_init(cycles, event, before, fault);
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
	free(cycles->next_us);
	free(cycles->deadline_us);
	free(cycles);
}
