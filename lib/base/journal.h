// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events as entries of the journal, by its native protocol.
 */
#pragma once

#include "base/events.h"
#include "base/log_field.h"

struct journal_entry {
	int level;
	enum event event;
	const char *program;  /* SYSLOG_IDENTIFIER */
	const char *trace_id; /* "": none */
	const char *message;
	const struct log_field *fields; /* NULL: none */
};

/* True when stderr leads to the journal. */
bool journal_has_stderr(void);

/* Does not wait. 0, or a negative errno: the journal does not have it. */
int journal_send(const struct journal_entry *entry);
