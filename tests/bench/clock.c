// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a program once and prints what it took.
// Forks, waits, and asks the kernel for the child's CPU time and peak memory.

/*
 *     clock PROGRAM [ARGUMENT...]
 *
 * Prints wall milliseconds, CPU milliseconds with its children's, and peak memory in KiB. It is
 * small itself, because a child's peak starts with its parent's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double milliseconds(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

int main(int argc, char *argv[])
{
	struct rusage usage;
	int status;

	if (argc < 2)
		return 2;
	double start = now();
	pid_t pid = fork();
	if (pid == 0) {
		execv(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		perror("clock");
		return EXIT_FAILURE;
	}
	printf("%.3f %.3f %ld\n", now() - start,
	       milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime), usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
