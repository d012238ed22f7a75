// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why the daemon tells nothing new: it does not run, it hangs, or it can't write. Changes nothing.
 */
#pragma once

#include "status/report.h"

/*
 * Adds to what the daemon has written why there is nothing newer, and how old it is. 0: it is new
 * enough; or a negative errno with the same in the fault.
 */
int silence_add(struct report *report, struct fault *fault);

/* After report_read() has failed with r: the fault says why there is nothing to read. Returns r. */
int silence_explain(int r, struct fault *fault);

/* True when nothing more can be written to the folder's file system. */
bool folder_is_full(const char *folder);
