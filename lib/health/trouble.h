// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is wrong with a WAN in one family, for somebody who has just been woken up: the cause that
 * comes first, and what to do about it. Pure.
 */
#pragma once

#include "model/site.h"
#include "probe/target.h"
#include "status/report.h"

/* Where it is looked for. */
struct trouble_view {
	const struct site *site; /* its selections: those that follow from the verdicts */
	size_t wan;
	enum family family; /* one that the WAN is configured for */
	const struct health_state *health;
	const struct probe_set *probes; /* NULL: none */
	bool undecided;			/* the last cycle, as this machine refused probes */
	enum presence gateway;		/* whether it answers, while nothing behind it does */
	/* Why its 802.1X port is not authenticated; NULL: it is, or has none. */
	const struct fault *unauthenticated;
};

/*
 * One kind of trouble, whatever others there are. Those of links, gateways, prefixes and
 * translation, and the fallback, need no selections, health or probes. 0 or -ENOMEM; *ret is the
 * caller's: trouble_done(). Its `what` is NULL when there is no such trouble.
 */
int trouble_find(const struct trouble_view *view, enum trouble_kind kind, struct trouble *ret);

/* The first kind that there is. The same results. */
int trouble_describe(const struct trouble_view *view, struct trouble *ret);

/*
 * 0, or a negative errno with what is wrong with the LAN link or OPNsense on it, and what to do. It
 * says nothing of any WAN.
 */
int trouble_of_lan(const struct site *site, struct fault *fault);

/* What to do about a PPP link that is not there; NULL: the interface is none. */
const char *trouble_advise_ppp(const char *interface);

/* What to do where nothing comes back over the WAN, by whether its gateway answers. */
void trouble_advise_silence(const struct trouble_view *view, FILE *f);

/* Below: for trouble.c and trouble_probes.c. */

static inline const struct wan_conf *trouble_conf(const struct trouble_view *view)
{
	return &view->site->config->wans[view->wan];
}

static inline const struct wan_facts *trouble_facts(const struct trouble_view *view)
{
	return &view->site->facts.wans[view->wan];
}

struct trouble_words {
	FILE *what, *fix;
};

/* Each of these writes words when it finds its kind of trouble, and returns whether it did. */
typedef bool trouble_finder(const struct trouble_view *view, struct trouble_words *words);

/* Those of probes, from trouble_probes.c. */
trouble_finder find_no_targets, find_unsent, find_failed_probes, find_single_target;
