// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses that two have: mwan.conf gives them to one, and the ISP, whose leases and
 * advertisements nobody knows beforehand, to another. What can't be used because of it, and what to
 * say. Pure.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

enum conflict_kind {
	CONFLICT_MAP4_GATEWAY, /* a public address of [map4] is the ISP's router's */
	CONFLICT_MAP4_END,     /* it is the first or last address of a network on the link */
	CONFLICT_MAP4_LEASE,   /* a lease that a line names is what another line has */
	CONFLICT_INSIDE,       /* an address or gateway of the WAN is one of the inside */
	CONFLICT_ONLINK6,      /* the prefix is not routed to us, but on the link itself */
};

struct conflict {
	enum conflict_kind kind;
	size_t wan; /* its index */
	enum family family;
	size_t map4;	      /* its index, of the first three kinds */
	struct addr addr;     /* that two have, of all but the last kind */
	struct prefix prefix; /* that is refused, of the last kind */
	/* What the address is an end of; who has the lease; what is inside, or on the link. */
	struct prefix network;
};

struct conflicts {
	struct conflict *v; /* owned */
	size_t n;
};

static inline void conflicts_done(struct conflicts *conflicts)
{
	free(conflicts->v);
	*conflicts = (struct conflicts){};
}

/* All that there are. 0 or -ENOMEM. */
int conflicts_find(const struct site *site, struct conflicts *ret);

/* "map4-gateway": for tests and programs. */
const char *conflict_kind_name(enum conflict_kind kind);
bool conflict_is_same(const struct conflict *a, const struct conflict *b);
/* What is so, and what to do about it; without the WAN's name. */
void conflict_write(const struct config *config, const struct conflict *conflict, FILE *what,
		    FILE *fix);
/* The same in texts for the caller to free; fix may be NULL. 0 or -ENOMEM. */
int conflict_describe(const struct config *config, const struct conflict *conflict, char **what,
		      char **fix);

/* The line's public address on the WAN now: of a lease, what the WAN sends from. AF_UNSPEC: none.
 */
struct addr map4_public(const struct config *config, const struct facts *facts, size_t map4,
			size_t wan);
/*
 * True when that line of [map4] translates on that WAN. On one that masquerades, a host whose line
 * names the lease is reached there.
 */
bool map4_is_usable(const struct config *config, const struct facts *facts, size_t map4,
		    size_t wan);
/*
 * True when at least one WAN that maps would translate it, were its address not another's there, or
 * if there were a lease.
 */
bool map4_is_left_out(const struct config *config, const struct facts *facts, size_t map4);

/*
 * Takes the family away from each WAN that has an address of the inside there: packets for one of
 * both would find the other. facts->wans[].inside says so.
 */
void facts_refuse_inside(const struct config *config, struct facts *facts);

/* The prefix on the WAN's link that shares addresses with what is used of this one; NULL: none. */
const struct prefix *facts_onlink6(const struct config *config, const struct facts *facts,
				   size_t wan, struct prefix prefix);
/* 0, or -EINVAL with the reason when there is one. */
int npt_check_onlink(const struct config *config, const struct facts *facts, size_t wan,
		     struct prefix delegated, struct fault *fault);
/* Makes `npt` what `resolved` is, but for what is on a link: that is refused. */
void npt_refuse_onlink(const struct config *config, const struct facts *facts,
		       const struct npt_state *resolved, struct npt_state *npt);
