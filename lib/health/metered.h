// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a metered WAN is probed less often. Pure.
 *
 * It rests in a family that a better tier carries without a doubt, once its own verdict is sure.
 */
#pragma once

#include "health/report_make.h"

/*
 * True when flows, or those of a rule, have no WAN of a better tier that carries the family, or
 * when one failed cycle or more says that this may end: the WAN has to be ready to. health: of all
 * WANs.
 */
bool metered_is_needed(const struct config *config, const struct wan_health *health, size_t wan,
		       enum family family);

/* True when the next cycles say little: it is up, or down, and the last cycle has said the same. */
bool metered_is_settled(const struct health_state *state);
