// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What mwan keeps in the kernel besides nftables, as plain values: addresses,
 * routes and policy rules. A set stays sorted by kind and content, so that
 * comparing two is one walk. Nothing here talks to the kernel.
 */
#pragma once

#include "base/prefix.h"

#include <net/if.h>
#include <stddef.h>
#include <stdio.h>

/* The mark of our objects: the protocol of routes and rules, IFA_PROTO of addresses. */
#define RTPROT_MWAN 77

/* The metric of our IPv6 routes, so that none shares a multipath with a foreign one. */
#define METRIC_OURS 1
/* The metric of the last resort in each table: after everything else. */
#define METRIC_LAST 4278198272U
/* The metric of our routes to networks of [direct]: after those of whoever owns the interface. */
#define METRIC_DIRECT (METRIC_LAST - 1)

/* In the order in which they are added; they are removed in the opposite one. */
enum object_kind {
	OBJECT_ADDRESS,
	OBJECT_ROUTE,
	OBJECT_RULE,
};

struct link_ref {
	unsigned index;
	char name[IFNAMSIZ]; /* for words only */
};

struct object {
	enum object_kind kind;
	int family;
	struct prefix prefix; /* the address; the route's destination; what the rule is for */
	struct link_ref link; /* of an address or a route; index 0: none */
	uint32_t table;	      /* of a route or a rule */

	/* routes */
	uint8_t type; /* RTN_UNICAST, RTN_UNREACHABLE, … */
	uint32_t metric;
	struct addr via;    /* AF_UNSPEC: on-link */
	struct addr source; /* what the router's own packets leave from; AF_UNSPEC: not said */
	bool onlink; /* the gateway is reachable on the link; matters when it is added only */

	/* rules */
	uint32_t pref;
	uint32_t mark;	  /* 0: by source or destination */
	bool to;	  /* its prefix is the destination, not the source */
	bool own;	  /* only what begins here: iif lo */
	bool unmarked;	  /* only what has the mark 0 */
	bool drops;	  /* blackhole, instead of looking up a table */
	uint32_t skip_to; /* the preference to go on at, instead of looking up a table; or 0 */
	/* With none of these and no table, it does nothing, but be where another one goes on. */

	/* Seen in the kernel with something that we never set: equal to nothing desired. */
	bool odd;
	void *raw;  /* owned by the set: the kernel's own message, to name it exactly; or NULL */
	char *text; /* owned by the set: what ip(8) calls such an odd one; or NULL */
};

struct object_set {
	struct object *v; /* sorted, owned */
	size_t n;
};

/* Takes over object.raw and text, also on failure. 0, or -ENOMEM with the set unchanged. */
int object_set_add(struct object_set *set, struct object object);
void object_set_done(struct object_set *set);

/*
 * Order by meaning. raw, the link's name and onlink do not count: when the kernel deletes a route,
 * it takes IPv4 routes that differ in onlink alone for one.
 */
int object_cmp(const struct object *a, const struct object *b);

/* True when the kernel knows both by the same key, so that one replaces the other. */
bool object_same_route(const struct object *a, const struct object *b);

/* The scope of a route that we add: RT_SCOPE_LINK or RT_SCOPE_UNIVERSE. */
uint8_t object_scope(const struct object *route);

/* The object in ip(8) syntax, from after `ip [-6] route add` or `del`. */
void object_print(const struct object *object, bool add, FILE *f);
