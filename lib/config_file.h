/*
 * The configuration's file over time: whether it is still the one that was read.
 */
#pragma once

#include "config.h"

#include <sys/stat.h>

struct config_file {
	const char *path;
	struct stat read; /* as it was when it was last read; zero: never */
};

/*
 * Reads the file if it is another than the last time, or if `again`. 1 with *ret on the heap,
 * the caller's: config_free(); 0 when there is nothing new; a negative errno with a fault when it
 * can't be used, which is then not tried again before it has changed.
 */
int config_file_load(struct config_file *file, bool again, struct config **ret,
		     struct fault *fault);
void config_free(struct config *config);
