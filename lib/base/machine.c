// SPDX-License-Identifier: GPL-2.0-or-later
// A number that tells this machine's packets from another's.
// A hash (FNV-1a) of the machine's id, or of nothing where there is none; read once.

#include "base/machine.h"

#include "base/fileio.h"
#include "base/util.h"

uint32_t machine_number(void)
{
	static uint32_t number;
	_cleanup_(freep) char *id = NULL;
	uint32_t hash = 2166136261;

	if (number)
		return number;
	if (file_read("/etc/machine-id", &id) == 0)
		for (const char *at = id; *at; at++)
			hash = (hash ^ (uint8_t)*at) * 16777619;
	number = hash ? hash : 1;
	return number;
}
