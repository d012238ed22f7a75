/*
 * Every link of this machine, and what their hardware addresses tell.
 */
#pragma once

#include "config.h"
#include "diagnosis.h"
#include "nl.h"

struct mac {
	bool known;
	uint8_t bytes[6];
};

struct link_seen {
	char name[IFNAMSIZ];
	unsigned index, parent, master; /* 0: none; the parent is a VLAN's port, say */
	bool up, carrier;
	struct mac mac, permanent; /* now, and the card's own */
};

struct links {
	struct link_seen *v; /* owned */
	size_t n;
};

/* 0, or a negative errno with a fault. */
int links_observe(struct nl_sock *sk, struct links *ret, struct fault *fault);
void links_done(struct links *links);

/* NULL: there is none. */
const struct link_seen *links_find(const struct links *links, const char *name);
const struct link_seen *links_parent(const struct links *links, const struct link_seen *link);

/*
 * Notes: a WAN that does not show its card's own address to an ISP that may go by it; two links of
 * which one is the site's with one address. Pure. 0 or -ENOMEM.
 */
int links_tell_macs(const struct links *links, const struct config *config,
		    struct diagnosis *diagnosis);
