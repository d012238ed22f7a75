// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes the small files that programs keep or read: who is drained, prefixes, traces and others'.
// A line "== NAME" begins the file of that name.

#include "fuzz.h"

#include "base/dropins.h"
#include "base/fileio.h"
#include "base/flow_table.h"
#include "base/trace_log.h"
#include "config/load.h"
#include "kernel/forwarding.h"
#include "model/management.h"
#include "probe/resolv_conf.h"
#include "reconcile/prefix_store.h"
#include "status/drains.h"

#include <string.h>

static void read_drains(const struct config *config)
{
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	_cleanup_(drains_done) struct drains drains = {};
	struct fault fault = {};

	FUZZ_CHECK(drains_read(DRAINS_PATH, &drains, &fault) == 0);
	for (size_t i = 0; i < drains.n; i++)
		FUZZ_CHECK(drains_find(&drains, drains.v[i].wan) == &drains.v[i]);
	FUZZ_CHECK(verdicts_new(config->n_wans, &verdicts) == 0);
	drains_apply(&drains, config, 1800000000, &verdicts);
	drains_clean(&drains, config, 1800000000);
	FUZZ_CHECK(drains.n <= config->n_wans);
}

static void read_prefixes(const struct config *config)
{
	_cleanup_(npt_state_done) struct npt_state npt = {};
	struct fault fault = {};

	FUZZ_CHECK(prefixes_read(config, &npt, &fault) == 0);
	/* What is delegated is judged later, with the reason for refusing it. */
	for (size_t i = 0; i < config->n_wans; i++)
		FUZZ_CHECK(npt.lost[i].len == 0 || npt_check(config, i, npt.lost[i], &fault) == 0);
}

static void read_trace(void)
{
	const char *text = fuzz_content("mwan-debug.log");
	_cleanup_(freep) char *copy = text ? strdup(text) : NULL;
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n"));)
		free(trace_line(line, "0123456789abcdef"));
}

static void read_others(void)
{
	static const char *const names[] = { "a.network", "resolv.conf" };
	struct management management = {};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(freep) char *value = NULL;

		FUZZ_CHECK(conf_file_get(names[i], "Network", "DHCP", &value) == 0);
	}
	(void)resolv_conf_count("/etc/resolv.conf");
	if (fuzz_content("nftables.conf"))
		management_read_file(&management, fuzz_content("nftables.conf"));
	free(forwarding_stopped());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_text(data, size);
	static struct config config;

	if (!config.path)
		FUZZ_CHECK(fuzz_config(fuzz_usual_config, &config) == 0);
	fuzz_split(text, "");
	read_drains(&config);
	read_prefixes(&config);
	read_trace();
	read_others();
	return 0;
}
