// SPDX-License-Identifier: GPL-2.0-or-later
// The locks: runs take turns, and there is one daemon.
// Each is flock() on two files: the kernel releases it when the process ends.

#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* How often a file may be removed while we lock it. */
#define ATTEMPTS 100

struct lock_paths {
	const char *first, *second;
};

static const struct lock_paths run_paths = { RUN_DIR "/lock", STATE_DIR "/lock" };
static const struct lock_paths daemon_paths = { RUN_DIR "/health.lock", STATE_DIR "/health.lock" };

void lock_release(struct lock *lock)
{
	closep(&lock->fd);
	closep(&lock->second);
	*lock = LOCK_NONE;
}

/* False when the file was removed or replaced since it was opened. */
static bool is_in_place(int fd, const char *path)
{
	struct stat ours, named;

	return fd >= 0 && fstat(fd, &ours) == 0 && stat(path, &named) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static int open_file(const char *path)
{
	_cleanup_(freep) char *folder = strndup(path, strrchr(path, '/') - path);
	int fd;

	if (!folder)
		return -ENOMEM;
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 || errno != EROFS)
		return fd < 0 ? -errno : fd;
	/* What can't be written to can be locked, if it is there. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -EROFS : fd;
}

int file_lock(const char *path, bool wait, struct fault *fault)
{
	int r = -ENOENT;

	for (int i = 0; i < ATTEMPTS && r == -ENOENT; i++) {
		_cleanup_(closep) int fd = open_file(path);

		r = fd < 0 ? fd : 0;
		while (r == 0 && flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
			r = errno == EINTR ? 0 : -errno;
		if (r == 0 && is_in_place(fd, path))
			return take_fd(&fd);
		if (r == 0)
			r = -ENOENT;
	}
	return fault_set(fault, r, "%s: %s", path, strerror(-r));
}

static int lock_both(const struct lock_paths *paths, bool wait, struct lock *ret,
		     struct fault *fault)
{
	struct fault unwritable = {};
	struct lock lock = LOCK_NONE;

	lock.fd = file_lock(paths->first, wait, fault);
	if (lock.fd < 0)
		return lock.fd;
	/* A disk that can't be written to stops nobody. */
	lock.second = file_lock(paths->second, wait, &unwritable);
	if (lock.second == -EWOULDBLOCK) {
		closep(&lock.fd);
		return fault_set(fault, -EWOULDBLOCK, "%s", unwritable.text);
	}
	*ret = lock;
	return 0;
}

int run_lock(bool wait, struct lock *ret, struct fault *fault)
{
	return lock_both(&run_paths, wait, ret, fault);
}

int daemon_lock(struct lock *ret, struct fault *fault)
{
	return lock_both(&daemon_paths, false, ret, fault);
}

static int keep(int *fd, const char *path, struct fault *fault)
{
	int new;

	if (is_in_place(*fd, path))
		return 0;
	new = file_lock(path, false, fault);
	if (new < 0)
		return new;
	closep(fd);
	*fd = new;
	return 1;
}

int daemon_lock_keep(struct lock *lock, struct fault *fault)
{
	struct fault unwritable = {};
	int second = keep(&lock->second, daemon_paths.second, &unwritable);
	int first = keep(&lock->fd, daemon_paths.first, fault);

	return first < 0 ? first : first > 0 || second > 0;
}

static bool is_held(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	/* A user who may not open the file goes by the age of the state. */
	if (fd < 0)
		return errno == EACCES;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

bool daemon_is_running(void)
{
	return is_held(daemon_paths.first) || is_held(daemon_paths.second);
}
