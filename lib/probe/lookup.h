// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One name, looked up as any program on this machine does: over no WAN in particular.
 */
#pragma once

#include "probe/name_server.h"

/*
 * Looks its IPv4 addresses up, for at most so long. *ret: what came of it. 0, or a negative errno
 * with a fault: it can't be looked up at all.
 */
int look_up(const char *name, uint64_t timeout_us, struct name_answer *ret, struct fault *fault);
