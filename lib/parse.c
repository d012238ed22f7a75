#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The digits that text begins with, and what follows them in *rest. */
static int parse_digits(const char *text, uint32_t *ret, const char **rest)
{
	const char *p = text;
	uint64_t value = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return -EINVAL;
	}

	/* 010 is ten to some and eight to others. */
	if (p == text || (*text == '0' && p > text + 1))
		return -EINVAL;

	*ret = (uint32_t)value;
	*rest = p;
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
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = { { "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 } };
	const char *unit;
	uint32_t value;

	if (parse_digits(text, &value, &unit) < 0)
		return -EINVAL;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name) == 0) {
			*ret = value * units[i].us;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_percent(const char *text, int *ret)
{
	const char *rest;
	uint32_t value;

	if (parse_digits(text, &value, &rest) < 0 || value < 1 || value > 100)
		return -EINVAL;
	if (*rest && strcmp(rest, "%") != 0)
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
	for (const char *p = text; *p; p++) {
		if (!isgraph((unsigned char)*p) || strchr("/:\"\\*", *p))
			return -EINVAL;
	}

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

struct quoted quote(const char *text)
{
	struct quoted ret = { .s = "\"" };
	size_t n = 1;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		/* Room for one escape, the dots, the quote and the NUL. */
		if (n + 4 + 3 + 2 > sizeof(ret.s)) {
			n += (size_t)snprintf(ret.s + n, sizeof(ret.s) - n, "...");
			break;
		}
		if (c == '\n' || c == '\t')
			ret.s[n++] = ' ';
		else if (isprint(c))
			ret.s[n++] = (char)c;
		else
			n += (size_t)snprintf(ret.s + n, sizeof(ret.s) - n, "\\x%02x", c);
	}

	snprintf(ret.s + n, sizeof(ret.s) - n, "\"");
	return ret;
}
