// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Texts on a screen. Only printable ASCII is printed, and '?' for the rest: a text may come from a
 * file or another program, with escape sequences that the terminal must not obey.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* The first n characters. */
void print_plain(const char *text, size_t n, FILE *f);

struct wrap {
	unsigned width;	   /* of a row, in columns */
	unsigned indent;   /* of each row but the first */
	unsigned max_rows; /* what has no room then is cut, with " …"; 0: all rows */
};

/*
 * Prints prefix and text, and the end of the last row. Rows are broken between words, and not in
 * what is in backquotes: somebody will copy it. What is wider than a row stays whole, in rows of
 * its own. Returns how many rows that takes. f: NULL: counts alone.
 */
unsigned print_wrapped(const char *prefix, const char *text, struct wrap wrap, FILE *f);
