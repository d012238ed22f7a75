#include "update.h"

#include "config_file.h"
#include "fileio.h"
#include "log.h"

static int run(const struct cli *cli, update_arguments arguments)
{
	_cleanup_(config_done) struct config config = {};
	struct reconcile request = { .mode = cli->dry_run ? RECONCILE_PRINT : RECONCILE_APPLY,
				     .wait = true };
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(closep) int lock = -1;
	struct fault fault = {};
	int r;

	/* First the turn, then the configuration: another may wait for its turn with a newer one.
	 */
	lock = run_lock(true, &fault);
	if (lock < 0)
		return log_outcome(lock, &fault);
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

	r = reconcile(&config, &request, &kernel, NULL, &fault);
	if (r < 0)
		return log_outcome(r, &fault);
	return cli->check && r == RECONCILE_CHANGED ? EXIT_WOULD_CHANGE : EXIT_DONE;
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
