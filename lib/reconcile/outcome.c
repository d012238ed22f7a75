// SPDX-License-Identifier: GPL-2.0-or-later
// What a run leaves behind, and what it keeps open for the next.
// Frees both; reconcile.c fills them.

#include "reconcile/reconcile.h"

void kernel_close(struct kernel *kernel)
{
	nft_close(kernel->nft);
	asker_free(kernel->asker);
	nl_socket_free(kernel->sk);
	nl_socket_free(kernel->nfnl);
	*kernel = (struct kernel){};
}

void outcome_done(struct outcome *outcome)
{
	object_set_done(&outcome->added);
	plan_done(&outcome->plan);
	object_set_done(&outcome->observed);
	desired_done(&outcome->desired);
	site_done(&outcome->site);
	*outcome = (struct outcome){};
}
