// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Networks that must not leave by main's default route, which is a WAN's: those of [direct], and
 * modems. Pure.
 */
#pragma once

#include "model/object.h"

/* Of the rules to these networks: ahead of the rules by source, behind those by mark. */
#define PREF_DIRECT 999

/*
 * Adds a rule to the network, and the unreachable route in main that ends it where there is no
 * better one. `own`: a rule for what begins here only. 0 or -ENOMEM.
 */
int end_add(struct prefix network, bool own, struct object_set *set);
