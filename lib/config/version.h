// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which version of mwan.conf is in force.
 *
 * An edit alone changes nothing. A version comes into force when the daemon gets SIGHUP, or when a
 * program runs with it: the program marks the version, so that the daemon follows.
 */
#pragma once

#include "base/lock.h"
#include "config/config.h"

#include <sys/stat.h>

struct config_file {
	const char *path;
	struct stat read; /* as it was when it was last read; zero: never */
	bool refused;	  /* that version can't be used */
};

/*
 * Reads the file when it has changed and has been marked; with `asked`, also unmarked, and again
 * when it was refused. 1 with *ret on the heap, the caller's: config_free(); 0 when there is
 * nothing new; a negative errno with a fault when it can't be used; -ENOMEM: ask again.
 */
int config_file_load(struct config_file *file, bool asked, struct config **ret,
		     struct fault *fault);
void config_free(struct config *config);

/* Marks the version that was last read: the daemon has run with it. */
int config_file_mark_read(const struct config_file *file, struct fault *fault);

/* True when the file is the version that is marked, or none is yet. */
bool config_file_is_in_force(const char *path);

/* Marks the file as it is now: a run used it. The caller holds run_lock(). */
int config_file_mark(const char *path, struct fault *fault);
