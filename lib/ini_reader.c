#include "ini_reader.h"

#include "fileio.h"
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>

#define LINE_MAX_BYTES 4096
#define VALUE_MAX_BYTES 65536

struct reader {
	const char *path;
	FILE *file;
	const struct ini_events *events;
	void *user;
	struct fault *fault;
	int r;
	unsigned line;
	bool in_section;
	bool continues; /* the line inih now has belongs to the key below */

	/* The key last seen, kept until it is certain that no indented line follows. */
	char name[64];
	char value[VALUE_MAX_BYTES];
	size_t value_len;
	unsigned key_line; /* 0: none */
};

#define BAD(reader, format, ...)                                                                   \
	fault_set((reader)->fault, -EINVAL, "%s:%u: " format, (reader)->path,                      \
		  (reader)->line __VA_OPT__(, ) __VA_ARGS__)

/* The next line without its end: 1, 0 at the end of the file, or a negative errno. */
static int next_line(struct reader *reader, char text[static LINE_MAX_BYTES])
{
	size_t n = 0;
	int c = getc(reader->file);

	if (c != EOF)
		reader->line++;
	for (; c != EOF && c != '\n'; c = getc(reader->file)) {
		if (c == '\0')
			return BAD(reader, "a NUL byte: this is not a text file");
		if (n == LINE_MAX_BYTES - 1)
			return BAD(reader, "the line is longer than %d bytes", LINE_MAX_BYTES - 1);
		text[n++] = (char)c;
	}
	if (ferror(reader->file))
		return fault_set(reader->fault, -errno, "%s: %s", reader->path, strerror(errno));

	text[n] = '\0';
	return n > 0 || c == '\n';
}

/*
 * Comments go here and not in inih: older ones leave them at the end of
 * indented lines, and a long comment counts against the length of inih's line.
 */
static void strip(char *text)
{
	char *end = text + strspn(text, " \t");

	if (*end == '#')
		*end = '\0';
	for (; *end; end++) {
		if (*end == ';' && (end == text || isspace((unsigned char)end[-1]))) {
			*end = '\0';
			break;
		}
	}
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
}

static int end_key(struct reader *reader)
{
	unsigned line = reader->key_line;

	if (line == 0)
		return 0;
	reader->key_line = 0;
	return reader->events->key(reader->user, line, reader->name, reader->value);
}

static int begin_section(struct reader *reader, const char *text)
{
	const char *end = strchr(text, ']');
	char name[LINE_MAX_BYTES] = {};
	int r;

	r = end_key(reader);
	if (r < 0)
		return r;

	if (!end)
		return BAD(reader, "the section has no ] at its end");
	if (end[1])
		return BAD(reader, "%s after the section's ]: a key stands on a line of its own",
			   quote(end + 1).s);

	memcpy(name, text + 1, (size_t)(end - text - 1));
	reader->in_section = true;
	return reader->events->section(reader->user, reader->line, name);
}

static int begin_key(struct reader *reader, const char *text)
{
	const char *sign = strpbrk(text, "=:");
	int r;

	r = end_key(reader);
	if (r < 0)
		return r;

	/* inih would take a colon as well, and cut an address without = in two. */
	if (!sign || *sign != '=')
		return BAD(reader, "%s is neither \"key = value\" nor \"[section]\"",
			   quote(text).s);
	if (sign == text)
		return BAD(reader, "there is no key before the =");
	if (!reader->in_section)
		return BAD(reader, "%s stands before the first [section]", quote(text).s);
	return 0;
}

/* An indented line that looks like a key or section was indented by mistake. */
static int continue_key(struct reader *reader, const char *text)
{
	const char *word_end = text + strcspn(text, " \t=,:/");
	const char *sign = word_end + strspn(word_end, " \t");

	if (*text == '[' || *sign == '=' || reader->key_line == 0)
		return BAD(reader,
			   "%s is indented, so it continues the line above: "
			   "keys and sections begin at the start of their line",
			   quote(text).s);
	return 0;
}

static int check_line(struct reader *reader, const char *text)
{
	const char *word = text + strspn(text, " \t\v\f\r");

	if (!*word)
		return 0;
	reader->continues = word > text;
	if (reader->continues)
		return continue_key(reader, word);
	return *word == '[' ? begin_section(reader, word) : begin_key(reader, word);
}

static char *read_line(char *buf, int size, void *stream)
{
	struct reader *reader = stream;
	char text[LINE_MAX_BYTES];
	size_t len;

	if (reader->r < 0)
		return NULL;

	reader->r = next_line(reader, text);
	if (reader->r <= 0)
		return NULL;

	/* Some editors put a byte order mark before the first line. */
	if (reader->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		memmove(text, text + 3, strlen(text + 3) + 1);
	strip(text);

	len = strlen(text);
	if (len + 2 > (size_t)size)
		reader->r = BAD(reader,
				"the line is %zu bytes long, %d are possible: "
				"wrap a list onto indented lines",
				len, size - 2);
	else
		reader->r = check_line(reader, text);
	if (reader->r < 0)
		return NULL;

	memcpy(buf, text, len);
	memcpy(buf + len, "\n", 2);
	return buf;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	const char *join = "";
	int n;

	if (reader->r < 0)
		return 1;

	if (!reader->continues) {
		snprintf(reader->name, sizeof(reader->name), "%s", name);
		reader->key_line = reader->line;
		reader->value_len = 0;
	} else if (reader->value_len > 0) {
		join = "\n";
	}

	n = snprintf(reader->value + reader->value_len, VALUE_MAX_BYTES - reader->value_len, "%s%s",
		     join, value);
	reader->value_len += (size_t)n;
	if (reader->value_len >= VALUE_MAX_BYTES)
		reader->r = BAD(reader, "the value of %s is longer than %d bytes",
				quote(reader->name).s, VALUE_MAX_BYTES - 1);
	return 1;
}

int ini_read(const char *path, const struct ini_events *events, void *user, unsigned *ret_lines,
	     struct fault *fault)
{
	_cleanup_(fclosep) FILE *file = NULL;
	_cleanup_(freep) struct reader *reader = NULL;
	int r;

	file = file_open(path);
	if (!file)
		return fault_set(fault, -errno, "%s: %s", path, strerror(errno));

	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return fault_set(fault, -ENOMEM, "%s: %s", path, strerror(ENOMEM));
	reader->path = path;
	reader->file = file;
	reader->events = events;
	reader->user = user;
	reader->fault = fault;

	r = ini_parse_stream(read_line, reader, on_pair, reader);
	if (reader->r == 0)
		reader->r = end_key(reader);
	if (reader->r < 0)
		return reader->r;
	if (r != 0)
		return fault_set(fault, -EINVAL, "%s:%d: not understood", path, r);

	*ret_lines = reader->line > 0 ? reader->line : 1;
	return 0;
}
