// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interfaces by which the base ruleset lets its operator in: those of its `define MANAGEMENT`.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The chain's rule that lets them in puts an element into this set: one of them is there. */
#define MANAGEMENT_SET "managed"

struct management {
	char names[256]; /* "eth0, enmgmt0"; each may end in `*`; empty: unknown */
	unsigned index;	 /* of one that is there; 0: none is, and SSH is open */
};

/* Reads the names from the base ruleset as the kernel lists it, or else from its file's text. */
void management_read_listing(struct management *management, const char *listing);
void management_read_file(struct management *management, const char *text);

bool management_has(const struct management *management, const char *interface);

/* True when they are known, and none is there. */
bool management_is_missing(const struct management *management);
