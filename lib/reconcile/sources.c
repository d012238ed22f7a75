// SPDX-License-Identifier: GPL-2.0-or-later
// The sources of live delegations that this machine has: a line for each in open_all().
// systemd-networkd is the only one so far, asked over the bus or by way of the daemon's watch.

#include "reconcile/sources.h"

#include "networkd/lease.h"
#include "networkd/networkd.h"

#include <errno.h>

/* The kernel's index of `lo`. */
#define LOOPBACK 1

static struct delegation find_networkd(void *client, unsigned ifindex, struct delegation in_use,
				       unsigned max_len)
{
	_cleanup_(freep) char *json = networkd_describe(client, ifindex);

	return json ? delegation_from_json(json, clock_us(CLOCK_BOOTTIME), in_use, max_len)
		    : (struct delegation){};
}

static void close_networkd(void *client)
{
	networkd_close(client);
}

static void open_all(struct prefix_sources *sources, const struct prefix_source *networkd)
{
	sources->v[sources->n++] =
		networkd ? *networkd
			 : (struct prefix_source){ find_networkd, networkd_open(), close_networkd };
}

int prefix_sources_open(const struct prefix_source *networkd, struct prefix_sources *ret)
{
	struct prefix_sources sources = {};

	open_all(&sources, networkd);
	for (size_t i = 0; i < sources.n; i++)
		if (!sources.v[i].client) {
			prefix_sources_close(&sources);
			return -ENOMEM;
		}
	*ret = sources;
	return 0;
}

void prefix_sources_wait(const struct prefix_sources *sources)
{
	/* Any question will do. After one that is not answered in time, no other is asked. */
	for (size_t i = 0; i < sources->n; i++)
		(void)sources->v[i].find(sources->v[i].client, LOOPBACK, (struct delegation){}, 0);
}

void prefix_sources_close(struct prefix_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (sources->v[i].close && sources->v[i].client)
			sources->v[i].close(sources->v[i].client);
	*sources = (struct prefix_sources){};
}
