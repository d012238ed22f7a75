// SPDX-License-Identifier: GPL-2.0-or-later
// update-routes: brings the kernel's rules, routes, addresses and nftables to what mwan.conf says.
// update_run() does it all; explain_run() says what that means for one flow.

#include "base/privileges.h"
#include "reconcile/explain.h"
#include "reconcile/update.h"

/* In the order of the program's flags. */
enum { EXPLAIN = 1, JSON = 2 };

static int run(const struct cli *cli, struct fault *fault)
{
	if (cli->flags & EXPLAIN && cli->dry_run)
		return cli_usage(cli, "--explain changes nothing, and does not go with --dry-run",
				 "");
	if (cli->flags & EXPLAIN)
		return explain_run(cli, cli->flags & JSON, fault);
	if (cli->flags & JSON)
		return cli_usage(cli, "--json goes with --explain", "");
	if (cli->n_arguments > 0)
		return cli_usage(cli, "one argument too many: ", cli->arguments[0]);
	return update_run(cli, NULL, fault);
}

static uint64_t privileges(const struct cli *cli)
{
	return PRIVILEGES_NETWORK;
}

static const struct cli_program program = {
	.name = "update-routes",
	.usage = "[--explain SRC DST [PROTO [[SPORT] DPORT]]]",
	.summary = "Brings policy routing, flow marking and translation to what mwan.conf says.",
	.changes = true,
	.max_arguments = 5,
	.flags =
		(const struct cli_flag[]){
			{ "explain", "say which WAN a new flow gets, and why; change nothing" },
			{ "json", "with --explain: as JSON" },
			{},
		},
	.privileges = privileges,
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
