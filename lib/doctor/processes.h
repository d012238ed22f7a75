// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs that run on this machine, as /proc shows them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
	pid_t pid;     /* 0: none, or not to be seen from here */
	char name[16]; /* the kernel's, which cuts it off: "systemd-network" */
};

/* A socket, by its inode, and who has it open. */
struct process_socket {
	unsigned long inode;
	struct process owner; /* filled in */
};

/* root: before each path, "" but in tests. Goes through all processes once. */
void processes_find_owners(const char *root, struct process_socket *sockets, size_t n);

/* The first process with one of the names, which NULL ends. False: there is none. */
bool process_find(const char *root, const char *const names[], struct process *ret);

/* True when one of its arguments is that word. */
bool process_has_argument(const char *root, pid_t pid, const char *word);
