// SPDX-License-Identifier: GPL-2.0-or-later
// Words of files, command lines and answers as values.
// Each function accepts exactly one way to write a value, and nothing behind it.

#include "base/parse.h"

#include "base/util.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Reads the digits that text begins with; *rest is what follows them. */
static int parse_digits(const char *text, uint32_t *ret, const char **rest)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	/* Some read 010 as ten, others as eight. */
	if (!isdigit((unsigned char)*text) || (*text == '0' && end > text + 1) ||
	    value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	*rest = end;
	return 0;
}

int parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	const char *rest;
	uint32_t value;

	if (parse_digits(text, &value, &rest) < 0 || *rest || value < min || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

int parse_duration(const char *text, uint64_t *ret)
{
	static const char *const units[] = { "ms", "s", "m", "h", NULL };
	static const uint64_t us[] = { 1000, 1000000, 60000000, 3600000000 };
	const char *rest;
	unsigned unit;
	uint32_t value;

	if (parse_digits(text, &value, &rest) < 0 || parse_word(rest, units, &unit) < 0)
		return -EINVAL;
	*ret = value * us[unit];
	return 0;
}

int parse_percent(const char *text, int *ret)
{
	const char *rest;
	uint32_t value;

	if (parse_digits(text, &value, &rest) < 0 || value < 1 || value > 100 ||
	    (*rest && strcmp(rest, "%") != 0))
		return -EINVAL;
	*ret = (int)value;
	return 0;
}

int parse_interface(const char *text, char ret[static IFNAMSIZ])
{
	size_t len = strlen(text);

	if (len == 0 || len >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return -EINVAL;
	/* nft reads a trailing * as a wildcard, also between quotes. */
	for (const char *p = text; *p; p++)
		if (!isgraph((unsigned char)*p) || strchr("/:\"\\*", *p))
			return -EINVAL;
	memcpy(ret, text, len + 1);
	return 0;
}

int parse_word(const char *text, const char *const words[], unsigned *ret)
{
	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

char *parse_item(char **rest, const char *separators)
{
	char *item;

	while ((item = strsep(rest, separators))) {
		char *end = item + strlen(item);

		while (isspace((unsigned char)*item))
			item++;
		while (end > item && isspace((unsigned char)end[-1]))
			*--end = '\0';
		if (*item)
			return item;
	}
	return NULL;
}

const char *find_value(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == '=')
			return line + length + 1;
	}
	return NULL;
}

void copy_value(const char *text, const char *key, char *ret, size_t size)
{
	const char *value = find_value(text, key);

	snprintf(ret, size, "%.*s", value ? (int)strcspn(value, "\n") : 0, value ? value : "");
}

bool has_value(const char *text, const char *key, const char *value)
{
	const char *found = find_value(text, key);
	size_t n = strlen(value);

	return found && strncmp(found, value, n) == 0 && (found[n] == '\n' || !found[n]);
}

struct quoted quote(const char *text)
{
	struct quoted ret = { .s = "\"" };
	size_t n = 1;

	/* Room for one escape, the dots, the quote and the NUL. */
	for (; *text && n + 4 + 3 + 2 <= sizeof(ret.s); text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n' || c == '\t')
			c = ' ';
		if (isprint(c))
			ret.s[n++] = (char)c;
		else
			n += snprintf(ret.s + n, sizeof(ret.s) - n, "\\x%02x", c);
	}
	snprintf(ret.s + n, sizeof(ret.s) - n, *text ? "...\"" : "\"");
	return ret;
}
