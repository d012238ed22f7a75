// SPDX-License-Identifier: GPL-2.0-or-later
// Writes the elements of a map or set, one after another, as few commands.
// A command has not all of them: in a map of ranges, nft compares them with what it has so far.

#include "plan/elements.h"

#include <stdarg.h>

#define BATCH 500

void elements_next(struct elements *elements)
{
	FILE *f = elements->f;

	if (elements->n % BATCH > 0)
		fputs(", ", f);
	else
		fprintf(f, "%sadd element %s { ", elements->n > 0 ? " }\n" : "", elements->of);
	elements->n++;
}

void elements_add(struct elements *elements, const char *format, ...)
{
	va_list args;

	elements_next(elements);
	va_start(args, format);
	vfprintf(elements->f, format, args);
	va_end(args);
}

void elements_end(struct elements *elements)
{
	if (elements->n > 0)
		fputs(" }\n", elements->f);
}
