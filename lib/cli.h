/*
 * The options all programs share.
 */
#pragma once

#include <stdbool.h>

/* An option of one program only; it takes no value. */
struct cli_flag {
	const char *name, *help;
};

struct cli_program {
	const char *name;
	const char *usage;   /* one line: what stands after the name */
	const char *summary; /* one or two lines of what it does */
	bool changes;	     /* has --dry-run and --check */
	int max_arguments;
	const struct cli_flag *flags; /* up to one without a name; NULL: none */
};

struct cli {
	const char *config;
	bool verbose, dry_run, check;
	unsigned flags; /* bit i: the program's flag i was given */
	char **arguments;
	int n_arguments;
};

/* What main() does after cli_parse(). */
enum {
	CLI_RUN = 1,   /* go on */
	CLI_DONE = 0,  /* --help or --version was answered */
	CLI_USAGE = 2, /* said on stderr what is wrong */
};

#define CLI_MAX_FLAGS 16

int cli_parse(const struct cli_program *program, int argc, char **argv, struct cli *ret);

/* Says on stderr what is wrong with the options; returns CLI_USAGE. */
int cli_usage(const struct cli_program *program, const char *what, const char *word);

/* The exit status for run()'s result, after stdout is flushed: lost output is a failure. */
int cli_exit(int r);

/* Exit statuses, also returned by run() where they are not errors. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_WOULD_CHANGE = 3,
};
