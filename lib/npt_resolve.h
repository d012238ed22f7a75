/*
 * Which prefix each WAN has now: the one given, the fixed one, what networkd
 * says, or the one last used.
 */
#pragma once

#include "networkd.h"
#include "npt.h"

/*
 * What update-npt was asked, or the daemon has heard. update-routes, with all at zero, goes
 * by what is kept.
 */
struct npt_request {
	bool ask;			     /* look for the prefixes anew */
	const struct wan_conf *only;	     /* of this WAN; NULL: of each */
	struct prefix prefix;		     /* with `only`: use this one; len 0: look */
	const struct delegation_word *heard; /* news from networkd by the WAN's index; or NULL */
};

/* The WAN's prefix as networkd would tell of it. */
struct delegation_word npt_in_use(const struct npt_state *npt, size_t wan);

/*
 * kept: those of the last run. A prefix that can't be used is left out and named in
 * *bad, the first of several. 0 or -ENOMEM.
 */
int npt_resolve(const struct config *config, const struct npt_request *request,
		const struct npt_state *kept, struct npt_state *ret, struct fault *bad);
