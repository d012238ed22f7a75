/*
 * The configuration's file over time: which of its versions is in force.
 *
 * A file that is being edited is not meant yet. A version comes into force when somebody
 * says so: SIGHUP to the daemon, or a program that was run with it and leaves its mark, so that the
 * daemon goes along and does not undo it.
 */
#pragma once

#include "config.h"

#include <sys/stat.h>

struct config_file {
	const char *path;
	struct stat read; /* as it was when it was last read; zero: never */
	bool refused;	  /* that version can't be used */
};

/*
 * Reads a version that is another than the last one and has been marked; with `asked`, any
 * other version, and again one that was refused. 1 with *ret on the heap, the caller's:
 * config_free(); 0 when there is nothing new; a negative errno with a fault when it can't be used.
 */
int config_file_load(struct config_file *file, bool asked, struct config **ret,
		     struct fault *fault);
void config_free(struct config *config);

/* The daemon: that version has been run with, as if the file had been marked then. */
int config_file_mark_read(const struct config_file *file, struct fault *fault);

/* True when the file is as it was when it was last run with, or nobody has run yet. */
bool config_file_is_in_force(const char *path);

/* Marks the file as it is now as the one that has been run with. The caller holds run_lock(). */
int config_file_mark(const char *path, struct fault *fault);
