// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps the prefixes in use over runs and restarts of programs.
// One text file in RUN_DIR, a line for each WAN, replaced in one rename.

#include "reconcile/prefix_store.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/paths.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PREFIXES_PATH RUN_DIR "/prefixes"

/* One line: "WAN PREFIX [UNTIL [lost]]". A line of a WAN that is no longer configured is skipped.
 */
static void read_line(const struct config *config, char *line, struct npt_state *npt)
{
	char *name = strsep(&line, " "), *text = strsep(&line, " ");
	const char *until = strsep(&line, " ");
	uint64_t until_us = until ? strtoull(until, NULL, 10) : UINT64_MAX;
	struct fault ignored = {};
	struct prefix prefix;

	if (!text || prefix_parse(text, AF_INET6, &prefix) < 0)
		return;
	for (size_t i = 0; i < config->n_wans; i++) {
		if (strcmp(config->wans[i].name, name) != 0)
			continue;
		/* One that mwan.conf no longer allows is refused later, with the reason. */
		if (!line)
			npt->delegated[i] = prefix;
		else if (npt_check(config, i, prefix, &ignored) == 0)
			npt->lost[i] = prefix;
		npt->until_us[i] = until_us;
	}
}

int prefixes_read(const struct config *config, struct npt_state *ret, struct fault *fault)
{
	_cleanup_(npt_state_done) struct npt_state npt = {};
	_cleanup_(freep) char *text = NULL;
	char *rest;
	int r;

	r = npt_state_new(config->n_wans, &npt);
	if (r < 0)
		return r;

	r = file_read(PREFIXES_PATH, &text);
	if (fault_is_machines(r))
		return fault_set(fault, r, "%s: %s", PREFIXES_PATH, strerror(-r));
	/* As if it were gone; this run makes it again. */
	if (r < 0 && r != -ENOENT)
		log_event(LOG_WARNING, EVENT_PREFIXES_UNREADABLE, NULL,
			  "%s: %s; ignored, so a prefix that nobody can be asked for is lost",
			  PREFIXES_PATH, strerror(-r));

	rest = text;
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		read_line(config, line, &npt);

	*ret = TAKE(npt);
	return 0;
}

int prefixes_write(const struct config *config, const struct npt_state *npt, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	struct memory out = {};

	if (memory_open(&out) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		bool lost = npt->delegated[i].len == 0;
		struct prefix prefix = lost ? npt->lost[i] : npt->delegated[i];

		if (prefix.len == 0)
			continue;
		fprintf(out.f, "%s %s", config->wans[i].name, prefix_str(prefix).s);
		if (npt->until_us[i] < UINT64_MAX)
			fprintf(out.f, " %" PRIu64 "%s", npt->until_us[i], lost ? " lost" : "");
		putc('\n', out.f);
	}
	if (memory_close(&out, &text) < 0)
		return -ENOMEM;

	return file_write_if_changed(PREFIXES_PATH, text, fault);
}
