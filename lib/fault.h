/*
 * The words of one failure, carried up to the program that logs them, once.
 */
#pragma once

#include "util.h"

#include <stdarg.h>

struct fault {
	char text[512];
};

/* Keeps the words, unless an earlier fault stands there already; returns r. */
int fault_set(struct fault *fault, int r, const char *format, ...) _printf_(3, 4);
