// SPDX-License-Identifier: GPL-2.0-or-later
// How full the kernel's conntrack table is.
// Reads two settings, and the counters that the kernel keeps for each CPU.

#include "base/flow_table.h"

#include "base/fileio.h"

#include <limits.h>
#include <string.h>

static char *read_below(const char *root, const char *path)
{
	char whole[PATH_MAX], *text = NULL;

	snprintf(whole, sizeof(whole), "%s/proc/%s", root, path);
	return file_read(whole, &text) == 0 ? text : NULL;
}

static uint64_t read_setting(const char *root, const char *path)
{
	_cleanup_(freep) char *text = read_below(root, path);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* A line of names, then one of hexadecimal numbers for each CPU. */
static uint64_t read_refused(const char *root)
{
	_cleanup_(freep) char *text = read_below(root, "net/stat/nf_conntrack");
	char *lines = text, *names = lines ? strsep(&lines, "\n") : NULL;
	uint64_t sum = 0;
	int column = -1;

	for (int i = 0; names && column < 0;) {
		const char *name = strsep(&names, " ");

		if (strcmp(name, "drop") == 0)
			column = i;
		i += *name != '\0';
	}
	while (column >= 0 && lines) {
		char *line = strsep(&lines, "\n");

		for (int i = 0; line;) {
			const char *value = strsep(&line, " ");

			if (*value && i++ == column)
				sum += strtoull(value, NULL, 16);
		}
	}
	return sum;
}

struct flow_table flow_table_read(const char *root)
{
	return (struct flow_table){
		.entries = read_setting(root, "sys/net/netfilter/nf_conntrack_count"),
		.max = read_setting(root, "sys/net/netfilter/nf_conntrack_max"),
		.refused = read_refused(root),
	};
}

static bool fills(const struct flow_table *table, unsigned percent)
{
	return table->max > 0 && table->entries >= table->max * percent / 100;
}

struct flow_table_fix flow_table_fix(const struct flow_table *table)
{
	struct flow_table_fix fix;

	snprintf(fix.s, sizeof(fix.s),
		 "`sysctl net.netfilter.nf_conntrack_max=%ju`, and in a file of /etc/sysctl.d; "
		 "`conntrack -L` shows whose flows they are",
		 (uintmax_t)table->max * 2);
	return fix;
}

bool flow_table_is_full(const struct flow_table *table)
{
	/* It hovers below its end: a flow that finds no room is counted for a moment only. */
	return fills(table, 99);
}

bool flow_table_stays_full(const struct flow_table *table, const struct flow_table *before,
			   bool full)
{
	if (flow_table_is_full(table))
		return true;
	/* The kernel counts other packets as well that it drops. */
	if (fills(table, 90) && before->max > 0 && table->refused > before->refused)
		return true;
	return full && fills(table, 95);
}
