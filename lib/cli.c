#include "cli.h"

#include "config.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

static void print_help(const struct cli_program *program)
{
	printf("Usage: %s [OPTION]...%s%s\n%s\n\n", program->name, *program->usage ? " " : "",
	       program->usage, program->summary);
	printf("  --config FILE  the site (default %s)\n", CONFIG_PATH);
	if (program->changes) {
		puts("  --dry-run      print what would change, change nothing");
		puts("  --check        like --dry-run; exit status 3 if anything would change");
	}
	for (const struct cli_flag *flag = program->flags; flag && flag->name; flag++)
		printf("  --%-12s %s\n", flag->name, flag->help);
	puts("  --verbose      tell each step on stderr");
	puts("  --version      print the version");
	puts("  --help         print this");
}

int cli_usage(const struct cli_program *program, const char *what, const char *word)
{
	log_event(LOG_ERR, "usage", "%s: %s%s (try --help)", program->name, what, word);
	return CLI_USAGE;
}

/*
 * A stream that is closed would be the first file opened, and be written into. What goes to a
 * closed stdout has to fail, so that one can't be written to. A reader that leaves
 * must not end a run halfway.
 */
static void guard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR) < 0)
			_exit(EXIT_FAILED);
	signal(SIGPIPE, SIG_IGN);
}

int cli_parse(const struct cli_program *program, int argc, char **argv, struct cli *ret)
{
	enum { CONFIG = 256, DRY_RUN, CHECK, VERBOSE, VERSION, HELP, FLAGS };
	struct option options[7 + CLI_MAX_FLAGS] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "verbose", no_argument, NULL, VERBOSE },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ "dry-run", no_argument, NULL, DRY_RUN },
		{ "check", no_argument, NULL, CHECK },
	};
	struct cli cli = { .config = CONFIG_PATH };
	int c;

	for (int i = 0; program->flags && program->flags[i].name && i < CLI_MAX_FLAGS; i++)
		options[6 + i] =
			(struct option){ program->flags[i].name, no_argument, NULL, FLAGS + i };

	guard_streams();
	log_setup(program->name, false);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		const char *word = argv[optind - 1];

		if (c == ':')
			return cli_usage(program, word, " needs a value");
		if (c == '?' || (!program->changes && (c == DRY_RUN || c == CHECK)))
			return cli_usage(program, "unknown option ", word);
		if (c == CONFIG)
			cli.config = optarg;
		if (c == DRY_RUN || c == CHECK)
			cli.dry_run = true;
		if (c == CHECK)
			cli.check = true;
		if (c == VERBOSE)
			cli.verbose = true;
		if (c >= FLAGS)
			cli.flags |= 1U << (c - FLAGS);
		if (c == HELP) {
			print_help(program);
			return CLI_DONE;
		}
		if (c == VERSION) {
			printf("%s (mwan) %s\n", program->name, MWAN_VERSION);
			return CLI_DONE;
		}
	}

	cli.arguments = argv + optind;
	cli.n_arguments = argc - optind;
	if (cli.n_arguments > program->max_arguments)
		return cli_usage(program,
				 "one argument too many: ", cli.arguments[program->max_arguments]);

	log_setup(program->name, cli.verbose);
	*ret = cli;
	return CLI_RUN;
}

int cli_exit(int r)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_event(LOG_ERR, "output", "standard output: %m");
		return EXIT_FAILED;
	}
	return r < 0 ? EXIT_FAILED : r;
}
