// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What tests of health.json share: a file to write the report to.
 */
#pragma once

#include "probed_scene.h"
#include "status/show.h"

extern char *path;

void report_file_begin(void);
void report_file_end(void);

/* The report, of which the first half of every kind of trouble is true. */
void make_rich(void);
char *as_json(const struct report *it);
void write_text(const char *text);
/* Reads the text as a file. Whatever it is, there is a report or words. */
int read_back(const char *text, struct report *ret, struct fault *fault);
