// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lines of one trace, from the debug log and its rotated files, as they are shown.
 */
#pragma once

#include "base/fault.h"
#include "base/string_list.h"

/*
 * "TIME PROGRAM LEVEL EVENT MESSAGE" of a JSON line, the caller's. NULL if it is not of that trace,
 * or without memory.
 */
char *trace_line(const char *json, const char *id);

/*
 * All lines of a trace in the order of time; none is no error. Compressed files are left out, with
 * a warning. *ret is the caller's. 0, or a negative errno with a fault.
 */
int trace_log_read(const char *id, struct string_list *ret, struct fault *fault);
