// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides which WANs new flows may choose, and with what share. Pure.
 *
 * A WAN is usable in a family when it is configured for it and has carrier, a gateway and a
 * translation. It is eligible when it is usable and not probed down, drained or held. The lowest
 * tier with an eligible WAN carries new flows, in proportion to the weights.
 *
 * With none eligible, the usable ones carry as a last resort: those that are held, without any
 * those that are drained, and without any those that are down if `all_down = keep`. This goes by
 * the family as a whole; but sources that no other WAN translates may use one that is held or
 * drained.
 *
 * Slots are dealt to all members of the tier first, and those of the ineligible ones are then dealt
 * to the rest: a flow or source on a healthy WAN keeps its choice when another WAN goes or comes.
 */
#pragma once

#include "model/site.h"

/*
 * Makes site->selections anew from the rest of the site: one for each group of flows
 * (plan/groups.h). 0, or -ENOMEM with the old ones in place.
 */
int selections_make(struct site *site);
