#include "fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

FILE *file_open(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	return fdopen(take_fd(&fd), "r");
}

int file_read(const char *path, char **ret)
{
	_cleanup_(fclosep) FILE *f = file_open(path);
	_cleanup_(freep) char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (!f)
		return -errno;

	/* No file of ours holds a NUL, so this reads to the end. */
	errno = 0;
	n = getdelim(&text, &room, '\0', f);
	if (n < 0 && errno)
		return -errno;
	if (n < 0) { /* empty */
		free(TAKE(text));
		text = strdup("");
		if (!text)
			return -ENOMEM;
	}

	*ret = TAKE(text);
	return 0;
}

static int write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= n;
	}
	return 0;
}

static int make_folder(const char *path)
{
	_cleanup_(freep) char *folder = strndup(path, strrchr(path, '/') - path);

	if (!folder)
		return -ENOMEM;
	return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int file_write(const char *path, const char *text, struct fault *fault)
{
	_cleanup_(freep) char *draft = NULL;
	_cleanup_(closep) int fd = -1;
	int r;

	r = make_folder(path);
	if (r < 0)
		return fault_set(fault, r, "%s: can't make its folder: %s", path, strerror(-r));

	if (asprintf(&draft, "%s.new", path) < 0)
		return -ENOMEM;

	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return fault_set(fault, -errno, "%s: %m", draft);

	r = write_all(fd, text);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(draft);
		return fault_set(fault, r, "%s: %s", path, strerror(-r));
	}
	return 0;
}

int file_write_if_changed(const char *path, const char *text, struct fault *fault)
{
	_cleanup_(freep) char *old = NULL;

	if (file_read(path, &old) == 0 && old && strcmp(old, text) == 0)
		return 0;
	return file_write(path, text, fault);
}

int file_lock(const char *path, bool wait, struct fault *fault)
{
	_cleanup_(closep) int fd = -1;

	if (mkdir(RUN_DIR, 0755) < 0 && errno != EEXIST)
		return fault_set(fault, -errno, "%s: %m", RUN_DIR);

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(fault, -errno, "%s: %m", path);

	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
		if (errno != EINTR)
			return fault_set(fault, -errno, "%s: %m", path);

	return take_fd(&fd);
}

int run_lock(bool wait, struct fault *fault)
{
	return file_lock(RUN_DIR "/lock", wait, fault);
}
