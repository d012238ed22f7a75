// SPDX-License-Identifier: GPL-2.0-or-later
// Whether there was memory for all of a JSON text.
// jansson takes its memory from a function here, which notes when there was none.

#include "base/json_memory.h"

#include <jansson.h>
#include <stdlib.h>

static bool lacked;

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	lacked |= !memory;
	return memory;
}

void json_memory_watch(void)
{
	json_set_alloc_funcs(allocate, free);
	lacked = false;
}

bool json_memory_lacked(void)
{
	return lacked;
}
