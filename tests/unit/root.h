// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A folder of the test's own, in the place of / for what reads files.
 */
#pragma once

extern char root[]; /* "/tmp/mwan-root-…", from root_begin() on */

void root_begin(void);
void root_end(void); /* with all that is in it */

/* A file or a symbolic link below it, in place of another, with the folders it takes. */
void root_put(const char *path, const char *text);
void root_link(const char *path, const char *target);
void root_remove(const char *path); /* if it is there */
