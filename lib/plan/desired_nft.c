// SPDX-License-Identifier: GPL-2.0-or-later
// Everything desired in nftables, as nft text.
// Each part of the ruleset has a writer in a file of its own; here they are called in turn.

#include "plan/desired_nft.h"

#include "base/fileio.h"

int desired_nft(const struct site *site, struct nft_texts *ret)
{
	static int (*const writers[N_NFT_PARTS])(const struct site *, FILE *) = {
		[NFT_FILTER] = desired_filter,
		[NFT_MANGLE] = desired_mangle,
		[NFT_NAT] = desired_nat,
		[NFT_NAT6] = desired_nat6,
	};
	_cleanup_(nft_texts_done) struct nft_texts texts = {};

	for (size_t i = 0; i < N_NFT_PARTS; i++) {
		struct memory out = {};
		int r, closed;

		if (memory_open(&out) < 0)
			return -ENOMEM;
		r = writers[i](site, out.f);
		closed = memory_close(&out, &texts.v[i]);
		if (r < 0 || closed < 0)
			return -ENOMEM;
	}

	*ret = TAKE(texts);
	return 0;
}
