// SPDX-License-Identifier: GPL-2.0-or-later
// A number that tells this machine's packets from another's.
// A hash (FNV-1a) of the machine's id, or of nothing where there is none; read once.

#include "base/machine.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Without an allocation: whatever is lacking, it must not make another number of it. */
uint32_t machine_number(void)
{
	static uint32_t number;
	_cleanup_(closep) int fd = -1;
	uint32_t hash = 2166136261;
	char id[64];
	ssize_t n = 0, got = 0;

	if (number)
		return number;
	fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT && errno != EACCES)
		return 0;
	while (fd >= 0 && (got = read(fd, id + n, sizeof(id) - n)) > 0)
		n += got;
	if (got < 0)
		return 0;
	for (ssize_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)id[i]) * 16777619;
	number = hash ? hash : 1;
	return number;
}
