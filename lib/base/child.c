// SPDX-License-Identifier: GPL-2.0-or-later
// Starts other programs, waits for them, and reads what they print.
// posix_spawn() sets up descriptors and signals; output comes through a pipe, read to its end.

#include "base/child.h"

#include "base/fileio.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static int start_function(const struct child *child, pid_t *ret)
{
	*ret = fork();
	if (*ret == 0) {
		child->function(child->out);
		_exit(0);
	}
	return *ret < 0 ? -errno : 0;
}

int child_start(const struct child *child, pid_t *ret)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
		      (child->own_group ? POSIX_SPAWN_SETPGROUP : 0);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int r;

	if (child->function)
		return start_function(child, ret);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, child->out ? child->out : STDERR_FILENO,
					 STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (child->silent)
		posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	/* libnftables opens its socket without O_CLOEXEC. */
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);

	r = -posix_spawnp(ret, child->argv[0], &files, &attributes, child->argv,
			  child->environment ? child->environment : environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return r;
}

int child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_output(struct child child, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	int ends[2], status, r;
	pid_t pid;
	FILE *f;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	f = fdopen(ends[0], "r");
	if (!f)
		close(ends[0]);
	child.out = ends[1];
	r = f ? child_start(&child, &pid) : -ENOMEM;
	close(ends[1]);
	if (r < 0) {
		fclosep(&f);
		return r;
	}
	r = stream_read(f, &text);
	/* Closed before we wait: a process that goes on printing has to fail, not to block. */
	fclose(f);
	status = child_wait(pid);
	if (r < 0)
		return r;
	*ret = TAKE(text);
	return status;
}
