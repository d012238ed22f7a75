// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel says of this site's links, without what mwan itself put there. Everything that is
 * desired follows from this, from mwan.conf and from the probes.
 */
#pragma once

#include "config/config.h"
#include "model/management.h"
#include "model/object.h"
#include "model/routers.h"

struct gateway_fact {
	bool present;
	struct addr via;    /* AF_UNSPEC: the link itself, as on point-to-point links */
	struct addr source; /* what the route says to send from; AF_UNSPEC: nothing */
	bool sourceless;    /* the kernel refuses our routes with a source */
	unsigned mtu;	    /* what the route says; 0: nothing */
	uint32_t metric;    /* of the route it was learnt from */
	int preference;	    /* its router's, RFC 4191: 1 high, 0 medium, -1 low */
	uint64_t end_us;    /* of its router's lifetime, on CLOCK_MONOTONIC; 0: it has none */
};

/* A gateway that default routes over the link name. */
struct router {
	struct gateway_fact gateway;
	bool silent; /* looked for in vain: only known where there are several */
};

struct router_list {
	struct router *v; /* owned; no two with the same address */
	size_t n;
};

struct link_fact {
	struct link_ref link; /* index 0: there is no such link */
	char taken_by[48];    /* "[wan att]": it is there, and that section's; else "" */
	bool up, carrier;
	bool inet6;		  /* IPv6 is enabled: the link has at least a link-local address */
	bool prefers_temporary;	  /* as source, IPv6 privacy addresses */
	bool unmarked_check;	  /* IPv4 sources are checked without a packet's mark */
	unsigned mtu[N_FAMILIES]; /* 0: not known */
	struct prefix *addresses; /* owned; not ours, not link-local; with their prefix length */
	size_t n_addresses;
	struct addr *own; /* owned; addresses that are there already, and mwan's */
	size_t n_own;
	unsigned n_global[N_FAMILIES]; /* addresses that the kernel may send from */
	bool sole[N_FAMILIES];	       /* it would choose the source: there is no other */
	/* The best address of each family to send from to the internet: model/source.h. */
	struct addr source[N_FAMILIES];
};

struct onlink6 {
	struct prefix prefix;
	bool advertised; /* by a router; or one of our addresses has that length */
};

struct wan_facts {
	struct link_fact link;
	struct gateway_fact gateway[N_FAMILIES]; /* the one that is used: facts_choose_gateways() */
	struct router_list routers[N_FAMILIES];	 /* all that there are */
	/*
	 * An address of the inside that the WAN has, or its gateway: then it has no address and no
	 * gateway of that family. AF_UNSPEC: none. See model/conflict.h.
	 */
	struct addr inside[N_FAMILIES];
	struct onlink6 *onlink6; /* owned; IPv6 prefixes whose hosts are on the link itself */
	size_t n_onlink6;
};

/* How a network of a [direct] section is reached by routes in main that are not ours. */
struct direct_route {
	bool found;	 /* the longest prefix over the section's interface that holds it all */
	unsigned len;	 /* of that prefix */
	struct addr via; /* AF_UNSPEC: on the link itself */
};

struct direct_fact {
	struct link_ref link;	     /* index 0: there is no such link */
	bool takes[N_FAMILIES];	     /* routes of the family can lead over it */
	unsigned mtu;		     /* 0: not known */
	struct direct_route *routes; /* owned; one for each of its networks */
};

/* Whether a machine on the link has answered lately. */
enum presence {
	PRESENCE_UNKNOWN, /* it was not asked for, or has time to answer yet */
	PRESENCE_SEEN,
	PRESENCE_MISSED, /* it was asked for in vain */
};

struct facts {
	struct link_fact lan;
	struct addr router6_linklocal; /* AF_UNSPEC: nobody there */
	/*
	 * OPNsense's address, if several machines share it (CARP, VRRP) and no link-local address
	 * is known that moves with it; else AF_UNSPEC.
	 */
	struct addr shared_router;
	enum presence router4, router6; /* OPNsense, by each family: router6 by its link-local */
	struct wan_facts *wans;		/* owned; by the WAN's index */
	size_t n_wans;
	struct direct_fact *directs; /* owned; by the section's index */
	size_t n_directs;
	struct management management;
	uint32_t machine; /* which our echo requests begin with: base/machine.h; 0: not known */
};

/* Room for all WANs and [direct] sections, of whose links nothing is known yet. 0 or -ENOMEM. */
int facts_new(const struct config *config, struct facts *ret);
void facts_done(struct facts *facts);

/* 0, or -EADDRNOTAVAIL with what is wrong and what to do, when there is a shared_router. */
int facts_check_shared(const struct facts *facts, struct fault *fault);

/* The site's link with that index; NULL: none. */
struct link_fact *facts_link(const struct facts *facts, unsigned index);

/* Calls each link in config as the kernel does now; one that is not there, as the file does. */
void facts_name_links(const struct facts *facts, struct config *config);

/* Adds a router, or what another default route says of it. 0 or -ENOMEM. */
int router_list_add(struct router_list *routers, struct gateway_fact gateway);
/*
 * The more preferred of the two as far as the advertisements, or whoever made the routes, say: by
 * metric, as for the kernel, then by RFC 4191, then by address.
 */
bool router_is_preferred(const struct gateway_fact *a, const struct gateway_fact *b);
/*
 * Chooses each WAN's gateways: of the routers that are not refused, one that is not silent, or at
 * least not avoided, and of those the most preferred.
 */
void facts_choose_gateways(struct facts *facts, const struct router_opinions *opinions);
/* The n-th router that is preferred to the gateway in use; NULL: there is none. */
const struct router *facts_passed_over(const struct facts *facts, size_t wan, enum family family,
				       size_t n);

/* The largest packet that both the LAN and the WAN carry; 0: not known. */
unsigned facts_mtu(const struct facts *facts, size_t wan, enum family family);

/* The same of the LAN and the [direct] section. */
unsigned facts_direct_mtu(const struct facts *facts, size_t direct, enum family family);

/* True when a WAN other than that one has the address, as with two like modems. */
bool facts_share(const struct facts *facts, size_t wan, struct addr addr);

/* True when one of the link's own addresses is exactly this one. */
bool link_has_address(const struct link_fact *link, struct addr addr);
/* True when it is there, and mwan's own. */
bool link_has_own(const struct link_fact *link, struct addr addr);
/* True when the gateway lies in a prefix of one of the link's addresses. */
bool link_reaches(const struct link_fact *link, struct addr gateway);
/* True when the link has an address of the family. */
bool link_has_family(const struct link_fact *link, int family);
