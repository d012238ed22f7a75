// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Switches forwarding off while there is no ruleset that protects, and on again. A file says that
 * we have done so, why, and how everything was before: any program can undo it.
 */
#pragma once

#include "base/family.h"
#include "base/fault.h"
#include "base/paths.h"

#include <stdbool.h>

#define UNPROTECTED_PATH RUN_DIR "/unprotected"

/*
 * Switches it off in both families, if it is on, and remembers why. 0, or a negative errno with a
 * fault: then it is still on.
 */
int forwarding_stop(const char *why, struct fault *fault);

/*
 * Switches on again what we have switched off, with the interfaces as they were. 1 when there was
 * something to undo, with *since, when that was done, in seconds since 1970, or 0; 0 when there was
 * not, or a negative errno with a fault.
 */
int forwarding_resume(uint64_t *since, struct fault *fault);

/* False when the kernel forwards nothing of the family; true if that can't be found out. */
bool forwarding_is_on(enum family family);

/* Why it is switched off, the caller's; NULL: we have not done so. */
char *forwarding_stopped(void);
