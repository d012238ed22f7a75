/*
 * What tables of others in nftables do to the packets of the site. Pure.
 */
#pragma once

#include "config.h"
#include "diagnosis.h"

/*
 * Reads what `nft list ruleset` prints, and says of each table that is not mwan's what of it may
 * mark, drop or translate a forwarded packet. config: NULL: there is none. 0 or -ENOMEM.
 */
int foreign_tables_tell(const char *listing, const struct config *config,
			struct diagnosis *diagnosis);
