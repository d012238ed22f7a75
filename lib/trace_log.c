#include "trace_log.h"

#include "fileio.h"
#include "log.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <jansson.h>
#include <string.h>

static const char *field(const json_t *line, const char *name)
{
	const char *value = json_string_value(json_object_get(line, name));

	return value ? value : "-";
}

char *trace_line(const char *json, const char *id)
{
	_cleanup_(json_decrefp) json_t *line = json_loads(json, 0, NULL);
	char *text = NULL;

	if (!line || strcmp(field(line, "traceId"), id) != 0)
		return NULL;
	if (asprintf(&text, "%s %s %s %s %s", field(line, "time"), field(line, "program"),
		     field(line, "level"), field(line, "event"), field(line, "message")) < 0)
		return NULL;
	/* What others have logged may not move the reader's cursor. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			*c = ' ';
	return text;
}

static int add(struct trace_lines *lines, char *line)
{
	char **v = reallocarray(lines->v, lines->n + 1, sizeof(*v));

	if (!v) {
		free(line);
		return -ENOMEM;
	}
	lines->v = v;
	v[lines->n++] = line;
	return 0;
}

static int read_file(const char *path, const char *id, struct trace_lines *lines,
		     struct fault *fault)
{
	_cleanup_(fclosep) FILE *f = file_open(path);
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;

	/* Rotated away meanwhile, or no log at all. */
	if (!f) {
		log_event(LOG_WARNING, "trace", "%s is not looked into: %m", path);
		return 0;
	}
	while (getline(&line, &room, f) >= 0) {
		/* Most lines are others', and reading JSON takes its time. */
		char *text = strstr(line, id) ? trace_line(line, id) : NULL;

		if (text && add(lines, text) < 0)
			return -ENOMEM;
	}
	return ferror(f) ? fault_set(fault, -EIO, "%s: %m", path) : 0;
}

static bool is_compressed(const char *path)
{
	static const char *const endings[] = { "*.gz", "*.xz", "*.bz2", "*.zst" };

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (fnmatch(endings[i], path, 0) == 0)
			return true;
	return false;
}

/* Each line begins with its time. */
static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int trace_log_read(const char *id, struct trace_lines *ret, struct fault *fault)
{
	_cleanup_(trace_lines_done) struct trace_lines lines = {};
	_cleanup_(globfree) glob_t files = {};
	int r = glob(DEBUG_LOG_PATH "*", 0, NULL, &files);

	if (r != 0 && r != GLOB_NOMATCH)
		return fault_set(fault, -EIO, "%s*: can't be listed", DEBUG_LOG_PATH);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *path = files.gl_pathv[i];

		if (is_compressed(path)) {
			log_event(LOG_WARNING, "trace", "%s is compressed, and not looked into",
				  path);
			continue;
		}
		r = read_file(path, id, &lines, fault);
		if (r < 0)
			return r;
	}
	if (lines.n > 0)
		qsort(lines.v, lines.n, sizeof(*lines.v), line_cmp);
	*ret = TAKE(lines);
	return 0;
}

void trace_lines_done(struct trace_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i]);
	free(lines->v);
	*lines = (struct trace_lines){};
}
