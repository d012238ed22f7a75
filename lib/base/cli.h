// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The main() of all programs: the options that they share, what is said when they fail, and the
 * exit status.
 */
#pragma once

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* An option of one program only. */
struct cli_flag {
	const char *name, *help;
	const char *value; /* what it takes, "WAN"; NULL: nothing */
};

#define CLI_MAX_FLAGS 16

/* A command line that cli_main() has read. */
struct cli {
	const struct cli_program *program;
	const char *config;
	int verbose, dry_run, check;	   /* 0 or 1; with check, dry_run is 1 too */
	unsigned flags;			   /* bit i: the program's flag i was given */
	const char *values[CLI_MAX_FLAGS]; /* of flag i; NULL: none */
	char **arguments;
	int n_arguments;
};

struct cli_program {
	const char *name;
	const char *usage;   /* one line: what stands after the name */
	const char *summary; /* one or two lines of what it does */
	bool changes;	     /* has --dry-run and --check */
	int max_arguments;
	const struct cli_flag *flags; /* up to one without a name; NULL: none */

	/* What it needs of root's capabilities (base/privileges.h), for these options; NULL: none.
	 */
	uint64_t (*privileges)(const struct cli *cli);

	/*
	 * Does the work. Returns an exit status, or a negative errno, which is EXIT_FAILED and
	 * logged with the fault's words. With EXIT_USAGE, words are logged if there are any.
	 */
	int (*run)(const struct cli *cli, struct fault *fault);
};

/* Exit statuses. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_WOULD_CHANGE = 3,
	EXIT_TROUBLE = 4, /* of health-check --status: a line says what is wrong */
};

/* Runs the program; main() returns what it returns. Output that can't be written is a failure. */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* Says on stderr what is wrong with the options: what, and the argument. Returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *what, const char *argument);

/*
 * For a configuration or an argument that failed with r: EXIT_USAGE, and a fault with words; r when
 * the machine lacks memory or descriptors, or can't read, which is not its fault.
 */
int cli_bad_input(int r, struct fault *fault);
