// SPDX-License-Identifier: GPL-2.0-or-later
// Switches forwarding off and on again.
// The kernel gives the value of `all` to each interface, so those that had another are remembered.

#include "kernel/forwarding.h"

#include "base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define PROC "/proc/sys/net/"
#define IPV4_ALL "ipv4/ip_forward"
#define IPV6_ALL "ipv6/conf/all/forwarding"
/* The kernel changes it with ip_forward. */
#define IPV4_REDIRECTS "ipv4/conf/all/accept_redirects"

static const struct forwarding_family {
	const char *all, *folder;
} families[] = { [IPV4] = { IPV4_ALL, "ipv4/conf" }, [IPV6] = { IPV6_ALL, "ipv6/conf" } };

/* Of the file, for when somebody removes it. */
static char *remembered;

static int recall(char **ret)
{
	int r = file_read(UNPROTECTED_PATH, ret);

	if (r != -ENOENT || !remembered)
		return r;
	*ret = strdup(remembered);
	return *ret ? 0 : -ENOMEM;
}

/* -1: there is no such setting. */
static int setting_read(const char *key)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PROC "%s", key);
	return file_read(path, &text) == 0 ? (int)strtol(text, NULL, 10) : -1;
}

/* A link that has gone meanwhile needs no setting. */
static int setting_write(const char *key, int value, struct fault *fault)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PROC "%s", key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if ((fd < 0 && errno != ENOENT) || (fd >= 0 && dprintf(fd, "%d", value) < 0))
		return fault_set(fault, -errno, "%s: %m", path);
	return 0;
}

/* Hands each interface's setting of the family that is not `value` to `each`. */
static int for_others(const char *folder, int value,
		      int (*each)(const char *key, int value, void *arg), void *arg)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *all;
	int r = 0;

	snprintf(path, sizeof(path), PROC "%s", folder);
	all = opendir(path);
	while (all && (entry = readdir(all))) {
		int its, r2;

		if (*entry->d_name == '.' || strcmp(entry->d_name, "all") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/forwarding", folder, entry->d_name);
		its = setting_read(path);
		r2 = its < 0 || its == value ? 0 : each(path, its, arg);
		r = r < 0 ? r : r2;
	}
	if (all)
		closedir(all);
	return r;
}

struct settings_text {
	const char *before; /* lines that there are already */
	FILE *f;
};

static int print_setting(const char *key, int value, void *arg)
{
	struct settings_text *text = arg;

	if (!strstr(text->before, key))
		fprintf(text->f, "%s %d\n", key, value);
	return 0;
}

/* Lines of what is on and what differs from it, after those of `before`. */
static void print_settings(const char *before, FILE *f)
{
	struct settings_text text = { before, f };

	fputs(before, f);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int value = setting_read(families[i].all);

		/* It brings back each interface, also those that somebody has switched on since. */
		if (strstr(before, families[i].all))
			continue;
		if (value > 0)
			print_setting(families[i].all, value, &text);
		if (i == 0 && value > 0 && setting_read(IPV4_REDIRECTS) > 0)
			print_setting(IPV4_REDIRECTS, 1, &text);
		for_others(families[i].folder, value, print_setting, &text);
	}
}

/* The file: why, and a line for each setting. */
static int remember(const char *why, struct fault *fault)
{
	_cleanup_(freep) char *before = NULL, *text = NULL;
	struct memory out = {};
	const char *lines;

	if (recall(&before) == -ENOMEM || memory_open(&out) < 0)
		return -ENOMEM;
	lines = before ? strchrnul(before, '\n') : "";
	fprintf(out.f, "%.*s\n", (int)strcspn(why, "\n"), why);
	print_settings(*lines ? lines + 1 : lines, out.f);
	if (memory_close(&out, &text) < 0)
		return -ENOMEM;
	free(remembered);
	remembered = TAKE(text);
	return file_write_if_changed(UNPROTECTED_PATH, remembered, fault);
}

static int switch_off(const char *key, int value, void *arg)
{
	return setting_write(key, 0, arg);
}

int forwarding_stop(const char *why, struct fault *fault)
{
	struct fault unwritten = {};
	int r = 0, r2;

	/* Rather forget that it was us than forward. */
	remember(why, &unwritten);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (setting_read(families[i].all) > 0) {
			r2 = setting_write(families[i].all, 0, fault);
			r = r < 0 ? r : r2;
		}
		/* IPv4 goes by the interface alone, and networkd may switch a single one on. */
		r2 = for_others(families[i].folder, 0, switch_off, fault);
		r = r < 0 ? r : r2;
	}
	return r;
}

int forwarding_resume(uint64_t *since, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	char *rest, *key, *value;
	struct stat file;
	int r = recall(&text);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	rest = text;
	strsep(&rest, "\n"); /* why */
	for (r = 0; r == 0 && (value = strsep(&rest, "\n"));) {
		key = strsep(&value, " ");
		if (value)
			r = setting_write(key, (int)strtol(value, NULL, 10), fault);
	}
	if (r < 0)
		return r;
	*since = stat(UNPROTECTED_PATH, &file) == 0 ? file.st_mtime : 0;
	unlink(UNPROTECTED_PATH);
	free(remembered);
	remembered = NULL;
	return 1;
}

bool forwarding_is_on(enum family family)
{
	return setting_read(families[family].all) != 0;
}

char *forwarding_stopped(void)
{
	char *text = NULL;

	if (file_read(UNPROTECTED_PATH, &text) == 0)
		*strchrnul(text, '\n') = '\0';
	return text;
}
