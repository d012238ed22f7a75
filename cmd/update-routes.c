/*
 * update-routes: brings this site's rules, routes, addresses and nftables
 * objects into the kernel.
 */
#include "cli.h"
#include "log.h"
#include "reconcile.h"

#include <errno.h>

static const struct cli_program program = {
	.name = "update-routes",
	.usage = "",
	.summary = "Brings policy routing, flow marking and translation to what mwan.conf says.",
	.changes = true,
};

static int run(const struct cli *cli, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	struct reconcile request = { .dry_run = cli->dry_run };
	int r;

	r = config_load(cli->config, &config, fault);
	if (r < 0) {
		log_outcome(r, fault);
		return EXIT_USAGE;
	}
	if (config.debug_logging)
		log_debug_file(DEBUG_LOG_PATH);

	r = reconcile(&config, &request, fault);
	if (r < 0)
		return log_outcome(r, fault);
	return cli->check && r == RECONCILE_CHANGED ? EXIT_WOULD_CHANGE : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct fault fault = {};
	struct cli cli;
	int r;

	r = cli_parse(&program, argc, argv, &cli);
	if (r == CLI_RUN)
		r = run(&cli, &fault);
	return cli_exit(r);
}
