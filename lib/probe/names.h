// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The addresses of names that the probes of one WAN and family ask for, kept as long as the name
 * servers say and asked for anew before that. An answer that has expired is better than none.
 */
#pragma once

#include "probe/resolver.h"

struct names;

struct name {
	struct names *names;
	struct name *next; /* of the same names */
	char *host;	   /* owned */

	struct addr addrs[NAME_ADDRS];
	size_t n;    /* 0: none is known */
	size_t turn; /* the one to ask */

	bool pending;		    /* it is being looked up, */
	uint64_t asked_us;	    /* since then */
	uint64_t due_us;	    /* when to look it up again */
	enum probe_failure failure; /* why the last look-up failed; no meaning while why is "" */
	char why[PROBE_WHY];
};

struct names_handlers {
	/* A look-up is over; it may be so before name_ask() returns. */
	void (*news)(struct name *name, void *arg);
	/* The loop has brought some. */
	void (*woken)(void *arg);
};

/* As resolver_new(). */
int names_new(const struct resolver_library *library, const struct probe_group *group,
	      const struct names_handlers *handlers, void *arg, struct names **ret);
void names_free(struct names *names);

/* The same name twice is one. NULL: no memory. */
struct name *names_add(struct names *names, const char *host);

/* Uses the address until a look-up brings others. */
void name_recall(struct name *name, struct addr address);

/* As resolver_renew(), and asks again what was under way. */
void names_renew(struct names *names);

/* Looks it up if there is no address, or if it is due; in the background if there is one. */
void name_refresh(struct name *name);

/* The address did not do: the following one is next, and the name is looked up again. */
void name_doubt(struct name *name, struct addr address);

/* Why there is no address yet, while it is looked up. */
struct name_answer name_silence(const struct name *name);
