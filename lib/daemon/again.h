// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When to ask an ISP again for what it gave and does not give by itself: its router's
 * advertisement, the default route of a lease. Less and less often while it is asked in vain. Pure:
 * all times are the caller's, in microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One thing that may be missing; zero at first. */
struct again {
	unsigned tries;	 /* in vain */
	uint64_t due_us; /* when to ask; 0: nothing is missing */
};

struct again_pace {
	uint64_t first_us; /* before the first question */
	uint64_t pause_us; /* after it; each next pause is twice as long, */
	uint64_t last_us;  /* up to this */
};

/* It is missing. True: ask now. *next_us: when to look again, or earlier as it was. */
bool again_is_due(struct again *again, const struct again_pace *pace, uint64_t now_us,
		  uint64_t *next_us);

/* The advertisement that a WAN's IPv6 gateway is from; zero at first. */
struct advertisement {
	uint64_t end_us;      /* of the router's lifetime, when it was last looked at */
	uint64_t lifetime_us; /* how long it was when it was last renewed */
	bool sought;	      /* others solicit, from when a carrier came until there is a router */
	struct again again;
};

/*
 * end_us: of the router's lifetime now; UINT64_MAX: it has no end; 0: there is no router. True:
 * send a solicitation now. The first one is due in the last third of a lifetime: a router that
 * advertises by itself does so three times in it. They are as far apart as RFC 7559 says.
 */
bool advertisement_is_due(struct advertisement *advertisement, uint64_t end_us, uint64_t now_us,
			  uint64_t *next_us);

/* What one WAN may lack. */
struct missing {
	struct advertisement router6;
	struct again lease4; /* its default route, while its address is there */
};
