// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether the gateway of a WAN whose probes fail answers on its link: then the ISP behind it is at
 * fault, else the line or the ISP's device. The kernel asks for it by ARP or neighbour discovery.
 */
#pragma once

#include "health/report_make.h"
#include "kernel/neighbours.h"

/*
 * After a failed cycle: what the kernel has found out since the one before, and has it ask again.
 * It does not wait. PRESENCE_UNKNOWN: nothing fails, or it is not known yet.
 */
enum presence gateway_review(struct nl_sock *sk, const struct site *site, size_t wan,
			     enum family family, const struct wan_health *health);

/* Fills `gateway` of all whose last cycle has failed. It waits for their answers, up to 3.5 s. */
void gateways_ask(struct nl_sock *sk, const struct site *site, struct wan_health *health);
