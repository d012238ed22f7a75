// SPDX-License-Identifier: GPL-2.0-or-later
// update-routes: brings the kernel's rules, routes, addresses and nftables to what mwan.conf says.
// update_run() does it all; this program has no arguments.

#include "reconcile/update.h"

static int run(const struct cli *cli, struct fault *fault)
{
	return update_run(cli, NULL, fault);
}

static const struct cli_program program = {
	.name = "update-routes",
	.usage = "",
	.summary = "Brings policy routing, flow marking and translation to what mwan.conf says.",
	.changes = true,
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
