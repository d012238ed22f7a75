// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fields of a logged event: names with texts or numbers. "wan" is MWAN_WAN in the journal, and
 * "wan" in the debug log, where numbers are JSON numbers.
 */
#pragma once

#include "base/family.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number that is not known: its field is left out. */
#define LOG_UNKNOWN UINT64_MAX

struct log_field {
	const char *name; /* lower case; NULL: the end of the fields */
	const char *text; /* not copied */
	uint64_t number;  /* unless there is a text */
};

/* For log_event(). */
#define FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, {} })

/* text: NULL: the field is left out. */
static inline struct log_field log_text(const char *name, const char *text)
{
	return (struct log_field){ name, text, LOG_UNKNOWN };
}

static inline struct log_field log_number(const char *name, uint64_t number)
{
	return (struct log_field){ name, NULL, number };
}

/* The WAN and family that an event is of: two fields. */
#define LOG_WAN(wan, family) log_text("wan", wan), log_text("family", family_word(family))

/* How long the old state lasted. */
static inline struct log_field log_seconds(uint64_t seconds)
{
	return log_number("seconds", seconds);
}

static inline bool log_field_is_known(const struct log_field *field)
{
	return field->text || field->number != LOG_UNKNOWN;
}
