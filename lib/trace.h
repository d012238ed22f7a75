/*
 * Trace ids: one for each boot and each deploy, in every line of the debug log, so that
 * what the programs did after it can be read together.
 */
#pragma once

#include "fault.h"

#define TRACE_ID_PATH "/run/mwan-trace-id"
#define TRACE_ID_KEPT_PATH "/var/lib/mwan/trace-id"

/* Like "boot-20261123T031500Z-ab12cd"; "" is none. */
struct trace_id {
	char s[64];
};

/* A new one; kind: what begins with it. */
struct trace_id trace_id_new(const char *kind);

/* The current one, or none. */
struct trace_id trace_id_read(void);

/* Makes it the current one. */
int trace_id_write(const struct trace_id *id, struct fault *fault);

/* Keeps it on disk as well, for who looks after a reboot. */
int trace_id_keep(const struct trace_id *id, struct fault *fault);
