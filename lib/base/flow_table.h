// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How full the kernel's conntrack table is. A full one refuses every new flow, whoever asks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct flow_table {
	uint64_t entries, max; /* max 0: unknown */
	uint64_t refused;      /* packets so far that found it full, or no memory */
};

/* root: before the path of each file, "" but in tests. What can't be read stays 0. */
struct flow_table flow_table_read(const char *root);

/* True when it has no room now. */
bool flow_table_is_full(const struct flow_table *table);

/*
 * The same for somebody who looks now and then: flows end between two looks. full: what it was at
 * the last look, `before`; it has room again only when some of it is free.
 */
bool flow_table_stays_full(const struct flow_table *table, const struct flow_table *before,
			   bool full);

/* What makes room, for somebody who reads that it is full. */
struct flow_table_fix {
	char s[200];
};
struct flow_table_fix flow_table_fix(const struct flow_table *table);
