// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What mwan has in nftables, in parts, and the texts and listings of each.
 *
 * A part is what is listed, compared, kept in /run/mwan/nft and replaced together: one of our three
 * tables, or what the base filter has for us. Its text declares the objects, then fills them, chunk
 * by chunk:
 *
 *     # chain inet mangle from_lan
 *     add rule inet mangle from_lan …
 *
 * A chunk is a chain, map or set whose content may change alone.
 */
#pragma once

#include "model/base.h"

enum nft_part_id {
	NFT_FILTER,
	NFT_MANGLE,
	NFT_NAT,
	NFT_NAT6,
	N_NFT_PARTS,
};

struct nft_part_info {
	const char *name;  /* of its files */
	const char *table; /* "inet mangle" */
	const char *list;  /* the command that lists its table */
	const char *wipe;  /* the commands that remove it or empty it */
	/*
	 * The commands that make it as the base ruleset does. NULL: only the base ruleset can, for
	 * the table is not ours alone.
	 */
	const char *create;
	const char *pristine; /* its listing when only the base ruleset is loaded */
};

extern const struct nft_part_info nft_parts[N_NFT_PARTS];

/* One text for each part: commands for tables as the base ruleset leaves them. */
struct nft_texts {
	char *v[N_NFT_PARTS]; /* owned; NULL: not there */
};

void nft_texts_done(struct nft_texts *texts);

/* What the kernel's nftables holds, and what we know of how it came there. */
struct nft_observed {
	char *listing[N_NFT_PARTS];	 /* owned; what the kernel prints now; NULL: not there */
	char *left_listing[N_NFT_PARTS]; /* owned; what it printed after our last run; or NULL */
	struct nft_texts left;		 /* and the texts that we had it load */
	/*
	 * All in inet filter that only the base ruleset can make, as it is now and as it was after
	 * our last run. Owned; NULL: nothing, or not known.
	 */
	char *base, *left_base;
	struct base_loss lost; /* why the base ruleset has to be loaded again; empty: it need not */
};

void nft_observed_done(struct nft_observed *observed);
