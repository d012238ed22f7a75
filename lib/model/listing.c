// SPDX-License-Identifier: GPL-2.0-or-later
// What nft prints of a table, object by object.
// Each object is indented by one tab, and what is in it by two.

#include "model/listing.h"

#include <string.h>

bool listing_next(const char **text, struct listing_block *ret)
{
	for (const char *line = *text, *end; *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (line[0] != '\t' || line[1] == '\t' || end - line < 3 || end[-2] != '{')
			continue;
		ret->text = line;
		ret->head = (size_t)(end - line);
		end = strstr(end - 1, "\n\t}\n");
		if (!end)
			return false;
		*text = end + strlen("\n\t}\n");
		ret->length = (size_t)(*text - line);
		return true;
	}
	return false;
}

bool listing_find(const char *listing, const struct listing_block *like, struct listing_block *ret)
{
	while (listing_next(&listing, ret))
		if (ret->head == like->head && memcmp(ret->text, like->text, like->head) == 0)
			return true;
	return false;
}

int listing_block_cmp(const void *a, const void *b)
{
	return strcmp(((const struct listing_block *)a)->text,
		      ((const struct listing_block *)b)->text);
}
