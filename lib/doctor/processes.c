// SPDX-License-Identifier: GPL-2.0-or-later
// Programs that run on this machine, as /proc shows them.
// A process may end while it is looked at: what can't be read is left out.

#include "doctor/processes.h"

#include "base/util.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <string.h>

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The next process of the folder. False: there is none left. */
static bool next_process(const char *root, DIR *proc, struct process *ret)
{
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		_cleanup_(fclosep) FILE *f = NULL;
		char path[PATH_MAX];

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/proc/%s/comm", root, entry->d_name);
		f = fopen(path, "re");
		if (!f || !fgets(ret->name, sizeof(ret->name), f))
			continue;
		ret->name[strcspn(ret->name, "\n")] = '\0';
		ret->pid = (pid_t)strtol(entry->d_name, NULL, 10);
		return true;
	}
	return false;
}

static DIR *open_proc(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc", root);
	return opendir(path);
}

static void take_sockets(const char *root, const struct process *process,
			 struct process_socket *sockets, size_t n)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[PATH_MAX], target[64];
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/proc/%d/fd", root, process->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		unsigned long inode;

		if (length <= 0)
			continue;
		target[length] = '\0';
		if (strncmp(target, "socket:[", strlen("socket:[")) != 0)
			continue;
		inode = strtoul(target + strlen("socket:["), NULL, 10);
		for (size_t i = 0; i < n; i++)
			if (sockets[i].inode == inode && sockets[i].owner.pid == 0)
				sockets[i].owner = *process;
	}
}

void processes_find_owners(const char *root, struct process_socket *sockets, size_t n)
{
	_cleanup_(closedirp) DIR *proc = n > 0 ? open_proc(root) : NULL;
	struct process process;

	while (next_process(root, proc, &process))
		take_sockets(root, &process, sockets, n);
}

bool process_find(const char *root, const char *const names[], struct process *ret)
{
	_cleanup_(closedirp) DIR *proc = open_proc(root);

	while (next_process(root, proc, ret))
		for (size_t i = 0; names[i]; i++)
			if (strncmp(ret->name, names[i], sizeof(ret->name) - 1) == 0)
				return true;
	return false;
}

bool process_has_argument(const char *root, pid_t pid, const char *word)
{
	_cleanup_(fclosep) FILE *f = NULL;
	_cleanup_(freep) char *argument = NULL;
	char path[PATH_MAX];
	size_t size = 0;
	bool found = false;

	snprintf(path, sizeof(path), "%s/proc/%d/cmdline", root, pid);
	f = fopen(path, "re");
	while (f && !found && getdelim(&argument, &size, '\0', f) > 0)
		found = strcmp(argument, word) == 0;
	return found;
}
