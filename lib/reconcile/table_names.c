// SPDX-License-Identifier: GPL-2.0-or-later
// The names of the WANs' tables, for ip(8).
// One text file in RUN_DIR, a line for each WAN; mwan itself uses only the numbers.

#include "reconcile/table_names.h"

#include "base/fileio.h"
#include "base/paths.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TABLE_NAMES_PATH RUN_DIR "/rt_tables.conf"

/* What ip(8) takes for another table, or for several: a name never hides one of these. */
static bool is_taken(const char *name)
{
	static const char *const taken[] = { "unspec", "default", "main", "local", "all", "cache" };
	char *end;

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return true;
	strtoul(name, &end, 0);
	return !*end;
}

int table_names_write(const struct config *config, bool changed, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	struct memory out = {};

	if (!changed && access(TABLE_NAMES_PATH, F_OK) == 0)
		return 0;
	if (memory_open(&out) < 0)
		return -ENOMEM;
	fputs("# The tables of mwan.conf's WANs. The next change of the kernel writes them anew.\n",
	      out.f);
	for (size_t i = 0; i < config->n_wans; i++)
		if (!is_taken(config->wans[i].name))
			fprintf(out.f, "%u\t%s\n", config->wans[i].table, config->wans[i].name);
	if (memory_close(&out, &text) < 0)
		return -ENOMEM;
	return file_write_if_changed(TABLE_NAMES_PATH, text, fault);
}
