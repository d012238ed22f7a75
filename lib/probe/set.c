// SPDX-License-Identifier: GPL-2.0-or-later
// The set of targets of one WAN and family, and the table of the kinds of probes.
// The targets of a kind stand together: each kind is given its group of them.

#include "probe/set.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* A row for each kind; its file defines it. */
extern const struct probe_kind probe_ping, probe_http;
static const struct probe_kind *const kinds[] = { &probe_ping, &probe_http };

struct probes {
	sd_event *event;
	const struct config *config;
	void *shared[ARRAY_SIZE(kinds)];
	uint16_t last_id;
};

/* A set with what its owner need not see. */
struct probe_set_state {
	struct probe_set shown; /* first: a pointer to one is a pointer to the other */
	struct probe_path path;
	uint64_t timeout_us;
	struct probe_group groups[ARRAY_SIZE(kinds)]; /* n 0: none of this kind */
};

int probes_new(sd_event *event, const struct config *config, struct probes **ret,
	       struct fault *fault)
{
	_cleanup_(freep) struct probes *probes = calloc(1, sizeof(*probes));

	if (!probes)
		return -ENOMEM;
	/* Not what the daemon before this one had: its answers may still come. */
	if (getrandom(&probes->last_id, sizeof(probes->last_id), 0) < 0)
		return fault_set(fault, -errno, "no random numbers: %s", strerror(errno));
	probes->event = sd_event_ref(event);
	probes->config = config;
	*ret = TAKE(probes);
	return 0;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (probes->shared[i])
			kinds[i]->free_shared(probes->shared[i]);
	sd_event_unref(probes->event);
	free(probes);
}

static int add_group(struct probe_set_state *set, const struct probe_kind *kind,
		     const struct target_list *targets, struct probe_group *group,
		     struct fault *fault)
{
	const char *key = kind->keys[group->family];

	group->targets = set->shown.targets + set->shown.n_targets;
	for (size_t i = 0; i < targets->n; i++) {
		if (strcmp(targets->v[i].key, key) != 0)
			continue;
		group->targets[group->n] = (struct probe_target){
			.key = key,
			.status = targets->v[i].status,
			.name = strdup(targets->v[i].name),
			.result = PROBE_FAILED,
			.why = "not probed yet",
		};
		if (!group->targets[group->n++].name)
			return -ENOMEM;
		set->shown.n_targets++;
	}
	return group->n > 0 ? kind->new (group, fault) : 0;
}

int probe_set_new(struct probes *probes, const struct health_conf *conf, enum family family,
		  probe_done done, void *arg, struct probe_set **ret, struct fault *fault)
{
	const struct target_list *targets = &conf->targets[family];
	struct probe_set_state *set = calloc(1, sizeof(*set));
	int r;

	if (!set)
		return -ENOMEM;
	set->timeout_us = conf->timeout_us;
	set->shown.done = done;
	set->shown.arg = arg;
	set->shown.targets = calloc(targets->n + 1, sizeof(*set->shown.targets));
	r = set->shown.targets ? 0 : -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++) {
		set->groups[i] = (struct probe_group){
			.set = &set->shown,
			.family = family,
			.path = &set->path,
			.id = ++probes->last_id,
			.timeout_us = conf->timeout_us,
			.config = probes->config,
			.event = probes->event,
			.shared = &probes->shared[i],
		};
		r = add_group(set, kinds[i], targets, &set->groups[i], fault);
	}
	if (r == 0 && set->shown.n_targets < targets->n)
		r = fault_set(fault, -ENOSYS, "a key of mwan.conf has no kind of probe");
	if (r < 0) {
		probe_set_free(&set->shown);
		return r;
	}
	*ret = &set->shown;
	return 0;
}

void probe_set_free(struct probe_set *shown)
{
	struct probe_set_state *set = (struct probe_set_state *)shown;

	if (!set)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (set->groups[i].n > 0)
			kinds[i]->free(&set->groups[i]);
	for (size_t i = 0; i < shown->n_targets; i++)
		free(shown->targets[i].name);
	free(shown->targets);
	free(set);
}

static bool same_path(const struct probe_path *a, const struct probe_path *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->sources); i++)
		if (addr_cmp(a->sources[i], b->sources[i]) != 0)
			return false;
	return a->mark == b->mark && strcmp(a->interface, b->interface) == 0;
}

void probe_set_path(struct probe_set *shown, const struct probe_path *path, bool renew)
{
	struct probe_set_state *set = (struct probe_set_state *)shown;

	if (!renew && same_path(&set->path, path))
		return;
	set->path = *path;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		set->groups[i].renew = true;
}

void probe_begin(struct probe_set *shown)
{
	struct probe_set_state *set = (struct probe_set_state *)shown;

	shown->running = false;
	for (size_t i = 0; i < shown->n_targets; i++) {
		shown->targets[i].result = PROBE_PENDING;
		shown->targets[i].rtt_us = 0;
	}
	shown->n_pending = shown->n_targets;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct probe_group *group = &set->groups[i];

		if (group->n > 0)
			kinds[i]->begin(group);
		group->renew = false;
	}
	shown->running = shown->n_pending > 0;
}

void probe_skip(struct probe_set *shown)
{
	if (shown->running)
		probe_end(shown);
	shown->n_pending = shown->n_targets;
	for (size_t i = 0; i < shown->n_targets; i++) {
		shown->targets[i].result = PROBE_PENDING;
		shown->targets[i].rtt_us = 0;
		shown->targets[i].unsent = true;
		probe_failed(shown, &shown->targets[i], FAILURE_LOCAL, "not asked: no way to it");
	}
}

void probe_end(struct probe_set *shown)
{
	struct probe_set_state *set = (struct probe_set_state *)shown;
	bool seconds = set->timeout_us % 1000000 == 0;
	unsigned long long timeout = set->timeout_us / (seconds ? 1000000 : 1000);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct probe_group *group = &set->groups[i];

		for (size_t k = 0; k < group->n; k++) {
			struct probe_miss miss;

			if (group->targets[k].result != PROBE_PENDING)
				continue;
			miss = kinds[i]->end(group, k);
			probe_failed(shown, &group->targets[k], miss.failure, "%s within %llu%s",
				     miss.what, timeout, seconds ? "s" : "ms");
		}
	}
	shown->running = false;
}

static bool is_good(struct probe_target *target, const struct health_conf *conf)
{
	/* One that came too late may be read before the deadline is noticed. */
	bool answered = target->result == PROBE_ANSWERED && target->rtt_us <= conf->timeout_us;

	health_window_add(&target->window, answered, target->rtt_us);
	return answered && health_window_passes(&target->window, conf);
}

struct probe_tally probe_count(struct probe_set *set, const struct health_conf *conf)
{
	struct probe_tally tally = {};

	for (size_t i = 0; i < set->n_targets; i++) {
		struct probe_target *target = &set->targets[i];

		target->unsent =
			target->result == PROBE_FAILED && probe_failure_is_own(target->failure);
		tally.asked += !target->unsent;
		tally.good += !target->unsent && is_good(target, conf);
	}
	return tally;
}

void probe_forget(struct probe_set *set)
{
	for (size_t i = 0; i < set->n_targets; i++)
		set->targets[i].window = (struct health_window){};
}
