// SPDX-License-Identifier: GPL-2.0-or-later
// Sets of addresses or numbers as sorted ranges.
// Looks for a point by halves, so that a short list beside a long one costs little.

#include "base/ranges.h"

#include "base/util.h"

#include <endian.h>
#include <string.h>

struct point point_of_number(uint64_t number)
{
	return (struct point){ .low = number };
}

struct point point_of_addr(struct addr addr)
{
	uint64_t words[2];

	if (addr.family == AF_INET)
		return point_of_number(ntohl(addr.in.s_addr));
	memcpy(words, addr.bytes, sizeof(words));
	return (struct point){ be64toh(words[0]), be64toh(words[1]) };
}

struct addr point_addr(struct point point, int family)
{
	uint64_t words[2] = { htobe64(point.high), htobe64(point.low) };
	struct addr addr = { .family = family };

	if (family == AF_INET)
		addr.in.s_addr = htonl((uint32_t)point.low);
	else
		memcpy(addr.bytes, words, sizeof(words));
	return addr;
}

int point_cmp(struct point a, struct point b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	if (a.low != b.low)
		return a.low < b.low ? -1 : 1;
	return 0;
}

/* True when b comes right after a. */
static bool touch(struct point a, struct point b)
{
	a.low++;
	a.high += a.low == 0;
	return point_cmp(a, b) == 0;
}

struct range range_of_numbers(uint64_t first, uint64_t last)
{
	return (struct range){ point_of_number(first), point_of_number(last) };
}

struct range range_of_prefix(struct prefix prefix)
{
	return (struct range){ point_of_addr(prefix_network(prefix).addr),
			       point_of_addr(prefix_last(prefix)) };
}

int ranges_add(struct ranges *ranges, struct range range)
{
	return APPEND(ranges->v, ranges->n, range);
}

static int by_first(const void *a, const void *b)
{
	return point_cmp(((const struct range *)a)->first, ((const struct range *)b)->first);
}

void ranges_sort(struct ranges *ranges)
{
	size_t n = 0, sorted = 1;

	if (ranges->n == 0)
		return;
	while (sorted < ranges->n && by_first(&ranges->v[sorted - 1], &ranges->v[sorted]) <= 0)
		sorted++;
	if (sorted < ranges->n)
		qsort(ranges->v, ranges->n, sizeof(*ranges->v), by_first);
	for (size_t i = 1; i < ranges->n; i++) {
		struct range *last = &ranges->v[n];
		const struct range *next = &ranges->v[i];

		if (point_cmp(next->first, last->last) > 0)
			ranges->v[++n] = *next;
		else if (point_cmp(next->last, last->last) > 0)
			last->last = next->last;
	}
	ranges->n = n + 1;
}

void ranges_done(struct ranges *ranges)
{
	free(ranges->v);
	*ranges = (struct ranges){};
}

struct range ranges_bounds(const struct ranges *ranges)
{
	static const struct range all = { .last = { UINT64_MAX, UINT64_MAX } };

	return ranges->n > 0 ? (struct range){ ranges->v[0].first, ranges->v[ranges->n - 1].last }
			     : all;
}

size_t ranges_find(const struct ranges *ranges, size_t from, struct point point)
{
	size_t until = ranges->n;

	while (from < until) {
		size_t middle = from + (until - from) / 2;

		if (point_cmp(ranges->v[middle].last, point) < 0)
			from = middle + 1;
		else
			until = middle;
	}
	return from;
}

static bool begins_by(const struct ranges *ranges, size_t i, struct point point)
{
	return i < ranges->n && point_cmp(ranges->v[i].first, point) <= 0;
}

bool ranges_have(const struct ranges *ranges, struct point point)
{
	return begins_by(ranges, ranges_find(ranges, 0, point), point);
}

bool ranges_contain(const struct ranges *a, const struct ranges *b)
{
	size_t at = 0;

	for (size_t i = 0; i < b->n; i++) {
		at = ranges_find(a, at, b->v[i].first);
		if (!begins_by(a, at, b->v[i].first))
			return false;
		while (point_cmp(a->v[at].last, b->v[i].last) < 0) {
			if (at + 1 == a->n || !touch(a->v[at].last, a->v[at + 1].first))
				return false;
			at++;
		}
	}
	return true;
}

bool ranges_overlap(const struct ranges *a, const struct ranges *b)
{
	const struct ranges *few = a->n <= b->n ? a : b, *many = few == a ? b : a;
	size_t at = 0;

	for (size_t i = 0; i < few->n; i++) {
		at = ranges_find(many, at, few->v[i].first);
		if (begins_by(many, at, few->v[i].last))
			return true;
	}
	return false;
}
