// SPDX-License-Identifier: GPL-2.0-or-later
// What systemd says of units.
// It runs `systemctl show` once for all of them, and reads the blocks that it prints.

#include "doctor/units.h"

#include "base/child.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

bool units_are_there(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* "{ path=/usr/bin/nft ; argv[]=… }" */
static void read_program(const char *block, struct unit *unit)
{
	const char *value = find_value(block, "ExecStart");
	const char *path = value ? strstr(value, "path=") : NULL;

	if (path)
		snprintf(unit->start, sizeof(unit->start), "%.*s", (int)strcspn(path + 5, " \n"),
			 path + 5);
}

/* Only times of CLOCK_MONOTONIC are printed without rounding to seconds. 0: never. */
static uint64_t read_time(const char *block)
{
	const char *value = find_value(block, "StateChangeTimestampMonotonic");
	uint64_t monotonic_us = value ? strtoull(value, NULL, 10) : 0;

	return monotonic_us ? clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC) + monotonic_us
			    : 0;
}

static void read_unit(const char *block, struct unit *unit)
{
	copy_value(block, "LoadState", unit->load, sizeof(unit->load));
	copy_value(block, "ActiveState", unit->active, sizeof(unit->active));
	copy_value(block, "UnitFileState", unit->file, sizeof(unit->file));
	copy_value(block, "Result", unit->result, sizeof(unit->result));
	read_program(block, unit);
	unit->reload = has_value(block, "NeedDaemonReload", "yes");
	unit->met = has_value(block, "ConditionResult", "yes") ||
		    has_value(block, "ConditionTimestampMonotonic", "0");
	unit->changed_us = read_time(block);
}

/* A block for each unit, in the order asked for, with an empty line between. */
static size_t read_all(char *text, struct unit *units, size_t n)
{
	size_t at = 0;

	while (text && at < n) {
		char *block = text, *end = strstr(text, "\n\n");

		text = end ? end + 2 : NULL;
		if (end)
			*end = '\0';
		if (*block)
			read_unit(block, &units[at++]);
	}
	return at;
}

int units_look(struct unit *units, size_t n, struct fault *fault)
{
	static char properties[] =
		"--property=LoadState,ActiveState,UnitFileState,Result,ExecStart,NeedDaemonReload,"
		"ConditionResult,ConditionTimestampMonotonic,StateChangeTimestampMonotonic";
	static char *const head[] = { "systemctl", "show", properties, "--" };
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char **argv = calloc(ARRAY_SIZE(head) + n + 1, sizeof(*argv));

	if (!argv)
		return -ENOMEM;
	memcpy(argv, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		argv[ARRAY_SIZE(head) + i] = (char *)units[i].name;
	if (child_output((struct child){ .argv = argv, .silent = true }, &text) != 0 ||
	    read_all(text, units, n) < n)
		return fault_set(fault, -EIO, "`systemctl show` fails: systemd can't be asked");
	return 0;
}
