// SPDX-License-Identifier: GPL-2.0-or-later
// Gives up capabilities: those that are in force, and those that a program started as root would
// get. libc has no function for capset(), and libcap is not needed for one call.

#include "base/privileges.h"

#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The bounding set. Whoever may not change it can't change the rest of it either. */
static void bound(uint64_t capabilities)
{
	for (unsigned long i = 0; i <= CAP_LAST_CAP; i++)
		if (!(capabilities & PRIVILEGE(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return;
}

void privileges_keep(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
	bool more = false;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_capget, &header, sets) < 0)
		return;
	/* While CAP_SETPCAP is there. */
	bound(capabilities);
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t kept = (uint32_t)(capabilities >> 32 * i);

		more |= ((sets[i].permitted | sets[i].inheritable) & ~kept) != 0;
		sets[i].permitted &= kept;
		sets[i].effective &= kept;
		sets[i].inheritable &= kept;
	}
	if (more)
		syscall(SYS_capset, &header, sets);
}
