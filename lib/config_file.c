#include "config_file.h"

#include "fileio.h"

#include <errno.h>
#include <string.h>

#define MARK_PATH RUN_DIR "/config"

/* What tells one version of a file from another. */
struct version {
	char s[128];
};

static struct version version_of(const struct stat *st)
{
	struct version version;

	snprintf(version.s, sizeof(version.s), "%ju %ju %jd %jd.%09ld\n", (uintmax_t)st->st_dev,
		 (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec);
	return version;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return strcmp(version_of(a).s, version_of(b).s) == 0;
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
	bool same;
	int r;

	if (stat(file->path, &now) < 0)
		now = (struct stat){};
	same = is_same(&now, &file->read);
	if (asked ? same && !file->refused : same || !is_marked(&now))
		return 0;

	config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;
	r = config_load(file->path, config, fault);
	file->read = now;
	file->refused = r < 0;
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
