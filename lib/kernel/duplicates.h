// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether another machine on a link has an IPv4 address of ours: it answers an ARP probe (RFC
 * 5227). Of IPv6 addresses the kernel finds out itself.
 */
#pragma once

#include "kernel/claims.h"

struct duplicate {
	const struct claim *claim; /* ours; NULL: skipped */
	bool found;
	uint8_t mac[ETH_ALEN]; /* of the other machine */
};

/* Asks for all at once, and fills in who is found in half a second. 0 or a negative errno. */
int duplicates_find(struct duplicate *duplicates, size_t n);
