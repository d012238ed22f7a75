// SPDX-License-Identifier: GPL-2.0-or-later
// Knows which version of mwan.conf and its @FILEs is in force, by a mark in /run/mwan.
// A line stands for each file: its inode, size and time of change, and, of an @FILE, its path.

#include "config/version.h"

#include "base/fileio.h"
#include "base/paths.h"
#include "config/load.h"
#include "config/source.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define MARK_PATH RUN_DIR "/config"

struct version_text {
	char s[128];
};

static struct version_text version_of(const struct stat *st)
{
	struct version_text version;

	snprintf(version.s, sizeof(version.s), "%ju %ju %jd %jd.%09ld", (uintmax_t)st->st_dev,
		 (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec);
	return version;
}

int config_add_version(struct config *config, const char *path, const struct stat *st)
{
	char folder[PATH_MAX] = "", *version;
	bool main = !config->version;

	/* Other programs look from elsewhere. */
	if (*path != '/' && !getcwd(folder, sizeof(folder)))
		return -ENOMEM;
	if (asprintf(&version, "%s%s%s%s%s%s\n", main ? "" : config->version, version_of(st).s,
		     main ? "" : " ", main ? "" : folder, main || !*folder ? "" : "/",
		     main ? "" : path) < 0)
		return -ENOMEM;
	free(config->version);
	config->version = version;
	return 0;
}

/* The path of the @FILE that a line is of; NULL: it is of mwan.conf itself. */
static const char *path_in(const char *line)
{
	for (int i = 0; i < 4 && line; i++) {
		line = strchr(line, ' ');
		line = line ? line + 1 : NULL;
	}
	return line;
}

/* True when all of its files are there as the version says. */
static bool is_so_now(const char *version, const char *path)
{
	_cleanup_(freep) char *copy = strdup(version);
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		const char *other = path_in(line);
		struct version_text now;
		struct stat st;

		if (stat(other ? other : path, &st) < 0)
			return false;
		now = version_of(&st);
		if (strncmp(line, now.s, strlen(now.s)) != 0 || !strchr(" ", line[strlen(now.s)]))
			return false;
	}
	return copy && *version;
}

int config_file_mark(const struct config *config, struct fault *fault)
{
	return file_write_if_changed(MARK_PATH, config->version, fault);
}

int config_file_mark_read(const struct config_file *file, struct fault *fault)
{
	return file->read ? file_write_if_changed(MARK_PATH, file->read, fault) : 0;
}

bool config_file_is_in_force(const char *path)
{
	_cleanup_(freep) char *mark = NULL;

	return access(MARK_PATH, F_OK) < 0 ||
	       (file_read(MARK_PATH, &mark) == 0 && is_so_now(mark, path));
}

void config_file_done(struct config_file *file)
{
	free(file->read);
	file->read = NULL;
}

/* True when there is a version to read; *mark is that of the last run, or NULL. */
static bool has_news(const struct config_file *file, bool asked, char **mark)
{
	bool marked = file_read(MARK_PATH, mark) == 0;

	if (asked)
		return file->refused || !file->read || !is_so_now(file->read, file->path);
	return marked && is_so_now(*mark, file->path) &&
	       (!file->read || strcmp(*mark, file->read) != 0);
}

int config_file_load(struct config_file *file, bool asked, struct config **ret, struct fault *fault)
{
	_cleanup_(freep) char *mark = NULL, *version = NULL;
	struct config *config;
	int r;

	if (!has_news(file, asked, &mark))
		return 0;
	config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;
	r = config_load(file->path, config, fault);
	if (!fault_is_machines(r)) { /* which says nothing of the file */
		/* Of a refused one, only a mark says which one it is. */
		version = strdup(r == 0 ? config->version : asked ? "" : mark);
		if (!version) {
			config_free(config);
			return -ENOMEM;
		}
		config_file_done(file);
		file->read = TAKE(version);
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
