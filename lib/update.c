#include "update.h"

#include "config_file.h"
#include "fileio.h"
#include "log.h"

/* One run, with the configuration as it is then. Returns the exit status. */
static int turn(const struct cli *cli, update_arguments arguments, struct reconcile request,
		struct outcome *outcome)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(closep) int lock = -1;
	struct fault fault = {};
	int r;

	/* First the turn, then the configuration: another may wait for its turn with a newer one.
	 */
	if (request.mode != RECONCILE_LOOK) {
		lock = run_lock(true, &fault);
		if (lock < 0)
			return log_outcome(lock, &fault);
	}
	r = config_load(cli->config, &config, &fault);
	if (r == 0 && arguments)
		r = arguments(cli, &config, &request, &fault);
	if (r < 0) {
		log_outcome(r, &fault);
		return EXIT_USAGE;
	}
	log_debug_file(config.debug_logging ? DEBUG_LOG_PATH : NULL);
	/* The run matters more than whether the daemon is told of what it ran with. */
	if (request.mode == RECONCILE_APPLY && config_file_mark(cli->config, &fault) < 0)
		log_event(LOG_WARNING, "config", "%s", fault.text);
	fault = (struct fault){};

	r = reconcile(&config, &request, &kernel, outcome, &fault);
	if (r < 0)
		return log_outcome(r, &fault);
	if (request.mode == RECONCILE_LOOK && !outcome->facts.router6_linklocal.family)
		log_event(LOG_WARNING, "lan", "nobody answers for router6_linklocal on %s",
			  config.lan.interface);
	return cli->check && r == RECONCILE_CHANGED ? EXIT_WOULD_CHANGE : EXIT_DONE;
}

static int run(const struct cli *cli, update_arguments arguments)
{
	_cleanup_(outcome_done) struct outcome outcome = {};
	struct reconcile request = { .mode = RECONCILE_APPLY };
	struct addr before;
	int status;

	if (cli->dry_run) {
		request = (struct reconcile){ .mode = RECONCILE_PRINT, .wait = true };
		return turn(cli, arguments, request, &outcome);
	}
	status = turn(cli, arguments, request, &outcome);
	if (status != EXIT_DONE || !outcome.router6_unsure)
		return status;

	/* OPNsense may be off, or boot as we do: others have their turn while it is waited for. */
	before = outcome.facts.router6_linklocal;
	request = (struct reconcile){ .mode = RECONCILE_LOOK, .wait = true };
	status = turn(cli, arguments, request, &outcome);
	if (status != EXIT_DONE || addr_cmp(before, outcome.facts.router6_linklocal) == 0)
		return status;
	request.mode = RECONCILE_APPLY;
	return turn(cli, arguments, request, &outcome);
}

int update_main(const struct cli_program *program, update_arguments arguments, int argc,
		char **argv)
{
	struct cli cli;
	int r;

	r = cli_parse(program, argc, argv, &cli);
	if (r == CLI_RUN)
		r = run(&cli, arguments);
	return cli_exit(r);
}
