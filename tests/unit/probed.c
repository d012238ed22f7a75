// SPDX-License-Identifier: GPL-2.0-or-later
// What probes have brought, for the tests of reports and troubles.
// Fills targets and windows by hand: nothing is sent.

#include "probed.h"

#include <check.h>
#include <string.h>

#define GOOD_CYCLES 41

static void make_target(struct probe_target *target, const char *key, const char *name,
			uint32_t rtt_us)
{
	target->key = key;
	target->name = strdup(name);
	target->result = PROBE_ANSWERED;
	target->rtt_us = rtt_us;
	window_fill(&target->window, "....................", rtt_us);
}

static struct probe_set *make_set(const struct health_conf *conf, enum family family)
{
	const struct target_list *list = &conf->targets[family];
	struct probe_set *set = calloc(1, sizeof(*set));

	set->targets = calloc(list->n + 1, sizeof(*set->targets));
	for (size_t i = 0; i < list->n; i++)
		make_target(&set->targets[set->n_targets++], list->v[i].key, list->v[i].name,
			    strncmp(list->v[i].key, "http", 4) == 0 ? 41000 : 2600 + 500 * family);
	return set;
}

void probed_make(struct probed *probed, struct scene *scene)
{
	*probed = (struct probed){ .scene = scene };
	probed->health = calloc(scene->config.n_wans, sizeof(*probed->health));
	for (size_t i = 0; i < scene->config.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			probed->health[i].state[family] = (struct health_state){
				.state = VERDICT_UP,
				.successes = GOOD_CYCLES,
				.transitions = 1,
				.since = NOW - (3 * 60 + 12) * 60,
			};
			probed->health[i].probes[family] =
				make_set(&scene->config.wans[i].health, family);
		}
}

void probed_done(struct probed *probed)
{
	for (size_t i = 0; i < probed->scene->config.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct probe_set *set = probed->health[i].probes[family];

			for (size_t k = 0; set && k < set->n_targets; k++)
				free(set->targets[k].name);
			free(set ? set->targets : NULL);
			free(set);
		}
	free(probed->health);
	report_done(&probed->before);
}

struct health_state *probed_state(struct probed *probed, size_t wan, enum family family)
{
	return &probed->health[wan].state[family];
}

struct probe_target *probed_target(struct probed *probed, size_t wan, enum family family,
				   size_t target)
{
	return &probed->health[wan].probes[family]->targets[target];
}

void window_fill(struct health_window *window, const char *probes, uint32_t rtt_us)
{
	*window = (struct health_window){};
	for (; *probes; probes++)
		health_window_add(window, *probes == '.', rtt_us);
}

void probed_lose(struct probed *probed, size_t wan, enum family family, size_t n, unsigned lost)
{
	struct probe_target *target = probed_target(probed, wan, family, n);

	target->result = PROBE_FAILED;
	target->failure = FAILURE_SILENT;
	snprintf(target->why, sizeof(target->why), "timed out");
	for (unsigned i = 0; i < lost; i++)
		health_window_add(&target->window, false, 0);
}

void probed_fail(struct probed *probed, size_t wan, enum family family, unsigned cycles)
{
	const struct health_conf *conf = &probed->scene->config.wans[wan].health;

	for (size_t i = 0; i < probed->health[wan].probes[family]->n_targets; i++)
		probed_lose(probed, wan, family, i, cycles);
	for (unsigned i = cycles; i-- > 0;)
		health_step(probed_state(probed, wan, family), false, conf,
			    NOW - i * conf->interval_us / 1000000);
}

void probed_report(const struct probed *probed, struct report *ret)
{
	struct scene *scene = probed->scene;

	for (enum family family = 0; family < N_FAMILIES; family++)
		for (size_t i = 0; i < scene->config.n_wans; i++)
			scene->site.verdicts.v[i][family] = probed->health[i].state[family].state;
	ck_assert_int_eq(selections_make(&scene->site), 0);
	ck_assert_int_eq(report_make(&scene->site, probed->health, &probed->before,
				     NOW * UINT64_C(1000000), ret),
			 0);
}
