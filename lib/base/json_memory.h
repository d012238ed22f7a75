// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether there was memory for all of a JSON text. jansson says so at each member, of which there
 * are too many to ask: one would be missing without a word.
 */
#pragma once

#include <stdbool.h>

/* From here on; it forgets what was lacking before. */
void json_memory_watch(void);

/* True when anything was lacking since. */
bool json_memory_lacked(void);
