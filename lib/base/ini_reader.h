// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An ini file, section by section and key by key, each with its line: the reader prepares the
 * lines, inih takes them apart. The first mistake ends the reading.
 */
#pragma once

#include "base/fault.h"

enum ini_syntax {
	/* Ours: indented lines continue a value, comments stand behind values too, and any other
	 * line is a mistake. */
	INI_STRICT,
	/* Files of systemd and its like: a \ at the end of a line continues it, and what is neither
	 * a section nor a key is skipped. Keys may come before the first section. */
	INI_SYSTEMD,
};

/* Both return 0, or a negative errno, which ends the reading, with their words in fault. */
struct ini_events {
	int (*section)(void *user, unsigned line, const char *name);
	/* INI_STRICT: indented lines have been joined to value, each after a newline. */
	int (*key)(void *user, unsigned line, const char *name, const char *value);
};

/*
 * 0 with the number of the last line (at least 1), or a negative errno with
 * "PATH:LINE: …" in fault.
 */
int ini_read(const char *path, enum ini_syntax syntax, const struct ini_events *events, void *user,
	     unsigned *ret_lines, struct fault *fault);
