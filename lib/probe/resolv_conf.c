// SPDX-License-Identifier: GPL-2.0-or-later
// Which file names the name servers.
// Reads their lines for who they are; c-ares reads the rest.

#include "probe/resolv_conf.h"

#include "base/fileio.h"
#include "base/parse.h"

#include <string.h>

static const char *const paths[] = { "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf" };

static bool is_resolved(const char *server)
{
	return strcmp(server, "127.0.0.53") == 0 || strcmp(server, "127.0.0.54") == 0;
}

/* *resolved: how many of them are systemd-resolved */
static size_t count(const char *path, size_t *resolved)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0;
	char *lines;

	*resolved = 0;
	if (file_read(path, &text) < 0)
		return 0;
	lines = text;
	for (char *line; (line = parse_item(&lines, "\n"));) {
		const char *key = parse_item(&line, " \t");
		const char *server = key ? parse_item(&line, " \t") : NULL;

		if (!server || strcmp(key, "nameserver") != 0)
			continue;
		*resolved += is_resolved(server);
		n++;
	}
	return n;
}

size_t resolv_conf_count(const char *path)
{
	size_t resolved;

	return count(path, &resolved);
}

static bool has_resolved_alone(const char *path)
{
	size_t resolved, n = count(path, &resolved);

	return n > 0 && resolved == n;
}

static struct stat look(const char *path)
{
	struct stat seen;

	return stat(path, &seen) == 0 ? seen : (struct stat){};
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void resolv_conf_look(struct resolv_conf *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		ret->seen[i] = look(paths[i]);
	ret->path = ret->seen[1].st_size > 0 && has_resolved_alone(paths[0]) ? paths[1] : paths[0];
}

bool resolv_conf_has_changed(const struct resolv_conf *conf)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct stat now = look(paths[i]);

		if (!is_same(&now, &conf->seen[i]))
			return true;
	}
	return false;
}
