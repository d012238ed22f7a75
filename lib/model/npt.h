// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each WAN's delegated IPv6 prefix, and which part of it translates (RFC 6296).
 */
#pragma once

#include "config/config.h"

/* By the WAN's index; all owned. */
struct npt_state {
	struct prefix *delegated; /* len 0: the WAN has none */
	/*
	 * What a WAN without one had last, and may get again: the inside still knows its services
	 * by it. len 0: nothing.
	 */
	struct prefix *lost;
	uint64_t *until_us;	/* CLOCK_BOOTTIME at the end of either; UINT64_MAX: none is known */
	struct prefix *refused; /* a delegation that can't be used; len 0: none came */
};

/* For so many WANs, none with a prefix. 0 or -ENOMEM. */
int npt_state_new(size_t n_wans, struct npt_state *ret);

/* The same for so many WANs. 0 or -ENOMEM. */
int npt_state_copy(const struct npt_state *npt, size_t n_wans, struct npt_state *ret);

static inline void npt_state_done(struct npt_state *npt)
{
	free(npt->delegated);
	free(npt->lost);
	free(npt->until_us);
	free(npt->refused);
	*npt = (struct npt_state){};
}

/* True when the WAN translates with NPT and has a prefix for it. */
bool npt_active(const struct config *config, const struct npt_state *npt, size_t wan);

/* The WAN's block that lan.prefix6 maps to: the delegation's prefix6_block-th of that length. */
struct prefix npt_outside(const struct config *config, const struct npt_state *npt, size_t wan);
/* The same while it is lost; len 0: the WAN has none, and had none. */
struct prefix npt_known(const struct config *config, const struct npt_state *npt, size_t wan);

/* How many blocks of lan.prefix6's length a delegation has that is no longer. */
uint64_t npt_blocks(const struct config *config, struct prefix delegated);

struct npt_use {
	char s[128];
};

/* Which prefix the WAN uses, in words: of a larger delegation, also which block of how many. */
struct npt_use npt_use(const struct config *config, const struct npt_state *npt, size_t wan);

/* The WAN's edge: the block's ::1, mapped to router6. */
struct addr npt_edge(const struct config *config, const struct npt_state *npt, size_t wan);

/* True when IPv6 is masqueraded on this WAN: as configured, or for want of a prefix. */
bool npt_masquerades(const struct config *config, const struct npt_state *npt, size_t wan);

/*
 * True when hairpin6 leads this address of the WAN's link to router6. Of a prefix in use, all is
 * translated anyway.
 */
bool npt_leads_own(const struct config *config, const struct npt_state *npt, size_t wan,
		   struct addr own);

/*
 * 0, or -EINVAL with the reason when this delegation of the WAN's can't carry lan.prefix6: it is
 * too small, has no such block, has bits beyond its length, or is not the ISP's to delegate.
 */
int npt_check(const struct config *config, size_t wan, struct prefix delegated,
	      struct fault *fault);

struct npt_advice {
	char s[192];
};

/* What to put in mwan.conf for a delegation that is too long; "": nothing there would help. */
struct npt_advice npt_advise(const struct config *config, size_t wan, struct prefix delegated);

/* 0, or -EINVAL with the reason when another WAN has that prefix, or part of it. */
int npt_check_others(const struct config *config, const struct npt_state *npt, size_t wan,
		     struct prefix delegated, struct fault *fault);
