/*
 * The difference between what is wanted and what is there, as steps. Pure.
 *
 * Order: what is added comes before the nftables transaction, what is removed
 * after it, so that at no time a flow finds less than before.
 */
#pragma once

#include "desired_nft.h"
#include "object.h"

enum step_kind {
	STEP_ADD,
	STEP_REPLACE, /* an IPv6 route whose key one of ours has already */
	STEP_DELETE,
};

struct step {
	enum step_kind kind;
	const struct object *object;   /* the sets own it */
	const struct object *replaced; /* what STEP_REPLACE takes the place of */
};

/* What the kernel's nftables holds, and what we know of how it came there. */
struct nft_observed {
	char *listing[N_NFT_PARTS];	 /* owned; what the kernel prints now; NULL: not there */
	char *left_listing[N_NFT_PARTS]; /* owned; what it printed after our last run; or NULL */
	struct nft_texts left;		 /* and the texts that we had it load */
};

struct plan {
	struct step *steps; /* owned; additions, then deletions */
	size_t n_steps, n_additions;
	char *nft;		    /* owned; one transaction; empty: none */
	bool nft_part[N_NFT_PARTS]; /* which parts it touches */
	bool takes_over;	    /* flows may be older than the marking rules */
};

void nft_observed_done(struct nft_observed *observed);
void plan_done(struct plan *plan);

/* Steps from `observed` to `desired`; both must outlive the plan. 0 or -ENOMEM. */
int plan_net(const struct object_set *desired, const struct object_set *observed,
	     struct plan *plan);

/*
 * The transaction. A part that is as we left it gets its changed chunks only;
 * any other is replaced whole. 0 or -ENOMEM.
 */
int plan_nft(const struct nft_texts *desired, const struct nft_observed *observed,
	     struct plan *plan);

bool plan_is_empty(const struct plan *plan);

/* One line a change, in ip(8) and nft(8) syntax, in the order of apply. */
void plan_print(const struct plan *plan, FILE *f);
void step_print(const struct step *step, FILE *f);
