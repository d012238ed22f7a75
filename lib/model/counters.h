// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is counted of the packets that are forwarded, and how the filter's counters are called:
 * `m1_ipv4_out` counts IPv4 that leaves by the WAN with mark 1.
 */
#pragma once

#include "base/family.h"

#include <stdbool.h>
#include <stdint.h>

enum direction {
	OUTBOUND,
	INBOUND,
	N_DIRECTIONS,
};

struct counter {
	uint32_t mark; /* the WAN's, 1 to 254 */
	enum family family;
	enum direction direction;
};

struct counter_name {
	char s[24];
};
struct counter_name counter_name(struct counter counter);

/* A space or the end of the text ends the name. False when it is not one of ours. */
bool counter_parse(const char *name, struct counter *ret);

struct traffic_family {
	uint64_t flows; /* in conntrack now */
	struct traffic_count {
		uint64_t packets, bytes; /* forwarded since the rules were loaded */
	} count[N_DIRECTIONS];
};

struct traffic {
	struct traffic_family (*wans)[N_FAMILIES]; /* owned; by the WAN's index in the report */
};

void traffic_done(struct traffic *traffic);
