// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What others' tables in nftables do to the packets of the site. Pure.
 */
#pragma once

#include "config/config.h"
#include "doctor/own_tables.h"

/*
 * Reads what `nft list ruleset` prints, and adds a finding about each table that is not mwan's and
 * may mark, drop or translate a forwarded packet. Of `own` ones, some may be dropped or translated.
 * config, own: NULL: there is none.
 */
void foreign_tables_check(const char *listing, const struct config *config,
			  const struct own_tables *own, struct diagnosis *diagnosis);
