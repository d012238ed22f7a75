// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which version of mwan.conf is in force, with the @FILEs that its rules name.
 *
 * An edit alone changes nothing. A version comes into force when the daemon gets SIGHUP, or when a
 * program runs with it: the program marks the version, so that the daemon follows.
 */
#pragma once

#include "base/lock.h"
#include "config/config.h"

struct config_file {
	const char *path;
	char *read;   /* owned; the version that was last read; NULL: none */
	bool refused; /* that version can't be used */
};

/* Forgets that it was read. */
void config_file_done(struct config_file *file);

/*
 * Reads the file when it or an @FILE has changed and has been marked; with `asked`, also unmarked,
 * and again when it was refused. 1 with *ret on the heap, the caller's: config_free(); 0 when there
 * is nothing new; a negative errno with a fault when it can't be used; -ENOMEM: ask again.
 */
int config_file_load(struct config_file *file, bool asked, struct config **ret,
		     struct fault *fault);
void config_free(struct config *config);

/* Marks the version that was last read: the daemon has run with it. */
int config_file_mark_read(const struct config_file *file, struct fault *fault);

/* True when the file and its @FILEs are the version that is marked, or none is yet. */
bool config_file_is_in_force(const char *path);

/* Marks the version that was read as config: a run uses it. The caller holds run_lock(). */
int config_file_mark(const struct config *config, struct fault *fault);
