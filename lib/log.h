/*
 * Events: one line each on stderr with a <N> priority that journald reads,
 * and, with debug_logging, one JSON object a line in /var/log/mwan-debug.log.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>
#include <syslog.h>

#define DEBUG_LOG_PATH "/var/log/mwan-debug.log"

/* program: what the events are told to come from; verbose: LOG_DEBUG reaches stderr too. */
void log_setup(const char *program, bool verbose);

/*
 * From now on events are also appended to the debug log, with the trace id that is the current
 * one then; NULL: no longer. When the file is renamed, the next event begins a new one.
 */
void log_debug_file(const char *path);

/*
 * One event: its name, and the words after it for stderr. "key=value" words become
 * fields of the JSON object.
 */
void log_event(int level, const char *event, const char *format, ...) _printf_(3, 4);

/*
 * Between the two, warnings and errors that were also said between the two the last time
 * are left out: who looks again and again says once what is wrong.
 */
void log_round_begin(void);
void log_round_end(void);

/* Logs the fault as an error if r is negative, and returns r. */
int log_outcome(int r, const struct fault *fault);
