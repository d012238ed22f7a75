// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Elements of a map or set as commands of nft, many in each: a command costs nft and the kernel
 * far more than an element does. Pure.
 */
#pragma once

#include "base/util.h"

struct elements {
	FILE *f;
	const char *of; /* "inet mangle own4" */
	size_t n;	/* so far */
};

/* Begins the next element, which the caller writes to f. */
void elements_next(struct elements *elements);
/* The same, and writes it. */
void elements_add(struct elements *elements, const char *format, ...) _printf_(2, 3);
/* After the last one, also if there is none. */
void elements_end(struct elements *elements);
