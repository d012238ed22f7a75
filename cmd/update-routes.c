/*
 * update-routes: brings this site's rules, routes, addresses and nftables
 * objects into the kernel.
 */
#include "update.h"

static const struct cli_program program = {
	.name = "update-routes",
	.usage = "",
	.summary = "Brings policy routing, flow marking and translation to what mwan.conf says.",
	.changes = true,
};

int main(int argc, char **argv)
{
	return update_main(&program, NULL, argc, argv);
}
