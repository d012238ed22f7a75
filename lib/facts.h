/*
 * What the kernel says of this site's links, apart from what mwan put there:
 * the ground on which everything wanted is built.
 */
#pragma once

#include "config.h"
#include "object.h"

struct gateway_fact {
	bool present;
	struct addr via;    /* AF_UNSPEC: the link itself, as on point-to-point links */
	struct addr source; /* what the route says to send from; AF_UNSPEC: nothing */
	uint32_t metric;    /* of the route it was learnt from */
};

struct link_fact {
	struct link_ref link; /* index 0: there is no such link */
	bool up, carrier;
	bool inet6; /* IPv6 is enabled: the link has an address of it, if only link-local */
	struct prefix *addresses; /* owned; not ours, not link-local; with their prefix length */
	size_t n_addresses;
	/*
	 * To send from to the internet, of each family the best that is neither tentative nor
	 * deprecated: the default route's, or one beside the gateway, or the most public.
	 */
	struct addr source[N_FAMILIES];
};

struct wan_facts {
	struct link_fact link;
	struct gateway_fact gateway[N_FAMILIES];
};

struct facts {
	struct link_fact lan;
	struct addr router6_linklocal; /* AF_UNSPEC: nobody there */
	struct wan_facts *wans;	       /* owned; by the WAN's index */
	size_t n_wans;
};

void facts_done(struct facts *facts);

/* True when one of the link's own addresses is exactly this one. */
bool link_has_address(const struct link_fact *link, struct addr addr);
/* True when the gateway lies in a prefix of one of the link's addresses. */
bool link_reaches(const struct link_fact *link, struct addr gateway);
/* True when the link has an address of the family. */
bool link_has_family(const struct link_fact *link, int family);
