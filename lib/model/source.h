// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which of its addresses a WAN sends from to the internet. Pure.
 */
#pragma once

#include "model/site.h"

/* An address that a link has and that packets can be sent from: not tentative, not link-local. */
struct source_candidate {
	struct prefix at;
	bool dynamic;	 /* it has a lifetime, as leases have */
	bool deprecated; /* its preferred lifetime is over */
	bool temporary;	 /* an IPv6 privacy address, and the link prefers those */
};

/*
 * How good it is, from 1; of equals, the first is taken. What the default route says is best. Then
 * an address that is not deprecated. Of these, IPv4: a leased one, else the one beside the gateway.
 * IPv6: a global one, then one of a subnet, for a /128 of DHCPv6 may not be reached from
 * everywhere.
 */
unsigned source_rank(const struct source_candidate *candidate, const struct gateway_fact *gateway);

/*
 * What packets of the router itself, and those that are masqueraded, leave the WAN from: with a
 * delegated prefix its edge, else the best address of the link. AF_UNSPEC: there is none.
 */
struct addr source_of(const struct site *site, size_t wan, enum family family);

/*
 * At which address services inside are reached over the WAN: router4's in [map4]; else what it
 * sends from, which is the edge where there is a prefix. AF_UNSPEC: there is none.
 */
struct addr public_of(const struct site *site, size_t wan, enum family family);

/* What a source from inside becomes on the WAN; AF_UNSPEC: it is not translated there. */
struct addr source_outside(const struct site *site, size_t wan, struct addr inside);
