// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A web server on a port of all local addresses. The path says how it answers: /200 or any other
 * status, /hang, /slow, /reset, …
 */
#pragma once

#include <stdint.h>

/* What it has seen. */
struct web_server {
	unsigned connections;
	uint64_t sent;
};

extern struct web_server *server;
extern unsigned port;

void web_server_start(void);
void web_server_stop(void);
