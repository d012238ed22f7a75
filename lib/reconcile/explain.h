// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * update-routes --explain: what a new flow would get, what a flow that exists has, and why.
 */
#pragma once

#include "base/cli.h"

/*
 * Explains the flow of the arguments SRC DST [PROTO [[SPORT] DPORT]] on stdout. Changes nothing.
 * EXIT_DONE; EXIT_FAILED if there is no way; EXIT_USAGE, maybe with a fault; a negative errno.
 */
int explain_run(const struct cli *cli, bool json, struct fault *fault);
