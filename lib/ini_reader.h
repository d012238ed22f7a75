/*
 * An ini file, section by section and key by key, each with its line: inih
 * splits the lines, the reader counts and joins them. The first mistake ends
 * the reading.
 */
#pragma once

#include "fault.h"

/* Both return 0, or a negative errno, which ends the reading, with their words in fault. */
struct ini_events {
	int (*section)(void *user, unsigned line, const char *name);
	/* Indented lines have been joined to value, each after a newline. */
	int (*key)(void *user, unsigned line, const char *name, const char *value);
};

/*
 * 0 with the number of the last line (at least 1), or a negative errno with
 * "PATH:LINE: …" in fault.
 */
int ini_read(const char *path, const struct ini_events *events, void *user, unsigned *ret_lines,
	     struct fault *fault);
