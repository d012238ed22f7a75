// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The number that a new flow draws in table inet mangle, as the kernel computes it. Pure.
 */
#pragma once

#include "base/flow.h"
#include "model/selection.h"

/* Any fixed number: a flow then chooses alike on all CPUs, and after a reboot. */
#define DRAW_SEED 0x6d77616e

/*
 * A flow by its first packet, as far as it is known. Of ICMP, flow.sport is the id of an echo
 * request.
 */
struct flow_query {
	struct flow flow;
	bool has_protocol, has_sport, has_dport;
};

/* True when the flow's number follows from what is known of it; *ret is below SLOTS. */
bool draw_number(const struct flow_query *query, enum balance_mode mode, unsigned *ret);
