// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The locks: runs take turns, and there is one daemon.
 *
 * Each of the two is a file in RUN_DIR and another one in STATE_DIR. Whoever removes one folder
 * does not let a second one in beside the one who holds the lock. Only root can open them: nobody
 * else can hold us up.
 */
#pragma once

#include "base/fault.h"
#include "base/paths.h"

#include <stdbool.h>

struct lock {
	int fd, second; /* of the file in STATE_DIR: -1 if that can't be written to */
};

#define LOCK_NONE ((struct lock){ -1, -1 })

void lock_release(struct lock *lock);

/*
 * Locks a file, which is made with its folder if need be, and is the one of that name when this
 * returns. wait: until it is free. Returns a descriptor that holds the lock until it is closed or
 * the process ends, or a negative errno with a fault; -EWOULDBLOCK when somebody else holds it and
 * we do not wait.
 */
int file_lock(const char *path, bool wait, struct fault *fault);

/*
 * The lock under which runs take turns, and the one that the only daemon holds. *ret is for
 * lock_release(). 0, or as file_lock().
 */
int run_lock(bool wait, struct lock *ret, struct fault *fault);
int daemon_lock(struct lock *ret, struct fault *fault);

/*
 * Makes the files of the daemon's lock again if somebody has removed them. 1 if one was missing, 0
 * if none was, or a negative errno with a fault.
 */
int daemon_lock_keep(struct lock *lock, struct fault *fault);

/* True when a daemon runs, or when the caller may not know. */
bool daemon_is_running(void);
