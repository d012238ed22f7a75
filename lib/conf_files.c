#include "conf_files.h"

#include "fileio.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

static const char *const places[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };

void conf_files_done(struct string_list *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->v[i]);
	free(files->v);
	*files = (struct string_list){};
}

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

static int add(struct string_list *files, const char *folder, const char *name)
{
	char **v = reallocarray(files->v, files->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	files->v = v;
	if (asprintf(&v[files->n], "%s/%s", folder, name) < 0)
		return -ENOMEM;
	files->n++;
	return 0;
}

static int add_folder(struct string_list *files, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int r = 0;

	while (dir && r == 0 && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0 &&
		    *entry->d_name != '.' && !has_name(files, entry->d_name))
			r = add(files, folder, entry->d_name);
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
	_cleanup_(conf_files_done) struct string_list files = {};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places) && r == 0; i++) {
		_cleanup_(freep) char *path = NULL;

		if (asprintf(&path, "%s%s/%s", root, places[i], folder) < 0)
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

/* "KEY = VALUE", cut in place; NULL: the line sets something else. */
static char *value_of(char *line, const char *key)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return NULL;
	*equals = '\0';
	return strcmp(conf_line_trim(line), key) == 0 ? conf_line_trim(equals + 1) : NULL;
}

int conf_file_get(const char *path, const char *section, const char *key, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	char *rest, *line;
	bool within = false;

	if (file_read(path, &text) < 0)
		return 0;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *value;

		line = conf_line_trim(line);
		if (*line == '[') {
			size_t len = strlen(section);

			within = strncmp(line + 1, section, len) == 0 && line[len + 1] == ']';
			continue;
		}
		value = within ? value_of(line, key) : NULL;
		if (!value)
			continue;
		free(*ret);
		*ret = strdup(value);
		if (!*ret)
			return -ENOMEM;
	}
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
