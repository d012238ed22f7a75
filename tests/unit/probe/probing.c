// SPDX-License-Identifier: GPL-2.0-or-later
// What tests of probes share: a network of their own, the event loop, and sets of targets.
// Targets are probed over lo, with 500 ms to answer.

#include "probe/probing.h"

#include "base/parse.h"
#include "suite.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#define MAX_SETS 4

sd_event *event;
struct probes *probes;
struct fault fault;
struct probe_set *sets[MAX_SETS];
struct health_conf confs[MAX_SETS];
size_t n_sets;
unsigned n_done;

void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	/* NOLINTNEXTLINE(cert-env33-c): the test's own words */
	ck_assert_msg(system(command) == 0, "%s", command);
}

void write_file(const char *path, const char *text)
{
	_cleanup_(fclosep) FILE *f = fopen(path, "we");

	ck_assert_msg(f && fputs(text, f) >= 0 && fflush(f) == 0, "%s: %m", path);
}

void probing_begin(void)
{
	ck_assert_msg(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "needs root: %m");
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	run("ip link set lo up && ip -6 address add 2001:db8::1/128 dev lo nodad");
	/* The kernel takes its time, also below. */
	run("until ip -6 route show table local | grep -q 2001:db8::1; do sleep 0.01; done");
	/* As the daemon would without systemd's IgnoreSIGPIPE. */
	signal(SIGPIPE, SIG_DFL);

	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_eq(probes_new(event, NULL, &probes, &fault), 0);
}

void free_sets(void)
{
	while (n_sets > 0) {
		struct health_conf *conf = &confs[--n_sets];

		probe_set_free(sets[n_sets]);
		for (int f = 0; f < N_FAMILIES; f++) {
			for (size_t i = 0; i < conf->targets[f].n; i++)
				free(conf->targets[f].v[i].name);
			free(conf->targets[f].v);
		}
		*conf = (struct health_conf){};
	}
}

void probing_end(void)
{
	free_sets();
	probes_free(probes);
	sd_event_unref(event);
}

void on_done(struct probe_set *set, void *arg)
{
	ck_assert_uint_eq(set->n_pending, 0);
	n_done++;
}

struct addr address(const char *text)
{
	struct addr addr = {};

	if (*text)
		ck_assert_int_eq(addr_parse(text, AF_UNSPEC, &addr), 0);
	return addr;
}

void set_path(struct probe_set *set, const char *interface, const char *first, const char *second)
{
	struct probe_path path = { .mark = 7, .sources = { address(first), address(second) } };

	snprintf(path.interface, sizeof(path.interface), "%s", interface);
	probe_set_path(set, &path, false);
}

/* targets: addresses, then URLs; over lo. */
struct probe_set *new_set_with(enum family family, const char *targets, probe_done done)
{
	static const char *const ping[] = { "ping4", "ping6" }, *const http[] = { "http4",
										  "http6" };
	_cleanup_(freep) char *text = strdup(targets);
	struct health_conf *conf = &confs[n_sets];
	struct target_list *list = &conf->targets[family];
	char *rest = text;

	conf->timeout_us = 500000;
	list->v = calloc(strlen(text), sizeof(*list->v));
	for (char *item; (item = parse_item(&rest, " "));)
		list->v[list->n++] = (struct target_conf){
			.key = strncmp(item, "http", 4) == 0 ? http[family] : ping[family],
			.name = strdup(item),
			.status = { 200, 299 },
		};
	ck_assert_int_eq(probe_set_new(probes, conf, family, done, NULL, &sets[n_sets], &fault), 0);
	set_path(sets[n_sets], "lo", family == IPV4 ? "127.0.0.1" : "2001:db8::1", "");
	return sets[n_sets++];
}

struct probe_set *new_set(enum family family, const char *targets)
{
	return new_set_with(family, targets, on_done);
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

unsigned elapsed_ms(uint64_t since)
{
	return now_ms() - since;
}

/* Lets the loop run for so long, or until nothing of the set is pending; how often it woke. */
unsigned wait_for(struct probe_set *set, unsigned ms)
{
	uint64_t end = now_ms() + ms;
	unsigned wakes = 0;

	for (uint64_t now; set->n_pending > 0 && (now = now_ms()) < end;) {
		int r = sd_event_run(event, (end - now) * 1000);

		ck_assert_int_ge(r, 0);
		wakes += r > 0;
	}
	return wakes;
}

/* What is there by now. */
unsigned run_dry(void)
{
	unsigned wakes = 0;

	while (sd_event_run(event, 0) > 0)
		wakes++;
	return wakes;
}

/* n_pending has to be right, and each failure has a reason. */
void check_counts(const struct probe_set *set)
{
	size_t pending = 0;

	for (size_t i = 0; i < set->n_targets; i++) {
		const struct probe_target *target = &set->targets[i];

		pending += target->result == PROBE_PENDING;
		ck_assert(target->why[0] || target->result != PROBE_FAILED);
	}
	ck_assert_uint_eq(pending, set->n_pending);
}

void probe(struct probe_set *set)
{
	probe_begin(set);
	check_counts(set);
	wait_for(set, confs[0].timeout_us / 1000);
	check_counts(set);
	probe_end(set);
	check_counts(set);
	ck_assert_uint_eq(set->n_pending, 0);
}

void check_answered(const struct probe_set *set, size_t i)
{
	ck_assert_uint_lt(i, set->n_targets);
	ck_assert_msg(set->targets[i].result == PROBE_ANSWERED, "%s: %s", set->targets[i].name,
		      set->targets[i].why);
}

void check_failed(const struct probe_set *set, size_t i, enum probe_failure failure,
		  const char *why)
{
	ck_assert_uint_lt(i, set->n_targets);
	ck_assert_int_eq(set->targets[i].result, PROBE_FAILED);
	ck_assert_str_eq(probe_failure_name(set->targets[i].failure), probe_failure_name(failure));
	ck_assert_msg(strncmp(set->targets[i].why, why, strlen(why)) == 0, "\"%s\", not \"%s\"",
		      set->targets[i].why, why);
}

void check_all_answered(const struct probe_set *set)
{
	for (size_t i = 0; i < set->n_targets; i++)
		check_answered(set, i);
}
