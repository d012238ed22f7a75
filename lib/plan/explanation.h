// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is said of one flow, as a value.
 */
#pragma once

#include "base/string_list.h"
#include "model/site.h"
#include "plan/draw.h"

enum explain_kind {
	EXPLAIN_REFUSED, /* there is no way */
	EXPLAIN_OUT,	 /* from inside, by a WAN */
	EXPLAIN_IN,	 /* from a WAN, to the inside */
	EXPLAIN_TO_ROUTER,
	EXPLAIN_OWN,	/* of the router itself, by a WAN */
	EXPLAIN_TURNED, /* from inside to the inside, by an address of a WAN */
	EXPLAIN_NO_WAN, /* it goes somewhere, and needs no WAN */
};

/* "refused", "out": for JSON. */
const char *explain_kind_name(enum explain_kind kind);

/* A WAN that the flow may get. */
struct explain_way {
	size_t wan;
	unsigned slots;	    /* of SLOTS: how many lead to it; all: certainly */
	struct addr source; /* which address the outside sees */
};

struct explanation {
	enum explain_kind kind;
	const struct rule_conf *rule; /* that it meets; NULL: none */
	struct explain_way *ways; /* owned; those of EXPLAIN_OUT, else one; the first that fits */
	size_t n_ways;
	bool drawn; /* the number is known, and then the WAN */
	unsigned number;
	uint32_t mark;		/* that packets get; EXPLAIN_OUT: each WAN's own */
	uint32_t table;		/* that routes them; EXPLAIN_OUT: each WAN's own; 0: none */
	struct addr source;	/* EXPLAIN_TURNED: which address the inside sees */
	struct addr inside;	/* who it is translated to */
	struct string_list why; /* sentences, the most important first */
};

void explanation_done(struct explanation *explanation);
