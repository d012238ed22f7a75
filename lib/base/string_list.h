// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A list of strings that owns them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct string_list {
	char **v; /* owned, each and the array */
	size_t n;
};

/* Adds a copy of text. 0, or -ENOMEM with the list unchanged. */
int string_list_add(struct string_list *list, const char *text);
/* Adds text itself and owns it, also on failure. NULL counts as no memory. 0 or -ENOMEM. */
int string_list_take(struct string_list *list, char *text);
bool string_list_has(const struct string_list *list, const char *text);
void string_list_done(struct string_list *list);
