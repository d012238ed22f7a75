// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes in the kernel as they happen: links, addresses, routes, rules, nexthop objects,
 * neighbours and nftables. Reported is what may concern a run, but not what our own runs do.
 */
#pragma once

#include "base/fault.h"
#include "base/prefix.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct watch;

enum watch_change {
	CHANGE_NONE,	  /* nothing that concerns us */
	CHANGE_ROUTE,	  /* of some use to us: an advertised prefix, a default route elsewhere */
	CHANGE_NEIGHBOUR, /* that matters */
	CHANGE_OURS,	  /* of our routes and rules, by somebody else */
	CHANGE_NFT,	  /* of nftables, by somebody else */
	CHANGE_GATEWAY,	  /* of a default route or a nexthop object that may be a WAN's */
	CHANGE_LINK,	  /* of a link or an address: what is bound to one may be stale */
};

struct watch_handlers {
	/* Something changed; change: the greatest of what was read together. */
	void (*changed)(enum watch_change change, void *arg);
	/* A link of the site has lost an address. */
	void (*address_gone)(unsigned ifindex, struct addr addr, void *arg);
	/* True for links of the site. name may be "": then the index says which. */
	bool (*concerns)(unsigned ifindex, const char *name, void *arg);
	/* True for neighbours that matter. there: it can be sent to, as far as is known. */
	bool (*concerns_neighbour)(unsigned ifindex, struct addr addr, bool there, void *arg);
	/* True when a run of ours has led nftables to this generation. */
	bool (*is_own)(uint32_t generation, void *arg);
};

/*
 * Listens from now on. When the kernel reports more than the socket can hold, that is a change too.
 * The handlers have to outlive the watch; *ret is for watch_free(). 0 or a negative errno.
 */
int watch_new(sd_event *event, const struct watch_handlers *handlers, void *arg, struct watch **ret,
	      struct fault *fault);
void watch_free(struct watch *watch);

/* The netlink port of our runs: changes from it are not reported. */
void watch_set_own_port(struct watch *watch, uint32_t port);
