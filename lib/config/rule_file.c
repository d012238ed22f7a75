// SPDX-License-Identifier: GPL-2.0-or-later
// The @FILEs of rules: one address or prefix a line, comments behind ; or #.
// A name without a / at its beginning is one in the folder of mwan.conf.

#include "base/fileio.h"
#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

static char *path_of(const struct config_source *source, const char *name)
{
	const char *slash = strrchr(source->path, '/');
	int folder = *name != '/' && slash ? (int)(slash + 1 - source->path) : 0;
	char *path;

	return asprintf(&path, "%.*s%s", folder, source->path, name) < 0 ? NULL : path;
}

/* 0, -ENOMEM, or -EINVAL with *why. */
static int read_lines(FILE *file, const char *path, struct ranges *lists[N_FAMILIES],
		      struct fault *why)
{
	_cleanup_(freep) char *text = NULL;
	size_t room = 0, n;
	unsigned line = 0;
	int r = 0;

	for (ssize_t got; r == 0 && (got = getline(&text, &room, file)) >= 0;) {
		struct fault reason = {};
		char *rest = text, *item;

		line++;
		n = strcspn(text, "#;");
		if (strlen(text) != (size_t)got)
			return fault_set(why, -EINVAL, "%s:%u: a NUL byte: this is not a text file",
					 path, line);
		text[n] = '\0';
		item = parse_item(&rest, "");
		if (item)
			r = rule_add_network(item, lists, &reason);
		if (r == -EINVAL)
			fault_set(why, r, "%s:%u: %s", path, line, reason.text);
	}
	return r < 0 || !ferror(file) ? r : fault_set(why, -EINVAL, "%s: %m", path);
}

int rule_read_file(struct config_source *source, const struct section *section, const char *key,
		   const char *name, struct ranges *lists[N_FAMILIES])
{
	_cleanup_(freep) char *path = path_of(source, name);
	_cleanup_(fclosep) FILE *file = path ? file_open(path) : NULL;
	size_t before = lists[IPV4]->n + lists[IPV6]->n;
	struct fault why = {};
	struct stat st;
	int r;

	if (!path)
		return config_no_memory(source);
	if (!file || fstat(fileno(file), &st) < 0)
		return config_mistake(source, section, key, "%s: %s", path,
				      errno == EINVAL ? "this is no regular file"
						      : strerror(errno));
	r = read_lines(file, path, lists, &why);
	if (r == -EINVAL)
		return config_mistake(source, section, key, "%s", why.text);
	if (r < 0 || config_add_version(&source->config, path, &st) < 0)
		return config_no_memory(source);
	if (lists[IPV4]->n + lists[IPV6]->n == before)
		return config_mistake(source, section, key,
				      "%s: there is no address or prefix in the file", path);
	return 0;
}
