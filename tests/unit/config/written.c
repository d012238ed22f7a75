// SPDX-License-Identifier: GPL-2.0-or-later
// Configurations that tests write, each into a folder of its own.
// The file has a bare name there, and so have messages.

#include "written.h"

#include <check.h>
#include <errno.h>
#include <string.h>

static char folder[64];

void enter_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test-config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

void leave_folder(void)
{
	unlink(FILE_NAME);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *path, const char *bytes, size_t n)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
}

int load_bytes(const char *bytes, size_t n, struct config *ret, struct fault *fault)
{
	write_file(FILE_NAME, bytes, n);
	return config_load(FILE_NAME, ret, fault);
}

struct config load_text(const char *text)
{
	struct config config = {};
	struct fault fault = {};
	int r;

	r = load_bytes(text, strlen(text), &config, &fault);
	ck_assert_msg(r == 0, "%s", fault.text);
	ck_assert_str_eq(fault.text, "");
	return config;
}

void refuse(const char *bytes, size_t n, const char *message)
{
	struct config config = { .n_map4 = 42 };
	struct fault fault = {};

	ck_assert_int_eq(load_bytes(bytes, n, &config, &fault), -EINVAL);
	ck_assert_str_eq(fault.text, message);
	ck_assert_uint_eq(config.n_map4, 42);
}

char *golden_path(const char *name)
{
	const char *dir = getenv("MWAN_GOLDEN");
	char *path = NULL;

	ck_assert_msg(dir != NULL, "MWAN_GOLDEN has to name tests/golden");
	ck_assert_int_ge(asprintf(&path, "%s/%s", dir, name), 0);
	return path;
}
