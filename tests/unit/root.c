// SPDX-License-Identifier: GPL-2.0-or-later
// A folder of the test's own, in the place of / for what reads files.
// Folders are made as files need them, and all of it is removed at the end.

#include "root.h"

#include "base/util.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define TEMPLATE "/tmp/mwan-root-XXXXXX"

char root[] = TEMPLATE;

void root_begin(void)
{
	snprintf(root, sizeof(TEMPLATE), TEMPLATE);
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void root_end(void)
{
	ck_assert_int_eq(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path below it, where nothing is, with the folders it takes. */
static void make_place(const char *path, char whole[static PATH_MAX])
{
	snprintf(whole, PATH_MAX, "%s%s", root, path);
	for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		ck_assert(mkdir(whole, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	unlink(whole);
}

void root_put(const char *path, const char *text)
{
	_cleanup_(fclosep) FILE *f = NULL;
	char whole[PATH_MAX];

	make_place(path, whole);
	f = fopen(whole, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
}

void root_link(const char *path, const char *target)
{
	char whole[PATH_MAX];

	make_place(path, whole);
	ck_assert_int_eq(symlink(target, whole), 0);
}

void root_remove(const char *path)
{
	char whole[PATH_MAX];

	make_place(path, whole);
}
