#include "config_file.h"

#include <errno.h>

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int config_file_load(struct config_file *file, bool again, struct config **ret, struct fault *fault)
{
	struct config *config;
	struct stat now;
	int r;

	if (stat(file->path, &now) < 0)
		now = (struct stat){};
	if (!again && is_same(&now, &file->read))
		return 0;
	file->read = now;

	config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;
	r = config_load(file->path, config, fault);
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
