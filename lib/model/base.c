// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the base ruleset still protects.
// Each block that the last run left is looked for, and its lines in their order.

#include "model/base.h"

#include "model/listing.h"

#include <stdio.h>
#include <string.h>

#define TABLE "table inet filter"

/* The line at *text, without its end; *text is then set to the next one. False at `end`. */
static bool next_line(const char **text, const char *end, const char **ret, size_t *length)
{
	if (*text >= end)
		return false;
	*ret = *text;
	*length = strcspn(*text, "\n");
	*text += *length + 1;
	return true;
}

/* True for a rule without a condition: no rule after it is ever asked. */
static bool decides_all(const char *rule, size_t length)
{
	static const char *const verdicts[] = { "accept", "drop", "reject", "return", "goto" };
	static const char counter[] = "counter ";
	const char *end = rule + length;

	while (rule < end && *rule == '\t')
		rule++;
	if (strncmp(rule, counter, strlen(counter)) == 0)
		rule += strlen(counter);
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++)
		if (strncmp(rule, verdicts[i], strlen(verdicts[i])) == 0)
			return true;
	return false;
}

/* Why the block is not as it was left; NULL: it is, but for rules of others. */
static const char *compare(const struct listing_block *now, const struct listing_block *left)
{
	const char *at = now->text, *end = now->text + now->length, *wanted = left->text, *line;
	const char *rule;
	size_t length, n;

	while (next_line(&wanted, left->text + left->length, &rule, &n)) {
		bool is_hook = strncmp(rule, "\t\ttype ", 7) == 0;

		for (;;) {
			if (!next_line(&at, end, &line, &length))
				return is_hook ? "has another hook, policy or type"
					       : "has lost a rule";
			if (length == n && memcmp(line, rule, n) == 0)
				break;
			if (!is_hook && decides_all(line, length))
				return "has a new rule that decides on every packet";
		}
	}
	return NULL;
}

bool base_holds(const char *now, const char *left, struct base_loss *ret)
{
	struct listing_block block, found;

	while (listing_next(&left, &block)) {
		const char *why = "is gone";

		if (listing_find(now, &block, &found))
			why = compare(&found, &block);
		if (!why)
			continue;
		/* "\tchain forward {\n" */
		snprintf(ret->s, sizeof(ret->s), "%.*s of " TABLE " %s", (int)block.head - 4,
			 block.text + 1, why);
		return false;
	}
	return true;
}

bool base_is_closed(const char *base)
{
	static const char forward[] =
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority filter; policy drop;\n";

	return strstr(base, forward);
}
