// SPDX-License-Identifier: GPL-2.0-or-later
// Everything that is desired in the kernel for a site.
// Addresses, routes and rules come from desired_net, nftables from desired_nft.

#include "plan/desired.h"

int desired_make(const struct site *site, struct desired *ret)
{
	_cleanup_(desired_done) struct desired desired = {};
	int r;

	r = desired_net(site, &desired.objects);
	if (r == 0)
		r = desired_nft(site, &desired.texts);
	if (r < 0)
		return r;

	*ret = TAKE(desired);
	return 0;
}

void desired_done(struct desired *desired)
{
	object_set_done(&desired->objects);
	nft_texts_done(&desired->texts);
}
