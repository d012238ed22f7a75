// SPDX-License-Identifier: GPL-2.0-or-later
// Rules that somebody had put into what is mwan's in nftables, and that a run has removed.
// A line that neither the run before has left nor this one was somebody else's.

#include "reconcile/removed_rules.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/paths.h"
#include "kernel/observe_nft.h"
#include "model/listing.h"

#include <string.h>

#define CHAIN "\tchain "

static bool has_line(const char *listing, const char *line, size_t length)
{
	return memmem(listing, strlen(listing), line, length);
}

static void log_rule(const char *table, const struct listing_block *chain, const char *line,
		     size_t length)
{
	const char *name = chain->text + strlen(CHAIN);
	_cleanup_(freep) char *rule = strndup(line, length), *of = NULL;

	of = strndup(name, strcspn(name, " "));
	if (!rule || !of)
		return;
	log_event(LOG_WARNING, EVENT_RULE_REMOVED,
		  FIELDS(log_text("table", table), log_text("chain", of), log_text("rule", rule)),
		  "removed from chain %s of table %s, which is mwan's: `%s`: rules of your own "
		  "belong in a file of " OWN_RULES_DIR " (mwan(7), RULES OF YOUR OWN)",
		  of, table, rule);
}

static void look_at_chain(const char *table, const struct listing_block *chain, const char *left,
			  const char *now)
{
	const char *end = chain->text + chain->length;

	for (const char *line = chain->text + chain->head, *next; line < end; line = next) {
		size_t length = strcspn(line, "\n") + 1;

		next = line + length;
		if (strncmp(line, "\t\t", 2) == 0 && !has_line(left, line, length) &&
		    !has_line(now, line, length))
			log_rule(table, chain, line + 2, length - 3);
	}
}

void removed_rules_log(const struct nft_observed *found)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		const char *listing = found->listing[part], *left = found->left_listing[part];
		_cleanup_(freep) char *now = NULL;
		struct listing_block block;

		if (!listing || !left || strcmp(listing, left) == 0 ||
		    file_read(nft_path(part, ".list").s, &now) < 0)
			continue;
		while (listing_next(&listing, &block))
			if (strncmp(block.text, CHAIN, strlen(CHAIN)) == 0)
				look_at_chain(nft_parts[part].table, &block, left, now);
	}
}
