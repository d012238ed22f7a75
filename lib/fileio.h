/*
 * The few small files that mwan keeps: read whole, written so that a reader
 * finds the old content or the new, and the lock under which runs take turns.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>

#define RUN_DIR "/run/mwan"

/* For reading; only a regular file: a FIFO would keep us waiting. NULL with errno. */
FILE *file_open(const char *path);

/* The whole file as a string (owned by the caller). -ENOENT when there is none. */
int file_read(const char *path, char **ret);

/* Replaces the file in one rename; makes its folder (one level) if need be. */
int file_write(const char *path, const char *text, struct fault *fault);

/* The same, unless the file says that already. */
int file_write_if_changed(const char *path, const char *text, struct fault *fault);

/*
 * Locks a file of RUN_DIR, made if need be. Returns a descriptor that holds the lock until it
 * is closed or the process ends, or a negative errno; -EWOULDBLOCK when somebody
 * else holds it and we do not wait.
 */
int file_lock(const char *path, bool wait, struct fault *fault);

/* The lock under which runs take turns. */
int run_lock(bool wait, struct fault *fault);
