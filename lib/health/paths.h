// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How the probes of a WAN leave. Pure.
 */
#pragma once

#include "model/site.h"
#include "probe/socket.h"

/* From the prefix's ::1, or an address of the link, or a mapped one that it answers for. */
struct probe_path probe_path_of(const struct site *site, size_t wan, enum family family);
