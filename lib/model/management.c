// SPDX-License-Identifier: GPL-2.0-or-later
// The interfaces by which the base ruleset lets its operator in.
// Their names stand in quotes, in the rule as listed as well as in the define.

#include "model/management.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* Adds each name in quotes before `end`. What does not fit is left out. */
static void add_names(struct management *management, const char *text, const char *end)
{
	size_t used = 0;

	management->names[0] = '\0';
	while (text < end && (text = memchr(text, '"', end - text))) {
		int length = (int)strcspn(text + 1, "\"\n");

		if (length > end - text - 1) /* without the other quote */
			length = (int)(end - text - 1);
		if (used + length + 3 > sizeof(management->names))
			return;
		used += snprintf(management->names + used, sizeof(management->names) - used,
				 "%s%.*s", used ? ", " : "", length, text + 1);
		text += 1 + length;
		text += text < end && *text == '"';
	}
}

void management_read_listing(struct management *management, const char *listing)
{
	const char *rule = strstr(listing, " add @" MANAGEMENT_SET " "), *line = rule;

	while (line && line > listing && line[-1] != '\n')
		line--;
	if (rule)
		add_names(management, line, rule);
}

void management_read_file(struct management *management, const char *text)
{
	static const char define[] = "define MANAGEMENT";
	const char *at = strstr(text, define), *value;

	while (at && at != text && at[-1] != '\n')
		at = strstr(at + 1, define);
	value = at ? strchr(at, '=') : NULL;
	if (!value)
		return;
	value += 1 + strspn(value + 1, " \t");
	add_names(management, value, value + strcspn(value, *value == '{' ? "}" : "\n"));
}

bool management_has(const struct management *management, const char *interface)
{
	char names[sizeof(management->names)], *rest = names;

	memcpy(names, management->names, sizeof(names));
	for (char *name; (name = strsep(&rest, ", "));)
		if (*name && fnmatch(name, interface, 0) == 0)
			return true;
	return false;
}

bool management_is_missing(const struct management *management)
{
	return management->names[0] && management->index == 0;
}
