// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names looked up over one WAN, for one family: c-ares on the event loop, loaded when it is first
 * needed. /etc/hosts counts first, then the name servers of resolv.conf (probe/resolv_conf.h).
 *
 * A name server is asked over the WAN, as probes are sent. One on this machine, in the LAN or in
 * the network of another interface that is no WAN can't be: it is asked as any program would ask
 * it.
 */
#pragma once

#include "probe/name_server.h"

struct resolver_library; /* c-ares, for all of them */
struct resolver;

struct resolver_handlers {
	/* A look-up is over; it may be so before resolver_ask() returns. Must not free it. */
	void (*answered)(void *query, const struct name_answer *answer);
	/* The loop has brought answers, or may have: answered() was called for each. */
	void (*woken)(void *arg);
};

/* 0, or a negative errno with a fault: c-ares is missing or too old. */
int resolver_library_open(struct resolver_library **ret, struct fault *fault);
void resolver_library_close(struct resolver_library *library); /* after its resolvers */

/* group: of the probes that it is for; it, library and handlers outlive it. 0 or -ENOMEM. */
int resolver_new(const struct resolver_library *library, const struct probe_group *group,
		 const struct resolver_handlers *handlers, void *arg, struct resolver **ret);
/* What is under way is forgotten. */
void resolver_free(struct resolver *resolver);

void resolver_ask(struct resolver *resolver, const char *name, void *query);

/* Who has been asked and has not answered yet, for people: "no answer from name server 1.1.1.1". */
struct name_answer resolver_silence(const struct resolver *resolver);

/*
 * Sockets that are bound to the path as it was are of no use. What is under way is forgotten; it is
 * for the caller to ask again.
 */
void resolver_renew(struct resolver *resolver);
