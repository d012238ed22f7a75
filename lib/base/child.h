// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes that mwan starts. A program gets /dev/null as stdin, none of our other descriptors,
 * no blocked signal, and SIGPIPE as it is by default.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct child {
	char *const *argv;	   /* NULL ends it; argv[0] is a path, or a name to find in PATH */
	char *const *environment;  /* NULL: our own */
	void (*function)(int out); /* in place of a program: it runs in a copy of our process */
	int out;		   /* its stdout; 0: our stderr, as our stdout is for results */
	bool silent;		   /* its stderr is /dev/null */
	bool own_group; /* it leads a process group: kill(-pid) ends what it starts too */
};

/* Starts it; *ret is for child_wait(). 0 or a negative errno. */
int child_start(const struct child *child, pid_t *ret);

/* Waits for its end. The exit status, 128 + N after signal N, or a negative errno. */
int child_wait(pid_t pid);

/*
 * Starts it, reads its stdout and waits for its end. *ret is the caller's, "" if it has printed
 * nothing, and untouched on failure. Returns as child_wait().
 */
int child_output(struct child child, char **ret);
