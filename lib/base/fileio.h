// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The few small files that mwan keeps. They are read whole, and written so that a reader finds
 * either the old content or the new.
 */
#pragma once

#include "base/fault.h"

/* Opens a regular file for reading; a FIFO would block us. NULL with errno. */
FILE *file_open(const char *path);

/* Reads to the end or to a NUL. *ret is the caller's. 0 or a negative errno. */
int stream_read(FILE *f, char **ret);

/* Reads the whole file. *ret is the caller's. 0, or a negative errno: -ENOENT without a file. */
int file_read(const char *path, char **ret);

/* A stream into memory: write to f. */
struct memory {
	FILE *f;
	char *text;
	size_t size;
};

/* 0 or -ENOMEM; memory_close() leaves in *text all that was written, the caller's, or NULL. */
int memory_open(struct memory *memory);
int memory_close(struct memory *memory, char **text);

/*
 * Replaces the file, with mode 0644, in one rename; makes its folder (one level) if need be. 0, or
 * a negative errno with a fault.
 */
int file_write(const char *path, const char *text, struct fault *fault);

/* The same, unless the file has this content already. */
int file_write_if_changed(const char *path, const char *text, struct fault *fault);
