// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What tests of probes share: a network of their own with lo alone, the event loop, and sets of
 * targets that are probed over lo with 500 ms to answer.
 */
#pragma once

#include "probe/set.h"

#include <systemd/sd-event.h>

/* Each test's, made by probing_begin(). */
extern sd_event *event;
extern struct probes *probes;
extern struct fault fault;
extern struct probe_set *sets[];
extern struct health_conf confs[]; /* of the sets */
extern size_t n_sets;
extern unsigned n_done; /* sets whose last target has answered or failed */

void probing_begin(void);
void probing_end(void);
void free_sets(void);
void on_done(struct probe_set *set, void *arg);

/* A shell command that has to succeed. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void write_file(const char *path, const char *text);
struct addr address(const char *text); /* "": AF_UNSPEC */

/* targets: addresses, then URLs; over lo. */
struct probe_set *new_set(enum family family, const char *targets);
struct probe_set *new_set_with(enum family family, const char *targets, probe_done done);
void set_path(struct probe_set *set, const char *interface, const char *first, const char *second);

/* One cycle, from begin to end. */
void probe(struct probe_set *set);
/* Lets the loop run for so long, or until nothing of the set is pending; how often it woke. */
unsigned wait_for(struct probe_set *set, unsigned ms);
/* What is there by now. */
unsigned run_dry(void);
uint64_t now_ms(void);
unsigned elapsed_ms(uint64_t since);

/* n_pending has to be right, and each failure has a reason. */
void check_counts(const struct probe_set *set);
void check_answered(const struct probe_set *set, size_t i);
/* With a failure of that kind, in words that begin so. */
void check_failed(const struct probe_set *set, size_t i, enum probe_failure failure,
		  const char *why);
void check_all_answered(const struct probe_set *set);
