/*
 * One trace's lines out of the debug log and its rotated files, as they are shown.
 */
#pragma once

#include "fault.h"

/* In the order of time; the strings and the array are owned. */
struct trace_lines {
	char **v;
	size_t n;
};

/* "TIME PROGRAM LEVEL EVENT MESSAGE" of a JSON line; NULL: not of that trace, or no memory. Owned.
 */
char *trace_line(const char *json, const char *id);

/* All lines of a trace; none is no error. What is compressed is passed over, with a warning. */
int trace_log_read(const char *id, struct trace_lines *ret, struct fault *fault);
void trace_lines_done(struct trace_lines *lines);
