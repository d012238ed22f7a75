// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ranges with numbers, which may overlap: finds quickly those that overlap another range.
 */
#pragma once

#include "base/ranges.h"

struct range_entry {
	struct range range;
	struct point
		end; /* the last one in the half of the array that this entry is the middle of */
	size_t number;
};

struct range_index {
	struct range_entry *v; /* owned */
	size_t n;
};

/* The numbers that were found, ascending. */
struct range_numbers {
	size_t *v; /* owned */
	size_t n;
};

/* 0 or -ENOMEM. Search only after range_index_sort(). */
int range_index_add(struct range_index *index, struct range range, size_t number);
void range_index_sort(struct range_index *index);
void range_index_done(struct range_index *index);

/* Sorted: how many different points ranges begin at. */
size_t range_index_spread(const struct range_index *index);

/* Replaces *ret, which may be used again and again, by the numbers whose ranges overlap. 0 or
 * -ENOMEM. */
int range_index_find(const struct range_index *index, struct range with, struct range_numbers *ret);
void range_numbers_done(struct range_numbers *numbers);
