// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every link of this machine, and what is odd about their hardware addresses.
 */
#pragma once

#include "config/config.h"
#include "doctor/diagnosis.h"
#include "kernel/netlink.h"

struct mac {
	bool known;
	uint8_t bytes[6];
};

struct link_seen {
	char name[IFNAMSIZ];
	unsigned index, parent, master; /* 0: none; the parent is a VLAN's port, say */
	unsigned stack;			/* set by links_compare_macs(): the same for all of one */
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

/* True when the interface is the LAN's or a WAN's. */
bool link_is_of_site(const struct config *config, const char *interface);

/*
 * Notes a WAN that does not show its card's own address to an ISP that may know only that one, and
 * two links with one address of which one is the site's. Pure.
 */
void links_compare_macs(struct links *links, const struct config *config,
			struct diagnosis *diagnosis);
