// SPDX-License-Identifier: GPL-2.0-or-later
// mwan-trace: begins a new trace, or shows the log lines of one.
// The current id is a file in /run; the lines come from the debug log.

#include "base/cli.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/string_list.h"
#include "base/trace.h"
#include "base/trace_log.h"
#include "config/load.h"

#include <errno.h>
#include <string.h>

/* Other programs report a configuration that can't be used. */
static void log_begin(const char *path, const struct trace_id *id)
{
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};

	if (config_load(path, &config, &fault) < 0 || !config.debug_logging)
		return;
	log_debug_file(true);
	log_event(LOG_DEBUG, EVENT_TRACE, NULL, "trace %s begins", id->s);
}

static int begin(const struct cli *cli, const char *kind, struct fault *fault)
{
	struct trace_id id = trace_id_new(kind);
	struct fault unkept = {};
	int r = trace_id_write(&id, TRACE_ID_PATH, fault);

	if (r < 0)
		return r;
	/* The log goes by the one in /run, so a disk that can't be written to is only a warning. */
	if (trace_id_write(&id, TRACE_ID_KEPT_PATH, &unkept) < 0)
		log_event(LOG_WARNING, EVENT_TRACE, NULL, "%s", unkept.text);
	log_begin(cli->config, &id);
	puts(id.s);
	return EXIT_DONE;
}

static int none_found(const char *path, const char *id, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	struct fault why = {};

	if (config_load(path, &config, &why) < 0)
		return fault_set(fault, -ENODATA, "no lines of %s in %s; and %s", id,
				 DEBUG_LOG_PATH, why.text);
	if (config.debug_logging)
		return fault_set(fault, -ENODATA, "no lines of %s in %s or its rotated files", id,
				 DEBUG_LOG_PATH);
	return fault_set(fault, -ENODATA,
			 "no lines of %s in %s: debug_logging is off; `debug_logging = yes` in "
			 "[mwan] of %s and `systemctl reload mwan-health` turn it on; `journalctl "
			 "MWAN_TRACE_ID=%s` has what is logged without it",
			 id, DEBUG_LOG_PATH, path, id);
}

static int show(const struct cli *cli, const char *id, struct fault *fault)
{
	_cleanup_(string_list_done) struct string_list lines = {};
	struct trace_id current = trace_id_read();
	int r;

	if (!id)
		id = current.s;
	if (!*id)
		return fault_set(
			fault, -ENOENT,
			"no id in %s: `mwan-trace new boot` writes one, as mwan-trace-boot.service "
			"does at boot",
			TRACE_ID_PATH);
	r = trace_log_read(id, &lines, fault);
	if (r < 0)
		return r;
	for (size_t i = 0; i < lines.n; i++)
		puts(lines.v[i]);
	return lines.n > 0 ? EXIT_DONE : none_found(cli->config, id, fault);
}

static int run(const struct cli *cli, struct fault *fault)
{
	const char *verb = cli->n_arguments > 0 ? cli->arguments[0] : "nothing";
	const char *what = cli->n_arguments > 1 ? cli->arguments[1] : NULL;

	if (strcmp(verb, "show") == 0)
		return show(cli, what, fault);
	if (strcmp(verb, "new") != 0)
		return cli_usage(cli, "one of `new` and `show` is needed, not ", verb);
	if (!what || (strcmp(what, "boot") != 0 && strcmp(what, "deploy") != 0))
		return cli_usage(cli, "`new` is for a boot or a deploy, not ",
				 what ? what : "nothing");
	return begin(cli, what, fault);
}

static const struct cli_program program = {
	.name = "mwan-trace",
	.usage = "new boot|deploy | show [ID]",
	.summary =
		"Begins a new trace and prints its id, or shows the log lines of one: the current\n"
		"one unless another is named.",
	.max_arguments = 2,
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
