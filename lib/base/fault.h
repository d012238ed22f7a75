// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words of one failure. They go up with the errno to the program, which logs them once.
 */
#pragma once

#include "base/util.h"

#include <stdarg.h>
#include <stdbool.h>

struct fault {
	char text[512]; /* one line: what is so or, after fault_fix(), "what is so: what to do" */
	size_t fix;	/* where in it what to do begins; 0: it does not say */
};

/* Keeps the words, unless an earlier fault stands there already; returns r. */
int fault_set(struct fault *fault, int r, const char *format, ...) _printf_(3, 4);

/* Adds what to do about it, once; r again. For a fault that has just been set. */
int fault_fix(struct fault *fault, int r, const char *format, ...) _printf_(3, 4);

/* True when the machine lacks something, or can't read: what was to be read may be right. */
bool fault_is_machines(int r);

/* The two parts: how many bytes of the text say what is so, and what to do; "": it does not say. */
int fault_what_length(const struct fault *fault);
const char *fault_what_to_do(const struct fault *fault);
