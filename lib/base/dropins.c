// SPDX-License-Identifier: GPL-2.0-or-later
// The drop-in folders of systemd and its like: their files in order, and what a file sets.
// A file hides those of the same name in later folders.

#include "base/dropins.h"

#include "base/ini_reader.h"
#include "base/string_list.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

static const char *const dropins_places[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static bool has_name(const struct string_list *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(name_of(files->v[i]), name) == 0)
			return true;
	return false;
}

static int add_folder(struct string_list *files, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int r = 0;

	while (dir && r == 0 && (entry = readdir(dir))) {
		char *path = NULL;

		if (fnmatch("*.conf", entry->d_name, FNM_PERIOD) != 0 ||
		    has_name(files, entry->d_name))
			continue;
		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
			path = NULL;
		r = string_list_take(files, path);
	}
	if (dir)
		closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(name_of(*(char *const *)a), name_of(*(char *const *)b));
}

int conf_files_list(const char *root, const char *folder, struct string_list *ret)
{
	_cleanup_(string_list_done) struct string_list files = {};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dropins_places) && r == 0; i++) {
		_cleanup_(freep) char *path = NULL;

		if (asprintf(&path, "%s%s/%s", root, dropins_places[i], folder) < 0)
			return -ENOMEM;
		r = add_folder(&files, path);
	}
	if (r < 0)
		return r;
	if (files.n > 0)
		qsort(files.v, files.n, sizeof(*files.v), compare);
	*ret = TAKE(files);
	return 0;
}

char *conf_line_trim(char *line)
{
	char *end;

	line += strspn(line, " \t");
	if (*line == '#' || *line == ';')
		*line = '\0';
	end = line + strlen(line);
	while (end > line && strchr(" \t\r\n", end[-1]))
		end--;
	*end = '\0';
	return line;
}

/* What conf_file_get() looks for, and the last value seen. */
struct dropins_get {
	const char *section, *key;
	bool within;
	char *value; /* owned */
};

static int on_section(void *user, unsigned line, const char *name)
{
	struct dropins_get *get = user;

	get->within = strcmp(name, get->section) == 0;
	return 0;
}

static int on_key(void *user, unsigned line, const char *name, const char *value)
{
	struct dropins_get *get = user;

	if (!get->within || strcmp(name, get->key) != 0)
		return 0;
	free(get->value);
	get->value = strdup(value);
	return get->value ? 0 : -ENOMEM;
}

int conf_file_get(const char *path, const char *section, const char *key, char **ret)
{
	static const struct ini_events events = { .section = on_section, .key = on_key };
	struct dropins_get get = { .section = section, .key = key };
	struct fault why = {};
	unsigned lines;
	int r = ini_read(path, INI_SYSTEMD, &events, &get, &lines, &why);

	if (r < 0 || !get.value) {
		free(get.value);
		return r == -ENOMEM ? r : 0;
	}
	free(*ret);
	*ret = get.value;
	return 0;
}

bool conf_is_one_of(const char *value, const char *const *words)
{
	for (; value && *words; words++)
		if (strcasecmp(value, *words) == 0)
			return true;
	return false;
}

bool conf_is_no(const char *value)
{
	static const char *const words[] = { "no", "false", "off", "0", "n", "f", NULL };

	return conf_is_one_of(value, words);
}

bool conf_is_yes(const char *value)
{
	static const char *const words[] = { "yes", "true", "on", "1", "y", "t", NULL };

	return conf_is_one_of(value, words);
}
