// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How large a packet may be on the way to the internet and back, over each WAN: by echo requests
 * that no router may split. A router on the way that can't carry one has to say so; a black hole is
 * where it is lost and nobody says anything.
 */
#pragma once

#include "probe/socket.h"

/* Of a path, at most so many targets are asked, all of them with each size. */
#define PATH_MTU_TARGETS 3
/* IPv6 needs as much, and so does everybody else's path: what is smaller is a filter's doing. */
#define PATH_MTU_LEAST 1280
/* What a line is expected to carry: it takes an agreement with the ISP to send more. */
#define PATH_MTU_USUAL 1500

struct path_mtu {
	struct probe_path path;
	enum family family;
	struct addr targets[PATH_MTU_TARGETS]; /* AF_UNSPEC: no more */
	unsigned mtu; /* of the largest packets that are sent to the path */

	/* Filled in. Bytes, from the IP header on; 0: nothing came back, or could not be sent. */
	unsigned carried; /* the largest that came back */
	unsigned told;	  /* what a router on the way says that it carries; 0: none says anything */
};

/*
 * Finds out about all paths at once. Takes a round trip where packets of the full size come back,
 * else up to two seconds.
 */
void path_mtus_find(struct path_mtu *paths, size_t n);

/* True when large packets are lost though small ones are not, and no router says why. */
static inline bool path_mtu_is_black_hole(const struct path_mtu *path)
{
	return path->carried >= PATH_MTU_LEAST && path->carried < path->mtu && path->told == 0;
}
