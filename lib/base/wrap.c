// SPDX-License-Identifier: GPL-2.0-or-later
// Prints texts in rows of a screen.
// Takes word after word, and begins a row where the next one does not fit.

#include "base/wrap.h"

#include <stdbool.h>
#include <string.h>

void print_plain(const char *text, size_t n, FILE *f)
{
	for (; n > 0 && *text; text++, n--)
		fputc(*text >= ' ' && *text <= '~' ? *text : '?', f);
}

/* The length of what is not broken: a word, with all that is in backquotes in it. */
static size_t unit_length(const char *text)
{
	bool quoted = false;
	size_t n = 0;

	for (; text[n] && (quoted || text[n] != ' '); n++)
		quoted ^= text[n] == '`';
	return n;
}

unsigned print_wrapped(const char *prefix, const char *text, struct wrap wrap, FILE *f)
{
	size_t column = strlen(prefix), rows = 1;
	bool begins = true; /* the row has no word yet */

	if (f)
		print_plain(prefix, column, f);
	while (*(text += strspn(text, " "))) {
		size_t length = unit_length(text);

		if (!begins && column + 1 + length > wrap.width) {
			if (rows++ == wrap.max_rows) {
				if (f)
					fputs(" …\n", f);
				return wrap.max_rows;
			}
			if (f)
				fprintf(f, "\n%*s", (int)wrap.indent, "");
			column = wrap.indent;
			begins = true;
		}
		if (f) {
			fputs(begins ? "" : " ", f);
			print_plain(text, length, f);
		}
		column += length + !begins;
		rows += (column - 1) / wrap.width;
		begins = false;
		text += length;
	}
	if (f)
		fputc('\n', f);
	return rows;
}
