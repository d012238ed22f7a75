// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events. Where stderr is the journal, each is one entry with its fields; elsewhere it is a line on
 * stderr, which begins with a priority <N> unless it is for a terminal. With debug_logging, it is
 * also a JSON object on a line of DEBUG_LOG_PATH.
 */
#pragma once

#include "base/events.h"
#include "base/fault.h"
#include "base/log_field.h"

#include <stdbool.h>
#include <syslog.h>

#define DEBUG_LOG_PATH "/var/log/mwan-debug.log"

/*
 * program: the name in the journal and in the debug log, not copied; verbose: LOG_DEBUG goes to
 * stderr or the journal too.
 */
void log_setup(const char *program, bool verbose);

/*
 * on: from now on, events are also appended to the debug log, each with the trace id that is
 * current then. When the file is renamed, the next event begins a new one.
 */
void log_debug_file(bool on);

/* Logs one event, with the current trace id. fields: FIELDS(log_text("wan", name), …) or NULL. */
void log_event(int level, enum event event, const struct log_field *fields, const char *format, ...)
	_printf_(4, 5);

/* For log_seconds(): since a time in seconds since 1970; 0, or one that is to come: LOG_UNKNOWN. */
uint64_t log_seconds_since(uint64_t since);

/* False when nobody reads events of the level, and their words need not be made. */
bool log_is_read(int level);

/*
 * A program that looks again and again logs once what is wrong: within a round, warnings, errors
 * and EVENT_AWAITED that the round before had too, at the same level, are left out.
 */
void log_round_begin(void);
void log_round_end(void);

/* Logs the fault as an error if r is negative, and returns r. */
int log_outcome(int r, const struct fault *fault);
