/*
 * Removes flows whose translation no longer holds from the kernel's table.
 */
#pragma once

#include "facts.h"

/*
 * Deletes the flows that have an address, in either direction, inside the prefix.
 * *deleted counts them. 0 or a negative errno.
 */
int conntrack_delete_translated(struct prefix prefix, unsigned *deleted, struct fault *fault);

/*
 * Deletes the flows from inside one of the prefixes, but not from `self`'s
 * addresses, that no WAN was chosen for.
 */
int conntrack_delete_unmarked(const struct prefix *prefixes, size_t n, const struct link_fact *self,
			      unsigned *deleted, struct fault *fault);

/* Deletes the flows with that mark, in one message. */
int conntrack_delete_mark(uint32_t mark, struct fault *fault);
