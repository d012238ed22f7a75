// SPDX-License-Identifier: GPL-2.0-or-later
// The WANs that somebody has taken out by hand, and the file that they are kept in.
// The file is written whole; it stays when it is empty, so that the daemon sees it change.

#include "status/drains.h"

#include "base/fileio.h"
#include "base/parse.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

static bool is_over(const struct drain *drain, uint64_t now)
{
	return drain->until > 0 && drain->until <= now;
}

/* "att 1764345600 1764352800"; cuts it up. */
static bool parse_line(char *line, struct drain *ret)
{
	const char *name = parse_item(&line, " \t");
	const char *since = parse_item(&line, " \t"), *until = parse_item(&line, " \t");
	uint32_t times[2];

	if (!name || *name == '#' || !until || strlen(name) >= sizeof(ret->wan))
		return false;
	if (parse_count(since, 0, UINT32_MAX, &times[0]) < 0 ||
	    parse_count(until, 0, UINT32_MAX, &times[1]) < 0)
		return false;
	*ret = (struct drain){ .since = times[0], .until = times[1] };
	memcpy(ret->wan, name, strlen(name) + 1);
	return true;
}

int drains_read(const char *path, struct drains *ret, struct fault *fault)
{
	_cleanup_(drains_done) struct drains drains = {};
	_cleanup_(freep) char *text = NULL;
	int r = file_read(path, &text);
	char *rest = text, *line;
	struct drain drain;

	if (fault_is_machines(r))
		return fault_set(fault, r, "%s: %s", path, strerror(-r));
	while (r == 0 && (line = strsep(&rest, "\n")))
		if (parse_line(line, &drain) && drains_set(&drains, &drain) < 0)
			return -ENOMEM;
	*ret = TAKE(drains);
	return 0;
}

int drains_write(const struct drains *drains, const char *path, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	struct memory out = {};

	if (memory_open(&out) < 0)
		return -ENOMEM;
	fputs("# Drained WANs, since when, and until when, in seconds since 1970; 0: without an "
	      "end.\n"
	      "# `health-check --drain` and `--undrain` write this.\n",
	      out.f);
	for (size_t i = 0; i < drains->n; i++)
		fprintf(out.f, "%s %ju %ju\n", drains->v[i].wan, (uintmax_t)drains->v[i].since,
			(uintmax_t)drains->v[i].until);
	if (memory_close(&out, &text) < 0)
		return -ENOMEM;
	return file_write_if_changed(path, text, fault);
}

const struct drain *drains_find(const struct drains *drains, const char *wan)
{
	for (size_t i = 0; i < drains->n; i++)
		if (strcmp(drains->v[i].wan, wan) == 0)
			return &drains->v[i];
	return NULL;
}

int drains_set(struct drains *drains, const struct drain *drain)
{
	const struct drain *old = drains_find(drains, drain->wan);

	if (!old)
		return APPEND(drains->v, drains->n, *drain);
	drains->v[old - drains->v].until = drain->until;
	return 0;
}

static void remove_at(struct drains *drains, size_t i)
{
	drains->n--;
	memmove(&drains->v[i], &drains->v[i + 1], (drains->n - i) * sizeof(*drains->v));
}

bool drains_remove(struct drains *drains, const char *wan)
{
	const struct drain *drain = drains_find(drains, wan);

	if (drain)
		remove_at(drains, drain - drains->v);
	return drain;
}

bool drains_clean(struct drains *drains, const struct config *config, uint64_t now)
{
	size_t n = drains->n;

	for (size_t i = n; i-- > 0;)
		if (is_over(&drains->v[i], now) ||
		    (config && config_find_wan(config, drains->v[i].wan) == config->n_wans))
			remove_at(drains, i);
	return drains->n < n;
}

void drains_apply(const struct drains *drains, const struct config *config, uint64_t now,
		  struct verdicts *verdicts)
{
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct drain *drain = drains_find(drains, config->wans[i].name);

		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct aside *aside = &verdicts->aside[i][family];

			aside->drained = drain && !is_over(drain, now);
			aside->until = aside->drained ? drain->until : 0;
		}
	}
}
