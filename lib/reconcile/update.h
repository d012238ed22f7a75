// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What update-routes and update-npt have in common: everything but their arguments.
 */
#pragma once

#include "base/cli.h"
#include "reconcile/reconcile.h"

/*
 * Fills *request from the arguments. A negative errno with a fault is bad usage. A program with
 * arguments also asks for live delegations; one without goes by the prefixes of the last run,
 * and asks only where their lifetimes have ended.
 */
typedef int (*update_arguments)(const struct cli *cli, const struct config *config,
				struct reconcile *request, struct fault *fault);

/*
 * What the programs do: runs until the kernel is as the site wants it. arguments: NULL if there are
 * none. An exit status, or a negative errno with a fault; EXIT_USAGE comes with a fault too.
 */
int update_run(const struct cli *cli, update_arguments arguments, struct fault *fault);
