// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who on a link answers for an address. The kernel believes what anybody there says, asked or not.
 * Here, an answer counts if it is one to a question of ours, and if its frame comes from the
 * hardware address that it names, or that is a virtual router's: whoever makes one up for another
 * machine has to forge frames.
 */
#pragma once

#include "config/config.h"
#include "kernel/neighbours.h"

struct asker;

/*
 * *ret is for asker_free(). 0; -ENETDOWN if the router can't ask there: the link has no carrier, no
 * link-local address, or needs no hardware addresses; or another negative errno.
 */
int asker_new(struct nl_sock *sk, const struct config *config, unsigned ifindex,
	      struct asker **ret);
void asker_free(struct asker *asker);

/* True when what it has heard on that link is still worth something: it is seconds old. */
bool asker_is_fresh(const struct asker *asker, unsigned ifindex);

/* For poll(): there may be answers. */
int asker_fd(const struct asker *asker);
/* Asks everybody on the link, by ARP or neighbour discovery. With AF_UNSPEC it does nothing. */
void asker_ask(struct asker *asker, struct addr addr);
/* Asks again for all that it has been asked for. */
void asker_repeat(struct asker *asker);
/* Takes the answers that are there. */
void asker_take(struct asker *asker);
/* Who has answered, oldest first; the asker's. */
const struct neighbours *asker_answers(const struct asker *asker);
