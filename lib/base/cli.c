// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of all programs, from its options to the exit status.
// getopt_long() reads the shared options and the program's own flags; then the program runs.

#include "base/cli.h"

#include "base/log.h"
#include "base/paths.h"
#include "base/privileges.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

/* What getopt_long() returns for a long option; for the program's flag i, it is FLAGS + i. */
enum { CONFIG = 256, VERSION, HELP, FLAGS };

/* parse() returns an exit status, or this when the program has to run. */
#define PARSE_RUN (-1)

static void print_help(const struct cli_program *program)
{
	printf("Usage: %s [OPTION]...%s%s\n%s\n\n", program->name, *program->usage ? " " : "",
	       program->usage, program->summary);
	printf("  --config FILE  the site (default %s)\n", CONFIG_PATH);
	if (program->changes) {
		puts("  --dry-run      print what would change, change nothing");
		puts("  --check        like --dry-run; exit status 3 if anything would change");
	}
	for (const struct cli_flag *flag = program->flags; flag && flag->name; flag++) {
		char option[40];

		snprintf(option, sizeof(option), "%s%s%s", flag->name, flag->value ? " " : "",
			 flag->value ? flag->value : "");
		printf("  --%-12s %s\n", option, flag->help);
	}
	puts("  --verbose      report each step on stderr");
	puts("  --version      print the version");
	puts("  --help, -h     print this");
}

int cli_usage(const struct cli *cli, const char *what, const char *argument)
{
	log_event(LOG_ERR, EVENT_USAGE, NULL, "%s: %s%s (try --help)", cli->program->name, what,
		  argument);
	return EXIT_USAGE;
}

/* What is refused to a user is often not refused to root. */
static void advise_root(int r, struct fault *fault)
{
	if ((r != -EPERM && r != -EACCES) || geteuid() == 0)
		return;
	fault_set(fault, r, "%s", strerror(-r));
	fault_fix(fault, r, "run it as root");
}

int cli_bad_input(int r, struct fault *fault)
{
	if (fault_is_machines(r))
		return r;
	advise_root(r, fault);
	return fault_set(fault, EXIT_USAGE, "%s", strerror(-r));
}

/*
 * Open closed standard streams on /dev/null, stdout read-only: then writing to a closed stdout
 * fails, and we report it. Otherwise the first file that we open would take its number. A reader
 * that leaves must not end a run halfway.
 */
static void guard_streams(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR) < 0)
			_exit(EXIT_FAILED);
}

static int unknown_option(const struct cli *cli, char **argv)
{
	const char letter[] = { '-', (char)optopt, '\0' }, *argument = argv[optind - 1];
	const char *last = strrchr(argument, optopt);

	/* optopt is a letter, or a long option's value. While letters are left, optind stays. */
	if (optopt > ' ' && optopt < 0x7f)
		argument = letter;
	else if ((optopt < 0 || (optopt > 1 && optopt < CONFIG)) && (!last || last[1]))
		argument = argv[optind];
	return cli_usage(cli, "unknown option ", argument);
}

static int parse(struct cli *cli, int argc, char **argv)
{
	const struct cli_program *program = cli->program;
	struct option options[7 + CLI_MAX_FLAGS] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ "verbose", no_argument, &cli->verbose, 1 },
	};
	size_t n = 4;
	int option;

	if (program->changes) {
		options[n++] = (struct option){ "dry-run", no_argument, &cli->dry_run, 1 };
		options[n++] = (struct option){ "check", no_argument, &cli->check, 1 };
	}
	for (int i = 0; program->flags && program->flags[i].name && i < CLI_MAX_FLAGS; i++)
		options[n++] =
			(struct option){ program->flags[i].name,
					 program->flags[i].value ? required_argument : no_argument,
					 NULL, FLAGS + i };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		if (option == ':')
			return cli_usage(cli, argv[optind - 1], " needs a value");
		if (option == '?')
			return unknown_option(cli, argv);
		if (option == CONFIG)
			cli->config = optarg;
		if (option >= FLAGS) {
			cli->flags |= 1U << (option - FLAGS);
			cli->values[option - FLAGS] = optarg;
		}
		if (option == HELP || option == 'h') {
			print_help(program);
			return EXIT_DONE;
		}
		if (option == VERSION) {
			printf("%s (mwan) %s\n", program->name, MWAN_VERSION);
			return EXIT_DONE;
		}
	}
	cli->dry_run |= cli->check;
	cli->arguments = argv + optind;
	cli->n_arguments = argc - optind;
	if (cli->n_arguments > program->max_arguments)
		return cli_usage(cli,
				 "one argument too many: ", cli->arguments[program->max_arguments]);
	return PARSE_RUN;
}

/* Who names a file may name one that others own. */
static void give_up_privileges(const struct cli *cli)
{
	uint64_t needed = cli->program->privileges ? cli->program->privileges(cli) : 0;

	if (strcmp(cli->config, CONFIG_PATH) != 0)
		needed |= PRIVILEGE(CAP_DAC_READ_SEARCH);
	privileges_keep(needed);
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
	struct cli cli = { .program = program, .config = CONFIG_PATH };
	struct fault fault = {};
	int r;

	guard_streams();
	log_setup(program->name, false);
	r = parse(&cli, argc, argv);
	if (r == PARSE_RUN) {
		log_setup(program->name, cli.verbose);
		give_up_privileges(&cli);
		r = program->run(&cli, &fault);
		advise_root(r, &fault);
		if (r < 0 || (r == EXIT_USAGE && fault.text[0]))
			log_outcome(r < 0 ? r : -EINVAL, &fault);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_event(LOG_ERR, EVENT_OUTPUT, NULL, "standard output: %m");
		return EXIT_FAILED;
	}
	return r < 0 ? EXIT_FAILED : r;
}
