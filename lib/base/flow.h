// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A flow by its first packet from inside, as mwan sees it.
 */
#pragma once

#include "base/family.h"
#include "base/prefix.h"

struct flow {
	enum family family;
	struct addr source, destination; /* of the family */
	uint8_t protocol;		 /* IPPROTO_… */
	uint8_t dscp;			 /* 0 to 63 */
	uint16_t sport, dport;		 /* where the protocol has ports; else 0 */
};

/* True when the protocol has ports where TCP and UDP have them. */
static inline bool protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}
