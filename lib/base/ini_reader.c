// SPDX-License-Identifier: GPL-2.0-or-later
// Reads an ini file, ours strictly or one of systemd's, and reports its sections and keys.
// Comments, continued lines and mistakes are dealt with line by line, before inih has the line.

#include "base/ini_reader.h"

#include "base/fileio.h"
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>

#define LINE_MAX_BYTES 4096
#define VALUE_MAX_BYTES 65536
#define WHITE_SPACE " \t\v\f\r"

struct ini_reader_state {
	const char *path;
	FILE *file;
	enum ini_syntax syntax;
	const struct ini_events *events;
	void *user;
	struct fault *fault;
	int r;
	unsigned line;
	bool in_section;
	bool continues;		   /* the line inih now has belongs to the key below */
	char text[LINE_MAX_BYTES]; /* that line, whole, without comment and white space around it */

	/* The key last seen, kept until it is certain that no indented line follows. */
	char name[64];
	char value[VALUE_MAX_BYTES];
	size_t value_len;
	unsigned key_line; /* 0: none */
};

#define BAD(reader, format, ...)                                                                   \
	fault_set((reader)->fault, -EINVAL, "%s:%u: " format, (reader)->path, (reader)->line,      \
		  ##__VA_ARGS__)

/* The next line: 1, 0 at the end of the file, or a negative errno. Cuts a long one of systemd's. */
static int next_line(struct ini_reader_state *reader, char text[static LINE_MAX_BYTES])
{
	size_t n = 0;
	int c = getc(reader->file);

	if (c != EOF)
		reader->line++;
	for (; c != EOF && c != '\n'; c = getc(reader->file)) {
		if (c == '\0')
			return BAD(reader, "a NUL byte: this is not a text file");
		if (n < LINE_MAX_BYTES - 1)
			text[n++] = (char)c;
		else if (reader->syntax == INI_STRICT)
			return BAD(reader, "the line is longer than %d bytes", LINE_MAX_BYTES - 1);
	}
	if (ferror(reader->file))
		return fault_set(reader->fault, -errno, "%s: %m", reader->path);
	if (n > 0 && text[n - 1] == '\r')
		n--;
	text[n] = '\0';
	return n > 0 || c != EOF;
}

static bool is_comment(const char *text)
{
	return *text == '#' || *text == ';';
}

static void cut_space(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
}

/*
 * Cuts comments off, which inih would do too. But older ones leave them at the end of indented
 * lines, and a long comment counts against the length of inih's line.
 */
static void strip(char *text)
{
	char *end = text + strspn(text, " \t");

	if (*end != '#')
		while (*end && (*end != ';' || (end > text && !isspace((unsigned char)end[-1]))))
			end++;
	*end = '\0';
	cut_space(text);
}

static int end_key(struct ini_reader_state *reader)
{
	unsigned line = reader->key_line;

	if (line == 0)
		return 0;
	reader->key_line = 0;
	return reader->events->key(reader->user, line, reader->name, reader->value);
}

static int begin_section(struct ini_reader_state *reader, const char *text)
{
	const char *end = strchr(text, ']');
	char name[LINE_MAX_BYTES];
	int r = end_key(reader);

	if (r < 0)
		return r;
	if (!end)
		return BAD(reader, "the section has no ] at its end");
	if (end[1])
		return BAD(reader, "%s after the section's ]: a key stands on a line of its own",
			   quote(end + 1).s);
	snprintf(name, sizeof(name), "%.*s", (int)(end - text - 1), text + 1);
	reader->in_section = true;
	return reader->events->section(reader->user, reader->line, name);
}

static int begin_key(struct ini_reader_state *reader, const char *text)
{
	const char *sign = strpbrk(text, "=:");
	int r = end_key(reader);

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
static int continue_key(struct ini_reader_state *reader, const char *text)
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

static int strict_line(struct ini_reader_state *reader, size_t room)
{
	const char *word;

	strip(reader->text);
	word = reader->text + strspn(reader->text, WHITE_SPACE);
	if (strlen(reader->text) > room)
		return BAD(reader,
			   "the line is %zu bytes long, %zu are possible: "
			   "wrap a list onto indented lines",
			   strlen(reader->text), room);
	if (!*word)
		return 0;
	reader->continues = word > reader->text;
	if (reader->continues)
		return continue_key(reader, word);
	return *word == '[' ? begin_section(reader, word) : begin_key(reader, word);
}

/* True when the text ends with a \ that no other \ makes an ordinary character. */
static bool is_continued(const char *text)
{
	bool escapes = false;

	for (; *text; text++)
		escapes = *text == '\\' && !escapes;
	return escapes;
}

/* Appends the lines that continue the text, without comments in between. */
static int join_lines(struct ini_reader_state *reader)
{
	char next[LINE_MAX_BYTES];

	while (is_continued(reader->text)) {
		size_t n = strlen(reader->text);
		const char *word;
		int r;

		do {
			r = next_line(reader, next);
			if (r < 0)
				return r;
			word = next + strspn(next, WHITE_SPACE);
		} while (r > 0 && is_comment(word));

		reader->text[n - 1] = ' ';
		snprintf(reader->text + n, LINE_MAX_BYTES - n, "%s", word);
	}
	return 0;
}

static int systemd_line(struct ini_reader_state *reader)
{
	char *text = reader->text;
	size_t indent = strspn(text, WHITE_SPACE);
	const char *sign;
	int r;

	memmove(text, text + indent, strlen(text + indent) + 1);
	r = is_comment(text) ? 0 : join_lines(reader);
	if (r < 0)
		return r;

	cut_space(text);
	if (*text == '[')
		return begin_section(reader, text);
	sign = strpbrk(text, "=:");
	if (!is_comment(text) && sign && *sign == '=')
		return end_key(reader);
	*text = '\0';
	return 0;
}

static char *read_line(char *buf, int size, void *stream)
{
	struct ini_reader_state *reader = stream;
	size_t room = (size_t)size - sizeof("\n");

	if (reader->r < 0)
		return NULL;

	reader->r = next_line(reader, reader->text);
	if (reader->r <= 0)
		return NULL;

	/* Some editors put a byte order mark before the first line. */
	if (reader->line == 1 && strncmp(reader->text, "\xef\xbb\xbf", 3) == 0)
		memmove(reader->text, reader->text + 3, strlen(reader->text + 3) + 1);

	reader->r = reader->syntax == INI_STRICT ? strict_line(reader, room) : systemd_line(reader);
	if (reader->r < 0)
		return NULL;

	stpcpy(stpncpy(buf, reader->text, room), "\n");
	return buf;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct ini_reader_state *reader = user;
	const char *join = "";
	int n;

	if (reader->r < 0)
		return 1;

	/* inih has the start of a long line only, and would end the value at a ; behind a blank. */
	if (reader->syntax == INI_SYSTEMD) {
		value = strchr(reader->text, '=') + 1;
		value += strspn(value, WHITE_SPACE);
	}

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

int ini_read(const char *path, enum ini_syntax syntax, const struct ini_events *events, void *user,
	     unsigned *ret_lines, struct fault *fault)
{
	_cleanup_(fclosep) FILE *file = file_open(path);
	_cleanup_(freep) struct ini_reader_state *reader = NULL;
	int r;

	if (!file)
		return fault_set(fault, -errno, "%s: %m", path);
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return fault_set(fault, -ENOMEM, "%s: %m", path);
	reader->path = path;
	reader->file = file;
	reader->syntax = syntax;
	reader->events = events;
	reader->user = user;
	reader->fault = fault;
	r = ini_parse_stream(read_line, reader, on_pair, reader);
	if (reader->r == 0)
		reader->r = end_key(reader);
	if (reader->r < 0)
		return reader->r;
	if (r != 0 && syntax == INI_STRICT)
		return fault_set(fault, -EINVAL, "%s:%d: not understood", path, r);

	*ret_lines = reader->line > 0 ? reader->line : 1;
	return 0;
}
