// SPDX-License-Identifier: GPL-2.0-or-later
// Reads and writes whole small files.
// A file is written beside its old version and renamed over it.

#include "base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* Of what is read whole, nothing is a hundredth of it: what is larger is broken. */
#define MOST_BYTES (64U << 20)

/* A descriptor of a regular file, and what is known of it; or a negative errno. */
static int open_regular(const char *path, struct stat *st)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
	return take_fd(&fd);
}

FILE *file_open(const char *path)
{
	struct stat st;
	int fd = open_regular(path, &st);

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	return fdopen(fd, "r");
}

int stream_read(FILE *f, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t room = 0;

	errno = 0;
	if (getdelim(&text, &room, '\0', f) < 0) {
		if (errno || !text)
			return errno ? -errno : -ENOMEM;
		*text = '\0'; /* empty */
	}
	*ret = TAKE(text);
	return 0;
}

/* A run reads a dozen files: without stdio, which takes twice as many calls. */
int file_read(const char *path, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0, room = 0, size;
	struct stat st = {};
	_cleanup_(closep) int fd = open_regular(path, &st);
	ssize_t got = 1;

	if (fd < 0)
		return fd;
	if (st.st_size > MOST_BYTES)
		return -EFBIG;
	/* The kernel's own files say that they are empty. */
	size = st.st_size > 0 ? (size_t)st.st_size : MOST_BYTES;
	while (got > 0 && n < size) {
		if (n == room) {
			char *more;

			room = st.st_size > 0 ? size : 2 * n + 4096;
			more = realloc(text, room + 1);
			if (!more)
				return -ENOMEM;
			text = more;
		}
		got = read(fd, text + n, room - n);
		if (got < 0)
			return -errno;
		n += (size_t)got;
	}
	/* -Wanalyzer-null-dereference: the loop has run, as size is not 0 */
	text[n] = '\0';
	*ret = TAKE(text);
	return 0;
}

int memory_open(struct memory *memory)
{
	memory->f = open_memstream(&memory->text, &memory->size);
	return memory->f ? 0 : -ENOMEM;
}

int memory_close(struct memory *memory, char **text)
{
	bool failed = !memory->f || ferror(memory->f);

	/* fclose() returns 0 also if there was no memory for the text. */
	if (memory->f && fclose(memory->f) == 0 && !failed && memory->text) {
		*text = memory->text;
		return 0;
	}
	free(memory->text);
	*text = NULL;
	return -ENOMEM;
}

static int make_folder(const char *path)
{
	_cleanup_(freep) char *folder = strndup(path, strrchr(path, '/') - path);

	if (!folder)
		return -ENOMEM;
	return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* A new file, also where somebody has left something of that name, such as a link to elsewhere. */
static int open_draft(const char *draft)
{
	static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(draft, flags, 0644);

	if (fd < 0 && errno == EEXIST && unlink(draft) == 0)
		fd = open(draft, flags, 0644);
	return fd < 0 ? -errno : fd;
}

int file_write(const char *path, const char *text, struct fault *fault)
{
	_cleanup_(freep) char *draft = NULL;
	_cleanup_(closep) int fd = -1;
	int r = make_folder(path);

	if (r < 0)
		return fault_set(fault, r, "%s: can't make its folder: %s", path, strerror(-r));
	if (asprintf(&draft, "%s.new", path) < 0)
		return -ENOMEM;
	fd = open_draft(draft);
	if (fd < 0)
		return fault_set(fault, fd, "%s: %s", draft, strerror(-fd));
	if (dprintf(fd, "%s", text) < 0 || rename(draft, path) < 0) {
		r = fault_set(fault, -errno, "%s: %m", path);
		unlink(draft);
	}
	return r;
}

int file_write_if_changed(const char *path, const char *text, struct fault *fault)
{
	_cleanup_(freep) char *old = NULL;

	if (file_read(path, &old) == 0 && old && strcmp(old, text) == 0)
		return 0;
	return file_write(path, text, fault);
}
