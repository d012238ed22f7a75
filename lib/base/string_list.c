// SPDX-License-Identifier: GPL-2.0-or-later
// A list of strings that owns them.
// The array grows by one with each string: our lists are short.

#include "base/string_list.h"

#include "base/util.h"

#include <string.h>

int string_list_take(struct string_list *list, char *text)
{
	int r = text ? APPEND(list->v, list->n, text) : -ENOMEM;

	if (r < 0)
		free(text);
	return r;
}

int string_list_add(struct string_list *list, const char *text)
{
	return string_list_take(list, strdup(text));
}

bool string_list_has(const struct string_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], text) == 0)
			return true;
	return false;
}

void string_list_done(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct string_list){};
}
