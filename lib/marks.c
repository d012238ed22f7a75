#include "marks.h"

#include "fileio.h"

#include <errno.h>
#include <string.h>

#define MARKS_PATH RUN_DIR "/marks"

static bool means(const struct config *config, uint32_t mark, const char *interface)
{
	const struct wan_conf *wan = config_wan_by_interface(config, interface);

	return wan && wan->mark == mark;
}

/* One line: "MARK INTERFACE". */
static int read_line(const struct config *config, char *line, struct mark_list *marks)
{
	char *interface = line;
	uint32_t mark = strtoul(strsep(&interface, " "), NULL, 10);
	uint32_t *v;

	if (!interface || mark == 0 || means(config, mark, interface))
		return 0;
	v = reallocarray(marks->v, marks->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	marks->v = v;
	v[marks->n++] = mark;
	return 0;
}

int marks_changed(const struct config *config, struct mark_list *ret, struct fault *fault)
{
	_cleanup_(mark_list_done) struct mark_list marks = {};
	_cleanup_(freep) char *text = NULL;
	char *rest;
	int r;

	r = file_read(MARKS_PATH, &text);
	if (r < 0 && r != -ENOENT)
		return fault_set(fault, r, "%s: %s", MARKS_PATH, strerror(-r));

	rest = text;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		r = read_line(config, line, &marks);
		if (r < 0)
			return r;
	}
	*ret = TAKE(marks);
	return 0;
}

int marks_write(const struct config *config, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, "%u %s\n", config->wans[i].mark, config->wans[i].interface);
	if (fclose(f) != 0)
		return -ENOMEM;
	return file_write_if_changed(MARKS_PATH, text, fault);
}
