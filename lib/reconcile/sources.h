// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sources of live delegations that this machine has.
 */
#pragma once

#include "model/delegation.h"

#include <stddef.h>

/* In the order in which they are asked. */
struct prefix_sources {
	struct prefix_source v[4];
	size_t n;
};

/*
 * networkd: what stands for systemd-networkd, where a daemon follows it; NULL: ask it over the bus.
 * 0 or -ENOMEM.
 */
int prefix_sources_open(const struct prefix_source *networkd, struct prefix_sources *ret);

/* Finds out who does not answer, which may take seconds: he is not waited for again. */
void prefix_sources_wait(const struct prefix_sources *sources);
void prefix_sources_close(struct prefix_sources *sources);
