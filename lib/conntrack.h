/*
 * Removes flows whose translation no longer holds from the kernel's table.
 */
#pragma once

#include "fault.h"
#include "prefix.h"

#include <stddef.h>

enum {
	FLOWS_ALL = -1,
	FLOWS_UNMARKED = 0,
};

/*
 * Deletes the flows that have an address, in either direction, inside one of the prefixes;
 * which: FLOWS_ALL, or FLOWS_UNMARKED for only those that no WAN was chosen for.
 * *deleted counts them. 0 or a negative errno.
 */
int conntrack_delete(const struct prefix *prefixes, size_t n, int which, unsigned *deleted,
		     struct fault *fault);
