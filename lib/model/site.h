// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The site at one moment: what mwan.conf says, what is there, what the probes say, and what follows
 * for new flows. All that is desired in the kernel is a function of this one value.
 */
#pragma once

#include "model/facts.h"
#include "model/hairpin.h"
#include "model/npt.h"
#include "model/selection.h"
#include "model/verdict.h"

struct site {
	const struct config *config; /* not owned; outlives the site */
	struct facts facts;
	struct npt_state npt;
	struct verdicts verdicts;
	struct selections selections; /* made of the others: selections_make() */
	struct hairpins hairpins;     /* made of the others: hairpins_make() */
};

/* Forgets what was made of the others. */
static inline void site_undecide(struct site *site)
{
	hairpins_done(&site->hairpins);
	selections_done(&site->selections);
}

static inline void site_done(struct site *site)
{
	site_undecide(site);
	verdicts_done(&site->verdicts);
	npt_state_done(&site->npt);
	facts_done(&site->facts);
	*site = (struct site){};
}

/* The selection of all flows of the family. */
static inline const struct selection *site_selection(const struct site *site, enum family family)
{
	return &site->selections.v[family];
}

/* That of all flows of the family that meet a rule with this policy; 0: that meet none. */
static inline const struct selection *site_policy_selection(const struct site *site, size_t policy,
							    enum family family)
{
	return &site->selections.v[site->selections.n / site->config->n_policies * policy + family];
}
