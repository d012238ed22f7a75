// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which flows from inside are turned round to a host inside (model/hairpin.h), and what he is shown
 * as their source. Pure.
 */
#pragma once

#include "model/site.h"

/* Makes site->hairpins anew from the rest of the site. 0, or -ENOMEM with the old ones in place. */
int hairpins_make(struct site *site);

/*
 * What such a flow shows as its source: the address that the inside host has on that WAN, so that
 * the answer comes back through the router. AF_UNSPEC: it has none there, and shows the router's
 * own address on the LAN.
 */
struct addr hairpin_source(const struct site *site, const struct hairpin *hairpin,
			   struct addr source);
