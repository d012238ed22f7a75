/*
 * What update-routes and update-npt have in common: everything but their arguments.
 */
#pragma once

#include "cli.h"
#include "reconcile.h"

/* Fills *request from the arguments. A negative errno with a fault is bad usage. */
typedef int (*update_arguments)(const struct cli *cli, const struct config *config,
				struct reconcile *request, struct fault *fault);

/* The program from its command line to its exit status. arguments: NULL if there are none. */
int update_main(const struct cli_program *program, update_arguments arguments, int argc,
		char **argv);
