// SPDX-License-Identifier: GPL-2.0-or-later
// Knows which version of mwan.conf is in force, by a mark in /run/mwan.
// Two versions differ in inode, size or time of change.

#include "config/version.h"

#include "base/fileio.h"
#include "base/paths.h"
#include "config/load.h"

#include <errno.h>
#include <string.h>

#define MARK_PATH RUN_DIR "/config"

struct version_text {
	char s[128];
};

static struct version_text version_of(const struct stat *st)
{
	struct version_text version;

	snprintf(version.s, sizeof(version.s), "%ju %ju %jd %jd.%09ld\n", (uintmax_t)st->st_dev,
		 (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec);
	return version;
}

static bool is_marked(const struct stat *st)
{
	_cleanup_(freep) char *mark = NULL;

	return file_read(MARK_PATH, &mark) == 0 && strcmp(mark, version_of(st).s) == 0;
}

int config_file_mark(const char *path, struct fault *fault)
{
	struct stat now;

	if (stat(path, &now) < 0)
		return fault_set(fault, -errno, "%s: %m", path);
	return file_write_if_changed(MARK_PATH, version_of(&now).s, fault);
}

int config_file_mark_read(const struct config_file *file, struct fault *fault)
{
	return file_write_if_changed(MARK_PATH, version_of(&file->read).s, fault);
}

bool config_file_is_in_force(const char *path)
{
	struct stat now;

	return access(MARK_PATH, F_OK) < 0 || (stat(path, &now) == 0 && is_marked(&now));
}

int config_file_load(struct config_file *file, bool asked, struct config **ret, struct fault *fault)
{
	struct config *config;
	struct stat now;
	bool changed;
	int r;

	if (stat(file->path, &now) < 0)
		now = (struct stat){};
	changed = strcmp(version_of(&now).s, version_of(&file->read).s) != 0;
	if (asked ? !changed && !file->refused : !changed || !is_marked(&now))
		return 0;

	config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;
	r = config_load(file->path, config, fault);
	if (r != -ENOMEM) { /* which says nothing of the file */
		file->read = now;
		file->refused = r < 0;
	}
	if (r < 0) {
		free(config);
		return r;
	}
	*ret = config;
	return 1;
}

void config_free(struct config *config)
{
	if (config)
		config_done(config);
	free(config);
}
