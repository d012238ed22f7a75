// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What --explain answers, as a value; and how it is printed.
 */
#pragma once

#include "kernel/known_flows.h"
#include "plan/explain.h"

/* What a new flow would get if a WAN were down. */
struct what_if {
	size_t wan;
	struct explanation then;
};

struct answer {
	const struct site *site;
	const struct flow_query *query;
	struct explanation now; /* what a new flow would get */
	struct what_if *ifs;	/* owned; for each WAN that the flow has, or may get */
	size_t n_ifs;
	struct known_flows flows;     /* those that are there */
	const struct known_flow *one; /* of these, the one that is asked about; NULL: none */
	bool due;		      /* a run would change the kernel */
	const char *flaw;	      /* what a run could not do; "": nothing */
	char *stopped;		      /* owned; why nothing is forwarded; NULL: all is */
};

static inline void answer_done(struct answer *answer)
{
	for (size_t i = 0; i < answer->n_ifs; i++)
		explanation_done(&answer->ifs[i].then);
	free(answer->ifs);
	explanation_done(&answer->now);
	known_flows_done(&answer->flows);
	free(answer->stopped);
	*answer = (struct answer){};
}

/*
 * Decides with the site and the query, the flow that is there, and whether anything is forwarded:
 * fills `now` and `ifs`. 0 or -ENOMEM.
 */
int answer_decide(struct answer *answer);

/* The WAN that a flow has; NULL: none that mwan.conf knows. */
const struct wan_conf *answer_wan_of(const struct answer *answer, const struct known_flow *flow);
/* True when a packet like the one that is asked about has a way. */
bool answer_has_way(const struct answer *answer);

void answer_print(const struct answer *answer, FILE *f);
/* 0 or -ENOMEM. */
int answer_print_json(const struct answer *answer, FILE *f);
