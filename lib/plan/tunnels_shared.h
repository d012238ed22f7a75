// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tunnels without ports of those that share an outside address with a host that is reached there:
 * hosts of a network in [map4], who is masqueraded behind a host's lease, and this router itself.
 * Theirs have no zones: the peers that they have asked for are answered in none. Pure.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

#define ADD "add rule inet filter "

/* Only packets without ports, and ICMP, come here. The mark is the packet's own afterwards. */
#define RESET "meta mark set 0"

/* What a mark says: who is inside, a host by its place in [map4], and the zone. */
static inline uint32_t tunnel_mark(size_t host, uint32_t zone)
{
	return (uint32_t)(host + 1) << 8 | zone;
}

/* True where hosts may be reached by addresses of the WAN. */
static inline bool tunnels_lead_in4(const struct config *config, size_t wan)
{
	return wan_maps4(&config->wans[wan]) || config_maps_lease(config, wan);
}

/* From the WANs; before the look-up of who is meant. */
void tunnels_write_shared_in(const struct site *site, FILE *f);
/* From inside, before and after the look-up of who it is. */
void tunnels_write_masqueraded_out(const struct site *site, FILE *f);
void tunnels_write_networks_out(const struct config *config, FILE *f);
/* The router's own packets. */
void tunnels_write_own(const struct site *site, FILE *f);
