// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cycles of probes of all WANs: when they begin, when they are over, and the verdicts
 * that follow.
 *
 * WANs of the same interval begin together, IPv6 first; each WAN's deadline is its timeout later.
 */
#pragma once

#include "health/report_make.h"

struct cycles;

struct cycles_handlers {
	/* A verdict is another than before; cycles_health() has the new one. */
	void (*changed)(size_t wan, enum family family, const struct health_state *old, void *arg);
	/* This machine has begun, or stopped, to refuse what decides about a WAN. */
	void (*undecided)(size_t wan, enum family family, bool undecided, void *arg);
	/* A cycle of some WANs is over. */
	void (*over)(void *arg);
};

/*
 * before: what is known of these WANs and targets, by their names; empty: nothing. handlers: NULL:
 * nobody asks. It and config have to outlive the cycles. 0 or a negative errno with a fault.
 */
int cycles_new(sd_event *event, const struct config *config, const struct report *before,
	       const struct cycles_handlers *handlers, void *arg, struct cycles **ret,
	       struct fault *fault);
void cycles_free(struct cycles *cycles);

/*
 * How probes leave from now on: over each WAN's interface with its mark, from the prefix's
 * ::1 or else an address of the interface that can be used; renew as for probe_set_path().
 */
void cycles_set_paths(struct cycles *cycles, const struct site *site, bool renew);

/* Whether the WAN's gateway answers on the link. Who asks: gateways.h. */
void cycles_set_gateway(struct cycles *cycles, size_t wan, enum family family,
			enum presence presence);

/* Its probes go another way from now on: if it is down, the first answers are enough. */
void cycles_forgive(struct cycles *cycles, size_t wan, enum family family);

/* The first cycle begins as soon as the loop runs; the others follow. No-op once they do. */
void cycles_start(struct cycles *cycles);

/* True when each WAN and family that is probed has had a cycle. */
bool cycles_are_over(const struct cycles *cycles);

/* True when a cycle should have begun, or ended, long ago. */
bool cycles_stand_still(const struct cycles *cycles);

/* By the WAN's index. */
const struct wan_health *cycles_health(const struct cycles *cycles);
