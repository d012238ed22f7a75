// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hairpin: hosts inside reach hosts inside by the addresses that these have on the WANs. The router
 * turns such flows round, and no WAN has to be there. Here are the addresses; plan/hairpin.h makes
 * them.
 */
#pragma once

#include "base/prefix.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * With the WAN's own added, the mark of the first packet of such a flow, from the look-up of its
 * destination to its translation. The flow itself has none: it is no WAN's.
 */
#define HAIRPIN_MARK 256U

/* What a WAN leads inside: an address, or the block that prefix6 is translated to. */
struct hairpin {
	struct prefix outside;
	struct prefix inside; /* of the same length; AF_UNSPEC: nobody inside, but the router */
	size_t wan;
};

/* No two of the same outside; empty with `hairpin = no`. */
struct hairpins {
	struct hairpin *v; /* owned; single addresses first, sorted */
	size_t n, n_hosts;
};

static inline void hairpins_done(struct hairpins *hairpins)
{
	free(hairpins->v);
	*hairpins = (struct hairpins){};
}

/* How a flow from inside with that destination is turned round; NULL: it is not. */
const struct hairpin *hairpins_find(const struct hairpins *hairpins, struct addr destination);
/* The WAN's block; NULL: prefix6 is not translated there. */
const struct hairpin *hairpins_block(const struct hairpins *hairpins, size_t wan);
/* Whom it reaches inside; AF_UNSPEC: the router itself. */
struct addr hairpin_inside(const struct hairpin *hairpin, struct addr destination);
