// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The administrator's own tables in nftables: those that files of OWN_RULES_DIR declare.
 */
#pragma once

#include "base/paths.h"
#include "doctor/diagnosis.h"
#include "kernel/nft.h"

struct own_tables {
	struct own_table {
		char *file; /* owned; its path */
		char *name; /* owned; "inet own" */
	} * v;		    /* owned */
	size_t n;
};

/* root: before the folder's path, "" but in tests. 0 or -ENOMEM; no folder means none. */
int own_tables_read(const char *root, struct own_tables *ret);
void own_tables_done(struct own_tables *own);

/* NULL: no file declares it. own: NULL: there is none. */
const struct own_table *own_tables_find(const struct own_tables *own, const char *name);

/* Adds a finding about each file that can't be loaded, or whose tables `nft list ruleset` lacks. */
void own_tables_check(struct nft *nft, const struct own_tables *own, const char *listing,
		      struct diagnosis *diagnosis);
