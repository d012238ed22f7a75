// SPDX-License-Identifier: GPL-2.0-or-later
// The administrator's own tables in nftables, and whether they are in force.
// Reads which tables the files declare; nft itself judges the rest of them.

#include "doctor/own_tables.h"

#include "base/dropins.h"
#include "base/fileio.h"
#include "base/util.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

static int add(struct own_tables *own, const char *file, const char *family, const char *name)
{
	struct own_table table = {};
	int r = 0;

	if (asprintf(&table.name, "%s %s", family, name) < 0)
		return -ENOMEM;
	if (!own_tables_find(own, table.name)) {
		table.file = strdup(file);
		/* -Wanalyzer-null-dereference: only who searches has none */
		r = table.file ? APPEND(own->v, own->n, table) : -ENOMEM;
		if (r == 0)
			return 0;
	}
	free(table.file);
	free(table.name);
	return r;
}

/* "table inet own {", "add table own": without a family, nft means ip. */
static int read_line(char *line, const char *file, struct own_tables *own)
{
	static const char *const families[] = { "ip", "ip6", "inet", "arp", "bridge", "netdev" };
	const char *family = "ip", *name;
	char *rest = conf_line_trim(line);
	char *word = strtok_r(rest, " \t{;", &rest);

	if (word && strcmp(word, "add") == 0)
		word = strtok_r(NULL, " \t{;", &rest);
	if (!word || strcmp(word, "table") != 0)
		return 0;
	name = strtok_r(NULL, " \t{;", &rest);
	for (size_t i = 0; name && i < ARRAY_SIZE(families); i++) {
		if (strcmp(name, families[i]) != 0)
			continue;
		family = families[i];
		name = strtok_r(NULL, " \t{;", &rest);
		break;
	}
	if (!name)
		return 0;
	return add(own, file, family, name);
}

static int read_file(const char *file, struct own_tables *own)
{
	_cleanup_(freep) char *text = NULL;
	char *rest;
	int r = 0;

	if (file_read(file, &text) == -ENOMEM)
		return -ENOMEM;
	rest = text;
	for (char *line; r == 0 && rest && (line = strsep(&rest, "\n"));)
		r = read_line(line, file, own);
	return r;
}

int own_tables_read(const char *root, struct own_tables *ret)
{
	_cleanup_(own_tables_done) struct own_tables own = {};
	_cleanup_(globfree) glob_t files = {};
	_cleanup_(freep) char *pattern = NULL;
	int r;

	if (asprintf(&pattern, "%s" OWN_RULES_DIR "/*.nft", root) < 0) {
		pattern = NULL;
		return -ENOMEM;
	}
	r = glob(pattern, 0, NULL, &files) == GLOB_NOSPACE ? -ENOMEM : 0;
	for (size_t i = 0; i < files.gl_pathc && r == 0; i++)
		r = read_file(files.gl_pathv[i], &own);
	if (r == 0)
		*ret = TAKE(own);
	return r;
}

void own_tables_done(struct own_tables *own)
{
	for (size_t i = 0; i < own->n; i++) {
		free(own->v[i].file);
		free(own->v[i].name);
	}
	free(own->v);
	*own = (struct own_tables){};
}

const struct own_table *own_tables_find(const struct own_tables *own, const char *name)
{
	for (size_t i = 0; own && i < own->n; i++)
		if (strcmp(own->v[i].name, name) == 0)
			return &own->v[i];
	return NULL;
}

static bool is_loaded(const char *listing, const char *name)
{
	char head[160];

	snprintf(head, sizeof(head), "table %s {\n", name);
	return strstr(listing, head);
}

void own_tables_check(struct nft *nft, const struct own_tables *own, const char *listing,
		      struct diagnosis *diagnosis)
{
	struct fault bad = {};

	for (size_t i = 0; i < own->n; i++) {
		const struct own_table *table = &own->v[i];

		if (i == 0 || strcmp(table->file, table[-1].file) != 0) {
			bad = (struct fault){};
			if (nft_check_file(nft, table->file, &bad) < 0)
				diagnosis_wrong(diagnosis, "own-unloadable",
						"the next reload or boot leaves out rules of your "
						"own: %s\n"
						"mend that line until `nft -c -f %s` says nothing, "
						"then `systemctl reload nftables`",
						bad.text, table->file);
		}
		if (!*bad.text && !is_loaded(listing, table->name))
			diagnosis_wrong(diagnosis, "own-missing",
					"table %s, your own of %s, is not in force\n"
					"`systemctl reload nftables`",
					table->name, table->file);
	}
}
