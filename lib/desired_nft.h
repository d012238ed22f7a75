/*
 * The nftables objects that this site wants, as nft text. Pure.
 *
 * A part is what is listed, compared, kept in /run/mwan/nft and replaced
 * together: one of our three tables, or what the base filter has for us.
 * Its text declares the objects, then fills them, chunk by chunk:
 *
 *     # chain inet mangle from_lan
 *     add rule inet mangle from_lan …
 *
 * A chunk is a chain, map or set whose content may change alone.
 */
#pragma once

#include "select.h"

enum nft_part_id {
	NFT_FILTER,
	NFT_MANGLE,
	NFT_NAT,
	NFT_NAT6,
	N_NFT_PARTS,
};

struct nft_part_info {
	const char *name; /* of its files */
	const char *list; /* the command that lists its table */
	const char *wipe; /* the commands that remove it or empty it */
	/* The commands that make it as the base does. NULL: only the base can, and the
	 * table is not ours alone. */
	const char *create;
	const char *pristine; /* its listing when only the base is loaded */
};

extern const struct nft_part_info nft_parts[N_NFT_PARTS];

/* True for a name that we give to counters in the filter: m1_ipv4_out. A space ends it. */
bool nft_is_counter(const char *name);

/* One text for each part: commands for tables as the base leaves them. */
struct nft_texts {
	char *v[N_NFT_PARTS]; /* owned; NULL: not there */
};

void nft_texts_done(struct nft_texts *texts);

/* selections: of each family, and of IPv4 sources that have no map. 0 or -ENOMEM. */
int desired_nft(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct selection selections[N_FAMILIES], const struct selection *unmapped4,
		struct nft_texts *ret);
