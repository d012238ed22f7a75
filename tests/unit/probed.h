// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A scene and what the daemon keeps of it: every family up since three hours and twelve
 * minutes, every target answered twenty times. A test changes what it is about.
 */
#pragma once

#include "health/report_make.h"
#include "scene.h"

#define NOW 1795372200 /* 2026-11-22T18:30:00Z */

struct probed {
	struct scene *scene; /* the caller's */
	struct wan_health *health;
	struct report before; /* the last report; empty: there is none */
};

void probed_make(struct probed *probed, struct scene *scene);
void probed_done(struct probed *probed);

struct health_state *probed_state(struct probed *probed, size_t wan, enum family family);
struct probe_target *probed_target(struct probed *probed, size_t wan, enum family family,
				   size_t target);

/* Probes one after the other, as in health.json; those answered took rtt_us. */
void window_fill(struct health_window *window, const char *probes, uint32_t rtt_us);

/* The target's last `lost` probes got no answer. */
void probed_lose(struct probed *probed, size_t wan, enum family family, size_t target,
		 unsigned lost);

/* All targets silent for `cycles`, and the verdict that follows. */
void probed_fail(struct probed *probed, size_t wan, enum family family, unsigned cycles);

/* What the daemon reports, at NOW. */
void probed_report(const struct probed *probed, struct report *ret);
