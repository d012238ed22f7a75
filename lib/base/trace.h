// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trace ids: each boot and each deploy has one. It is in every line of the debug log, so that
 * what the programs did since can be read together.
 */
#pragma once

#include "base/fault.h"

#define TRACE_ID_PATH "/run/mwan-trace-id"	    /* the current one */
#define TRACE_ID_KEPT_PATH "/var/lib/mwan/trace-id" /* the last one, also after a reboot */

/* Like "boot-20261123T031500Z-ab12cd"; "" is none. */
struct trace_id {
	char s[64];
};

/* A new one. kind: "boot" or "deploy". */
struct trace_id trace_id_new(const char *kind);

/* The current one, or none. */
struct trace_id trace_id_read(void);

/* Writes it to one of the paths above. 0, or a negative errno with a fault. */
int trace_id_write(const struct trace_id *id, const char *path, struct fault *fault);
