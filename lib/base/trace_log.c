// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the lines of one trace in the debug log.
// It reads the log and its rotated files line by line, and sorts what it found by time.

#include "base/trace_log.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/string_list.h"

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
	/* Control characters in a message must not reach the terminal. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			*c = ' ';
	return text;
}

static int read_file(const char *path, const char *id, struct string_list *lines,
		     struct fault *fault)
{
	_cleanup_(fclosep) FILE *f = file_open(path);
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;

	if (fnmatch("*.@(gz|xz|bz2|zst)", path, FNM_EXTMATCH) == 0) {
		log_event(LOG_WARNING, EVENT_TRACE, NULL, "%s is compressed, and left out", path);
		return 0;
	}
	/* logrotate may have taken it away since. */
	if (!f) {
		log_event(LOG_WARNING, EVENT_TRACE, NULL, "%s is left out: %m", path);
		return 0;
	}
	for (errno = 0; getline(&line, &room, f) >= 0; errno = 0) {
		/* Search first: most lines are other traces', and reading JSON is slow. */
		char *text = strstr(line, id) ? trace_line(line, id) : NULL;

		if (text ? string_list_take(lines, text) < 0 : errno == ENOMEM)
			return -ENOMEM;
	}
	if (errno == ENOMEM)
		return -ENOMEM;
	return ferror(f) ? fault_set(fault, -EIO, "%s: %m", path) : 0;
}

/* Each line begins with its time. */
static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int trace_log_read(const char *id, struct string_list *ret, struct fault *fault)
{
	_cleanup_(string_list_done) struct string_list lines = {};
	_cleanup_(globfree) glob_t files = {};
	int r = glob(DEBUG_LOG_PATH "*", 0, NULL, &files);

	if (r != 0 && r != GLOB_NOMATCH)
		return fault_set(fault, -EIO, "%s*: can't be listed", DEBUG_LOG_PATH);
	r = 0;
	for (size_t i = 0; i < files.gl_pathc && r == 0; i++)
		r = read_file(files.gl_pathv[i], id, &lines, fault);
	if (r < 0)
		return r;
	if (lines.n > 0)
		qsort(lines.v, lines.n, sizeof(*lines.v), line_cmp);
	*ret = TAKE(lines);
	return 0;
}
