// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One direction of a flow, as the kernel's connection tracking knows it.
 */
#pragma once

#include "base/prefix.h"

struct nlattr;

/* A packet's addresses and ports; of ICMP, sport is the id. */
struct flow_tuple {
	struct addr source, destination;
	uint8_t protocol;
	uint16_t sport, dport;
};

/* Of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY; without it, all is 0. */
struct flow_tuple flow_tuple_read(struct nlattr *attr);
/* For qsort() and bsearch(). */
int flow_tuple_cmp(const void *a, const void *b);
