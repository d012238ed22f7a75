/*
 * Changes in the kernel as they happen: links, addresses, routes, rules, nexthop objects,
 * neighbours and nftables. Only what a run could have to do with is told, and not what
 * our own runs do.
 */
#pragma once

#include "fault.h"
#include "prefix.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct watch;

struct watch_handlers {
	/* Something changed; moved: a link or an address, so that what is bound to one may be
	 * stale. */
	void (*changed)(bool moved, void *arg);
	/* True for links of the site, by either. */
	bool (*concerns)(unsigned ifindex, const char *name, void *arg);
	/* True for neighbours that matter. */
	bool (*concerns_neighbour)(unsigned ifindex, struct addr addr, void *arg);
	/* nftables has reached this generation: true when a run of ours led there. */
	bool (*is_own)(uint32_t generation, void *arg);
};

/*
 * Listens from now on. When the kernel had more to tell than the socket could hold, that
 * is a change like any other. The handlers have to outlive the watch.
 */
int watch_new(sd_event *event, const struct watch_handlers *handlers, void *arg, struct watch **ret,
	      struct fault *fault);
void watch_free(struct watch *watch);

/* The netlink port of our runs: what comes from it is no news. */
void watch_set_own_port(struct watch *watch, uint32_t port);
