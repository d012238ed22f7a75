// SPDX-License-Identifier: GPL-2.0-or-later
// The names and ids of events.
// Made of the rows in the header.

#include "base/events.h"

#define EVENT_NAME(constant, name, id) name,
#define EVENT_ID(constant, name, id) id,

const char *event_name(enum event event)
{
	static const char *const names[] = { EVENT_ROWS(EVENT_NAME) };

	return names[event];
}

const char *event_id(enum event event)
{
	static const char *const ids[] = { EVENT_ROWS(EVENT_ID) };

	return ids[event];
}
