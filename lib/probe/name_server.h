// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The name servers of a look-up over one WAN: how each is reached, and what to say of them when
 * they bring no address.
 */
#pragma once

#include "probe/target.h"

#define NAME_SERVERS 3 /* as many are named; resolv.conf(5) has no more */
#define NAME_ADDRS 8   /* so many are kept of an answer */

/* What comes of a look-up. */
struct name_answer {
	struct addr addrs[NAME_ADDRS];
	size_t n;    /* 0: it has failed */
	bool denied; /* a name server answers, and says that there is no such name or address */
	uint32_t ttl_s;
	enum probe_failure failure; /* its kind, */
	char why[PROBE_WHY];	    /* and what a person can act on */
};

/* Those that were asked. Zero: none yet. */
struct name_servers {
	struct addr v[NAME_SERVERS];
	size_t n;
	bool bound;		    /* one of them over the WAN */
	struct fault refused;	    /* why this machine did not ask one, or "" */
	enum probe_failure failure; /* and the kind of that */
	struct addr failed;	    /* the last one that answered with an error, */
	unsigned rcode;		    /* and that; 0: none did */
};

/*
 * Binds the socket to the group's WAN, unless it has none or the server is nearer than any WAN, and
 * connects it. 0 or -1 with errno, as connect(2).
 */
int name_servers_connect(struct name_servers *servers, const struct probe_group *group, int fd,
			 const struct sockaddr *to, socklen_t len);
/* What one has sent, which may be the beginning of an answer. */
void name_servers_heard(struct name_servers *servers, const struct sockaddr *from,
			const uint8_t *data, size_t len);
/* The kernel refused to send to the last one. */
void name_servers_refused(struct name_servers *servers, const struct probe_group *group, int error);

/*
 * The failure of a look-up: nobody answers, or with an error; or they say that there is no such
 * name (empty: it has no address of the family).
 */
struct name_answer name_servers_silent(const struct name_servers *servers,
				       const struct probe_group *group);
struct name_answer name_servers_know_none(const struct name_servers *servers,
					  const struct probe_group *group, bool empty);
