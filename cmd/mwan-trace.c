/*
 * mwan-trace: begins a new trace, or shows what has been logged under one.
 */
#include "cli.h"
#include "config.h"
#include "fileio.h"
#include "log.h"
#include "trace.h"
#include "trace_log.h"

#include <string.h>

static const struct cli_program program = {
	.name = "mwan-trace",
	.usage = "new boot|deploy | show [ID]",
	.summary =
		"Begins a new trace and prints its id, or shows the log lines of one: the current\n"
		"one unless another is named.",
	.max_arguments = 2,
};

/* ---- new ---- */

/* A configuration that can't be used is told of by others. */
static void log_begin(const char *path, const struct trace_id *id)
{
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};

	if (config_load(path, &config, &fault) < 0 || !config.debug_logging)
		return;
	log_debug_file(DEBUG_LOG_PATH);
	log_event(LOG_DEBUG, "trace", "trace=%s begins", id->s);
}

static int begin(const struct cli *cli, const char *kind)
{
	struct trace_id id = trace_id_new(kind);
	struct fault fault = {};
	int r;

	r = trace_id_write(&id, &fault);
	if (r < 0)
		return log_outcome(r, &fault);
	/* Lines of the log get the other one; a disk that can't be written to is no reason to fail.
	 */
	if (trace_id_keep(&id, &fault) < 0)
		log_event(LOG_WARNING, "trace", "%s", fault.text);
	log_begin(cli->config, &id);
	puts(id.s);
	return EXIT_DONE;
}

/* ---- show ---- */

static int tell_none(const char *path, const char *id)
{
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};

	if (config_load(path, &config, &fault) < 0)
		log_event(LOG_ERR, "trace", "no lines of %s in %s; and %s", id, DEBUG_LOG_PATH,
			  fault.text);
	else if (config.debug_logging)
		log_event(LOG_ERR, "trace", "no lines of %s in %s or its rotated files", id,
			  DEBUG_LOG_PATH);
	else
		log_event(LOG_ERR, "trace",
			  "no lines of %s in %s: debug_logging is off; `debug_logging = yes` in "
			  "[mwan] of %s and `systemctl reload mwan-health` turn it on",
			  id, DEBUG_LOG_PATH, path);
	return EXIT_FAILED;
}

static int show(const struct cli *cli, const char *id)
{
	_cleanup_(trace_lines_done) struct trace_lines lines = {};
	struct trace_id current = trace_id_read();
	struct fault fault = {};
	int r;

	if (!id && !current.s[0]) {
		log_event(
			LOG_ERR, "trace",
			"no id in %s: `mwan-trace new boot` writes one, as mwan-trace-boot.service "
			"does at boot",
			TRACE_ID_PATH);
		return EXIT_FAILED;
	}
	if (!id)
		id = current.s;
	r = trace_log_read(id, &lines, &fault);
	if (r < 0)
		return log_outcome(r, &fault);
	for (size_t i = 0; i < lines.n; i++)
		puts(lines.v[i]);
	return lines.n > 0 ? EXIT_DONE : tell_none(cli->config, id);
}

static int run(const struct cli *cli)
{
	const char *verb = cli->n_arguments > 0 ? cli->arguments[0] : "nothing";
	const char *what = cli->n_arguments > 1 ? cli->arguments[1] : NULL;

	if (strcmp(verb, "show") == 0)
		return show(cli, what);
	if (strcmp(verb, "new") != 0)
		return cli_usage(&program, "one of `new` and `show` is needed, not ", verb);
	if (!what || (strcmp(what, "boot") != 0 && strcmp(what, "deploy") != 0))
		return cli_usage(&program, "`new` is for a boot or a deploy, not ",
				 what ? what : "nothing");
	return begin(cli, what);
}

int main(int argc, char **argv)
{
	struct cli cli;
	int r;

	r = cli_parse(&program, argc, argv, &cli);
	if (r == CLI_RUN)
		r = run(&cli);
	return cli_exit(r);
}
