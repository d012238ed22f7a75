/*
 * What mwan keeps in the kernel besides nftables, as plain values: addresses,
 * routes and policy rules. A set stays sorted by kind and content, so that
 * comparing two is one walk. Nothing here talks to the kernel.
 */
#pragma once

#include "prefix.h"

#include <net/if.h>
#include <stddef.h>
#include <stdio.h>

/* Ours carry this: routes and rules as their protocol, addresses as IFA_PROTO. */
#define RTPROT_MWAN 77

/* The metric of our IPv6 routes, so that none shares a multipath with a foreign one. */
#define METRIC_OURS 1
/* The metric of the last resort in each table: after everything else. */
#define METRIC_LAST 4278198272U

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
	struct prefix prefix; /* the address; the route's destination; the rule's source, if any */
	struct link_ref link; /* of an address or a route; index 0: none */
	uint32_t table;	      /* of a route or a rule */

	/* routes */
	uint8_t type; /* RTN_UNICAST, RTN_UNREACHABLE, … */
	uint32_t metric;
	struct addr via; /* AF_UNSPEC: on-link */
	bool onlink; /* take the gateway as reachable on the link: of use when it is added only */

	/* rules */
	uint32_t pref;
	uint32_t mark; /* 0: by source */

	/* Seen in the kernel with something that we never set: equal to nothing wanted. */
	bool odd;
	void *raw; /* owned by the set: the kernel's own message, to name it exactly; or NULL */
};

struct object_set {
	struct object *v; /* sorted, owned */
	size_t n;
};

/* Takes over object.raw, also on failure. 0, or -ENOMEM with the set unchanged. */
int object_set_add(struct object_set *set, struct object object);
void object_set_done(struct object_set *set);

/*
 * Order by meaning: raw and the link's name do not count, nor does onlink: to the kernel, IPv4
 * routes that differ in it alone are one when it is to delete one of them.
 */
int object_cmp(const struct object *a, const struct object *b);

/* True when the kernel knows both by the same key, so that one replaces the other. */
bool object_same_route(const struct object *a, const struct object *b);

/* The object in ip(8) syntax, from after `ip [-6] route add`. */
void object_print(const struct object *object, FILE *f);
