// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of addresses of one family, or of numbers, as ranges that ascend and don't overlap.
 */
#pragma once

#include "base/prefix.h"

#include <stddef.h>

/* An address or a number, as a number of 128 bits. */
struct point {
	uint64_t high, low;
};

struct range {
	struct point first, last; /* both are in it */
};

/* Empty: nothing. Ranges may touch: what is one in a file of networks stays one here. */
struct ranges {
	struct range *v; /* owned */
	size_t n;
};

struct point point_of_number(uint64_t number);
struct point point_of_addr(struct addr addr);
/* The address of the family at the point. */
struct addr point_addr(struct point point, int family);
/* Below, at or above 0, as strcmp(). */
int point_cmp(struct point a, struct point b);

struct range range_of_numbers(uint64_t first, uint64_t last);
struct range range_of_prefix(struct prefix prefix);

/* Adds a range at the end, in any order, until ranges_sort(). 0 or -ENOMEM. */
int ranges_add(struct ranges *ranges, struct range range);
/* Sorts, joins ranges that overlap, and drops what another range contains. */
void ranges_sort(struct ranges *ranges);
void ranges_done(struct ranges *ranges);

/* Of sorted ranges: from the first point to the last; of none: all points. */
struct range ranges_bounds(const struct ranges *ranges);

/* Of sorted ranges: the first from `from` on that doesn't end before the point; n: none. */
size_t ranges_find(const struct ranges *ranges, size_t from, struct point point);
/* Of sorted ranges: the point is in one; all of b is in a; the two share a point. */
bool ranges_have(const struct ranges *ranges, struct point point);
bool ranges_contain(const struct ranges *a, const struct ranges *b);
bool ranges_overlap(const struct ranges *a, const struct ranges *b);
