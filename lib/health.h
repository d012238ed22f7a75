/*
 * How the answers to probes become a verdict: a window of each target's last
 * probes, and a step with hysteresis for each cycle. Pure.
 */
#pragma once

#include "select.h"

/* Probes of a target that max_loss and max_rtt are judged over. */
#define HEALTH_WINDOW 20

struct health_window {
	unsigned n;    /* probes in it, at most HEALTH_WINDOW */
	uint32_t lost; /* bit 0: the latest probe was lost; bit 1: the one before */
	uint32_t rtt_us[HEALTH_WINDOW]; /* in the same order; of lost ones without meaning */
};

void health_window_add(struct health_window *window, bool answered, uint32_t rtt_us);

/* The share of lost probes, 0 to 1; 0 without any probe. */
double health_window_loss(const struct health_window *window);
/* The mean over the answered ones in microseconds; 0 without any. */
double health_window_rtt(const struct health_window *window);

/*
 * False when a full window has more loss than max_loss or is slower than max_rtt: its
 * target does not count as answering then. A window that is not full judges nothing.
 */
bool health_window_passes(const struct health_window *window, const struct health_conf *conf);

struct health_state {
	enum verdict state;
	unsigned failures, successes; /* cycles in a row, up to now; one of both is 0 */
	unsigned transitions;	      /* changes of state so far */
	uint64_t since;		      /* of the last change; seconds since 1970 */
};

/*
 * One cycle: good when at least min_targets answered. failure_threshold failed ones in a row
 * lead to down, recovery_threshold good ones from down to up, and the first good
 * one from unknown to up: nothing has to recover. True when the state changed.
 */
bool health_step(struct health_state *health, bool good, const struct health_conf *conf,
		 uint64_t now);

const char *verdict_name(enum verdict verdict);
