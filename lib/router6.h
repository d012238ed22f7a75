/*
 * OPNsense's link-local address on the LAN link: where downstream IPv6 goes.
 */
#pragma once

#include "facts.h"
#include "nl.h"

#define ROUTER6_WAIT_MS 2000

/*
 * Fills facts->router6_linklocal: the configured one; else the link-local neighbour
 * with the hardware address of router4 or router6, known already or found by asking
 * everybody on the link; when nobody answers, `current` (ours from the kernel, or AF_UNSPEC).
 * Answers are awaited for at most ROUTER6_WAIT_MS with `wait`. Without, asking makes
 * the kernel learn them: 1 says that it is worth to look again soon. There being none is a
 * warning, not an error. 0 or a negative errno.
 */
int observe_router6(struct nl_sock *sk, const struct config *config, struct addr current, bool wait,
		    struct facts *facts, struct fault *fault);
