// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking a WAN out by hand, and putting it back.
 */
#pragma once

#include "base/cli.h"

#include <stdint.h>

struct drain_order {
	const char *wan;
	bool drain;	/* else it is no longer drained */
	uint64_t for_s; /* 0: until somebody undrains it */
};

/*
 * Keeps the order on disk, runs as update-routes does, and prints what is so then. An exit status,
 * or a negative errno with a fault; EXIT_USAGE comes with a fault too.
 */
int drain_run(const struct cli *cli, const struct drain_order *order, struct fault *fault);
