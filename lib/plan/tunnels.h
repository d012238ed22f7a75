// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tunnels without ports (ESP, GRE, 6in4, …) that a peer moves from one WAN to another. Pure.
 *
 * Inside, both flows are the same pair of addresses, and the kernel drops what would make the
 * second one. So a packet from a WAN for an address that is mapped one to one belongs to the
 * connection zone of that WAN, which is its mark. What is sent to the peer goes to the zone that
 * his last packet came from; to somebody who has sent nothing, to zone 0.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

/* The chunks of table inet filter. */
void tunnels_write(const struct site *site, FILE *f);
