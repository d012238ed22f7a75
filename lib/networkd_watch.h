/*
 * systemd-networkd on the event loop: what it says of each link's delegation, asked
 * whenever it signals a change, and never waited for.
 */
#pragma once

#include "networkd.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct networkd_watch;

/* Called from the loop when a word may have changed. */
typedef void (*networkd_heard)(void *arg);

/*
 * Connects as soon as there is a system bus, and again whenever it is lost. 0 or -ENOMEM.
 */
int networkd_watch_new(sd_event *event, networkd_heard heard, void *arg,
		       struct networkd_watch **ret);
void networkd_watch_free(struct networkd_watch *watch);

/* The links of interest from now on; 0 is none. Those that were not known are asked about. 0 or
 * -ENOMEM. */
int networkd_watch_links(struct networkd_watch *watch, const unsigned *ifindex, size_t n);

/* Asks about all of them anew. */
void networkd_watch_ask(struct networkd_watch *watch);

/*
 * What networkd says of that link, as of now, and did not say when it was last heeded;
 * in_use and max_len as for networkd_delegation(). DELEGATION_UNKNOWN when there is nothing new:
 * what somebody gave to update-npt stands until there is. Also until networkd has been heard, and
 * while it is away.
 */
struct delegation_word networkd_watch_news(struct networkd_watch *watch, unsigned ifindex,
					   struct delegation_word in_use, unsigned max_len);

/* The news has been acted on. */
void networkd_watch_heed(struct networkd_watch *watch, unsigned ifindex,
			 struct delegation_word news);

/* False while networkd, or the bus that it is on, has yet to answer what it was asked. */
bool networkd_watch_is_settled(const struct networkd_watch *watch);
