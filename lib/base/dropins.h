// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The drop-in folders of systemd and its like: which of their files count, and in which order.
 */
#pragma once

#include "base/string_list.h"

#include <stdbool.h>

/*
 * The files *.conf of that folder below /etc, /run, /usr/local/lib and /usr/lib, by their names:
 * of those called the same, the first place's counts, and hides the others also where it is empty
 * or a link to /dev/null. root: before each path, "" but in tests. The list is the caller's:
 * string_list_done(). 0 or -ENOMEM.
 */
int conf_files_list(const char *root, const char *folder, struct string_list *ret);

/*
 * What the file, in systemd's syntax, sets the key of the section to in the end: *ret is the
 * caller's, and untouched where it sets nothing. 0 or -ENOMEM; a file that can't be read sets
 * nothing.
 */
int conf_file_get(const char *path, const char *section, const char *key, char **ret);

/* Cuts white space and comments off a line, in place; "" where nothing is left. */
char *conf_line_trim(char *line);

/* True when the value, unless NULL, is one of the words, which NULL ends; systemd's no and yes. */
bool conf_is_one_of(const char *value, const char *const *words);
bool conf_is_no(const char *value);
bool conf_is_yes(const char *value);
