// SPDX-License-Identifier: GPL-2.0-or-later
// The base ruleset's file against the rules in force.
// A child loads the file into an empty network namespace; then listings of chains are compared.

#include "doctor/base_ruleset.h"

#include "base/child.h"
#include "base/paths.h"
#include "kernel/observe_nft.h"
#include "model/ruleset.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

/* Prints something if the file alone can be loaded. For a child: it sees no kept rules. */
static void print_alone(int fd)
{
	_cleanup_(nft_closep) struct nft *nft = NULL;
	struct fault fault = {};

	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", NFT_DIR, "tmpfs", 0, NULL) == 0 && nft_open(&nft, &fault) == 0 &&
	    nft_check_file(nft, BASE_RULESET_PATH, &fault) == 0)
		dprintf(fd, "it can");
}

int base_ruleset_check(struct nft *nft, bool *kept, struct fault *fault)
{
	_cleanup_(freep) char *alone = NULL;
	int r = nft_check_file(nft, BASE_RULESET_PATH, fault);

	*kept = r < 0 && child_output((struct child){ .function = print_alone }, &alone) == 0 &&
		*alone;
	return r;
}

/* Prints to fd how the kernel lists the file's rules. For a child: it enters another namespace. */
static void print_expected(int fd)
{
	_cleanup_(nft_closep) struct nft *nft = NULL;
	_cleanup_(freep) char *listing = NULL;
	struct fault fault = {};

	if (unshare(CLONE_NEWNET) < 0 || nft_open(&nft, &fault) < 0 ||
	    nft_run(nft, "include \"" BASE_RULESET_PATH "\"\n", NULL, &fault) < 0 ||
	    nft_run(nft, nft_parts[NFT_FILTER].list, &listing, &fault) < 0)
		return;
	dprintf(fd, "%s", listing);
}

/* The next chain of a listing, from its line on: "\tchain input {\n…\t}\n". */
static bool next_chain(const char **at, const char **ret, size_t *length)
{
	const char *start = strstr(*at, "\tchain "), *end;

	end = start ? strstr(start, "\n\t}\n") : NULL;
	if (!end)
		return false;
	*ret = start;
	*length = end + strlen("\n\t}\n") - start;
	*at = start + *length;
	return true;
}

static bool has(const char *listing, const char *text, size_t length)
{
	return memmem(listing, strlen(listing), text, length);
}

static int name_chain(const char *text, char **ret)
{
	text += strlen("\tchain ");
	*ret = strndup(text, strcspn(text, " "));
	return *ret ? 0 : -ENOMEM;
}

int base_ruleset_compare(struct nft *nft, char **chain)
{
	_cleanup_(freep) char *expected = NULL, *found = NULL;
	struct fault fault = {};
	const char *at, *text;
	size_t length;

	*chain = NULL;
	if (child_output((struct child){ .function = print_expected }, &expected) < 0 ||
	    !*expected || nft_run(nft, nft_parts[NFT_FILTER].list, &found, &fault) < 0)
		return 0;
	for (at = expected; next_chain(&at, &text, &length);)
		if (!has(nft_parts[NFT_FILTER].pristine, text, strcspn(text, "\n")) &&
		    !has(found, text, length))
			return name_chain(text, chain);
	/* Chains that somebody has added. */
	for (at = found; next_chain(&at, &text, &length);)
		if (!has(expected, text, strcspn(text, "\n")))
			return name_chain(text, chain);
	return 0;
}
