// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * systemd-networkd on the event loop: each link's delegation. networkd is asked whenever it signals
 * a change, and its answers are never waited for.
 */
#pragma once

#include "networkd/networkd.h"
#include "networkd/renew.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct networkd_watch;

/* Called from the loop when a delegation may have changed, or whether networkd can be asked. */
typedef void (*networkd_changed)(void *arg);

/*
 * Connects as soon as there is a system bus, and again whenever it is lost. *ret is for
 * networkd_watch_free(). 0 or a negative errno.
 */
int networkd_watch_new(sd_event *event, networkd_changed changed, void *arg,
		       struct networkd_watch **ret);
void networkd_watch_free(struct networkd_watch *watch);

/*
 * Watches these links from now on, instead of those before; an index of 0 is none. Asks about those
 * that are new. 0 or -ENOMEM.
 */
int networkd_watch_links(struct networkd_watch *watch, const unsigned *ifindex, size_t n);

/* Asks about all links anew. */
void networkd_watch_ask(struct networkd_watch *watch);

/*
 * The link's delegation; in_use and max_len as for delegation_from_json(). DELEGATION_IN_USE when
 * another one is in use and networkd has said nothing new since: somebody gave it to update-npt.
 * DELEGATION_UNKNOWN while networkd has not answered yet, or is away.
 */
struct delegation networkd_watch_news(struct networkd_watch *watch, unsigned ifindex,
				      struct delegation in_use, unsigned max_len);

/* The last news of each link has been applied. */
void networkd_watch_applied(struct networkd_watch *watch);

/* As networkd_renew(), also for a link that is not watched. */
int networkd_watch_renew(struct networkd_watch *watch, unsigned ifindex, const char *wan,
			 enum renew_how how);

enum networkd_reach {
	NETWORKD_THERE,	 /* it answers */
	NETWORKD_NO_BUS, /* there is no system bus */
	NETWORKD_AWAY,	 /* it is not on the bus */
	NETWORKD_SILENT, /* it is on the bus, and does not answer */
};

struct networkd_absence {
	enum networkd_reach reach;
	uint64_t since_us; /* CLOCK_MONOTONIC; unless it is there */
	bool matters;	   /* there is a link to ask for */
	bool was_there;	   /* it has answered before */
};

/* Whether networkd can be asked, as far as its last answer and the bus tell. */
struct networkd_absence networkd_watch_absence(const struct networkd_watch *watch);

/* False while an answer of networkd is missing: of a link, or to an open question. */
bool networkd_watch_is_settled(const struct networkd_watch *watch);
