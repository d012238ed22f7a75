// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The difference between what is desired and what is there, as steps. Pure.
 *
 * Order: additions come before the nftables transaction and deletions after it, so that at no time
 * a flow finds less than before.
 */
#pragma once

#include "base/paths.h"
#include "config/config.h"
#include "model/object.h"
#include "plan/desired_nft.h"

enum step_kind {
	STEP_ADD,
	STEP_REPLACE, /* an IPv6 route whose key one of ours has already */
	STEP_DELETE,
};

struct step {
	enum step_kind kind;
	const struct object *object;   /* the sets own it */
	const struct object *replaced; /* what STEP_REPLACE takes the place of */
	bool behind; /* STEP_ADD, IPv4: behind the routes of the same key, not in front */
};

/* The command that loads the base ruleset, which deletes its tables first. */
#define PLAN_LOAD_BASE "include \"" BASE_RULESET_PATH "\"\n"

/*
 * Between transactions. Mostly there is one. Objects that are new are made and filled before it,
 * and those that nothing leads to any more are deleted after it: a map that comes or goes in the
 * same transaction as the rule that looks into it has nothing in it for a moment.
 */
#define PLAN_THEN "# then\n"

struct plan {
	struct step *steps; /* owned; additions, then deletions */
	size_t n_steps, n_additions;
	char *nft;		    /* owned; transactions, PLAN_THEN between them; empty: none */
	unsigned n_transactions;    /* each raises nftables' generation by one */
	bool nft_part[N_NFT_PARTS]; /* which parts it touches */
	bool takes_over;	    /* flows may be older than the marking rules */
	bool loads_base;	    /* it begins with PLAN_LOAD_BASE */
};

void plan_done(struct plan *plan);

/* Steps from `observed` to `desired`; both must outlive the plan. 0 or -ENOMEM. */
int plan_net(const struct object_set *desired, const struct object_set *observed,
	     struct plan *plan);

/*
 * The transactions. Of a part that is as we left it, only what changes is touched: objects and
 * chunks; any other part is replaced whole. 0 or -ENOMEM.
 */
int plan_nft(const struct nft_texts *desired, const struct nft_observed *observed,
	     struct plan *plan);

/* Adds the addresses that the plan adds to the set. 0, or -ENOMEM. */
int plan_keep_addresses(const struct plan *plan, struct object_set *set);

/* True when the kernel may delete a desired rule for one that goes: look again afterwards. */
bool plan_may_hit_others(const struct plan *plan, const struct object_set *desired);

bool plan_is_empty(const struct plan *plan);

/*
 * True when flows may be on a wrong WAN, or leave with a wrong address: the marking was not ours
 * before, a translation changes, or a rule goes that led a mark, a prefix or an address to its WAN.
 * While a run has not recorded its rules and removed the old ones, the next one sees the same.
 */
bool plan_doubts_flows(const struct plan *plan, const struct config *config);
/*
 * The WAN whose flows from inside may have the address that the rule is for, because it masquerades
 * or [map4] names its lease; NULL: none.
 */
const struct wan_conf *plan_masquerader(const struct config *config, const struct object *rule);
/* True when a mark leads to its WAN no more: flows begin with it until it is removed. */
bool plan_ends_marks(const struct plan *plan);

/* One line a change, in ip(8) and nft(8) syntax, in the order of apply. */
void plan_print(const struct plan *plan, FILE *f);
void step_print(const struct step *step, FILE *f);
