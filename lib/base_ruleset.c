#include "base_ruleset.h"

#include "desired_nft.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#define LIST "list table inet filter"

int base_ruleset_check(struct nft *nft, struct fault *fault)
{
	return nft_check_file(nft, BASE_RULESET, fault);
}

/* ---- what is in force ---- */

/* In a process of its own: what the kernel prints of the file, in a namespace without links. */
static void print_expected(int fd)
{
	_cleanup_(nft_closep) struct nft *nft = NULL;
	_cleanup_(freep) char *listing = NULL;
	struct fault fault = {};

	if (unshare(CLONE_NEWNET) < 0 || nft_open(&nft, &fault) < 0 ||
	    nft_run(nft, "include \"" BASE_RULESET "\"\n", NULL, &fault) < 0 ||
	    nft_run(nft, LIST, &listing, &fault) < 0)
		return;
	dprintf(fd, "%s", listing);
}

static char *read_all(int fd)
{
	_cleanup_(fclosep) FILE *f = fdopen(fd, "r");
	char *text = NULL;
	size_t room = 0;

	if (!f)
		close(fd);
	else if (getdelim(&text, &room, '\0', f) < 0)
		free(TAKE(text));
	return text;
}

/* NULL: it can't be found out. */
static char *expect(void)
{
	char *listing;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	pid = fork();
	if (pid == 0) {
		print_expected(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	listing = read_all(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return listing;
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

/* "\tchain input {\n" */
static size_t head_of(const char *text)
{
	return strcspn(text, "\n");
}

static int name_chain(const char *text, char **ret)
{
	text += strlen("\tchain ");
	*ret = strndup(text, strcspn(text, " "));
	return *ret ? 0 : -ENOMEM;
}

int base_ruleset_compare(struct nft *nft, char **chain)
{
	_cleanup_(freep) char *expected = expect(), *found = NULL;
	struct fault fault = {};
	const char *at, *text;
	size_t length;

	*chain = NULL;
	if (!expected || nft_run(nft, LIST, &found, &fault) < 0)
		return 0;
	for (at = expected; next_chain(&at, &text, &length);)
		if (!has(nft_parts[NFT_FILTER].pristine, text, head_of(text)) &&
		    !has(found, text, length))
			return name_chain(text, chain);
	/* What somebody has added. */
	for (at = found; next_chain(&at, &text, &length);)
		if (!has(expected, text, head_of(text)))
			return name_chain(text, chain);
	return 0;
}

/* ---- what it says of management ---- */

/* What stands after its "=", to the end of the line or of the braces; NULL: there is no such. */
static const char *find_define(const char *text, size_t *length)
{
	const char *at = strstr(text, "define MANAGEMENT"), *value;

	while (at && at != text && at[-1] != '\n')
		at = strstr(at + 1, "define MANAGEMENT");
	value = at ? strchr(at, '=') : NULL;
	if (!value)
		return NULL;
	value += 1 + strspn(value + 1, " \t");
	*length = strcspn(value, *value == '{' ? "}" : "\n");
	return value;
}

bool base_ruleset_next_management(const char *text, size_t *at, char *ret, size_t size)
{
	size_t length;
	const char *value = find_define(text, &length), *from, *end;

	if (!value)
		return false;
	end = value + length;
	from = *at ? text + *at : value;
	from = from < end ? memchr(from, '"', end - from) : NULL;
	if (!from)
		return false;
	length = strcspn(from + 1, "\"\n");
	snprintf(ret, size, "%.*s", (int)length, from + 1);
	*at = from + 1 + length + 1 - text;
	return true;
}
