/*
 * The cycles of probes of all WANs: when they begin, when they are over, and the verdicts
 * that follow.
 *
 * WANs of the same interval begin together, IPv6 first; each WAN's deadline is its timeout later.
 */
#pragma once

#include "report_make.h"

struct cycles;

struct cycles_handlers {
	/* A verdict is another than before; cycles_health() has the new one. */
	void (*changed)(size_t wan, enum family family, enum verdict old, void *arg);
	/* A cycle of some WANs is over. */
	void (*over)(void *arg);
};

/*
 * before: what is known of these WANs and targets, by their names; empty: nothing. config and
 * handlers have to outlive the cycles. 0 or a negative errno with a fault.
 */
int cycles_new(sd_event *event, const struct config *config, const struct report *before,
	       const struct cycles_handlers *handlers, void *arg, struct cycles **ret,
	       struct fault *fault);
void cycles_free(struct cycles *cycles);

/*
 * How probes leave from now on: over each WAN's interface with its mark, from the prefix's
 * ::1 or else an address of the interface that can be used; renew as for probe_set_path().
 */
void cycles_set_paths(struct cycles *cycles, const struct facts *facts, const struct npt_state *npt,
		      bool renew);

/* The first cycle begins as soon as the loop runs; the others follow. No-op once they do. */
void cycles_start(struct cycles *cycles);

/* By the WAN's index. */
const struct wan_health *cycles_health(const struct cycles *cycles);
